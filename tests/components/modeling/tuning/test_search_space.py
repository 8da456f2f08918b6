from typing import Any

import pytest
from pydantic import ValidationError

from components.modeling.tuning.search_space import Range, check_space, grid, values_of, with_values
from components.trainer import TrainerConfig


def _space(**ranges: Any) -> dict[str, Range]:
    return {key.replace("__", "."): Range.model_validate(found) for key, found in ranges.items()}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "give exactly one of uniform, log_uniform, int_uniform, choice; here: none"),
        ({"uniform": [0, 1], "choice": [1]}, "here: uniform, choice"),
        ({"uniform": [1, 0]}, r"uniform is \[1, 0\]; expected \[lowest, highest\]"),
        ({"log_uniform": [0, 1]}, r"log_uniform is \[0, 1\]; expected \[lowest, highest\] above 0"),
        ({"choice": []}, "choice needs at least one value"),
        ({"choice": [{"a": 1}, {"a": 1}]}, "none of them twice"),
        ({"int_uniform": [1.5, 3]}, "int_uniform"),
        ({"log_unifrom": [1, 2]}, "log_unifrom"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(found: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Range.model_validate(found)


def test_numbers_that_yaml_takes_for_text_are_numbers() -> None:
    assert Range.model_validate({"choice": ["1e-5", "3.5E-4", "1e-5x"]}).choice == (1e-5, 3.5e-4, "1e-5x")
    assert Range.model_validate({"log_uniform": ["1e-5", "1e-3"]}).bounds == (1e-5, 1e-3)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (
            _space(learning_rat={"uniform": [0, 0.1]}),
            "unknown key `learning_rat`; did you mean `learning_rate`",
        ),
        (_space(loss__gama={"uniform": [1, 2]}), "unknown key `loss.gama`; did you mean `loss.gamma`"),
        (_space(zzz={"uniform": [1, 2]}), "unknown key `zzz`; it is no key of the trainer's section"),
        (_space(dropout={"uniform": [0.1, 1.0]}), "search_space.dropout: 1.0 is not allowed: `dropout`"),
        (
            _space(pooling={"choice": ["mean", "median"]}),
            "search_space.pooling: 'median' is not allowed: `pooling`",
        ),
        (
            _space(loss__name={"choice": ["focal", "huber"]}),
            "search_space.loss.name: 'huber' is not allowed: .* does not fit the task",
        ),
        (
            _space(loss={"choice": [{"name": "focal"}]}, loss__gamma={"uniform": [1, 2]}),
            "`loss.gamma` and `loss` set the same thing",
        ),
        (_space(ensemble__seeds={"choice": [2, 3]}), "`ensemble.seeds` cannot be searched: trials train one"),
        (_space(warm_start={"choice": [None, "latest_blessed"]}), "`warm_start` cannot be searched"),
        (_space(encoder={"choice": ["minilm", "bert"]}), "`encoder` cannot be searched"),
        (
            _space(tracking__projector_texts={"choice": [0, 1]}),
            "`tracking.projector_texts` cannot be searched",
        ),
        (_space(checkpoints={"choice": [{"keep": 1}]}), "`checkpoints` cannot be searched"),
        (
            _space(distillation={"choice": [None]}),
            "`distillation` cannot be searched: name them in the section",
        ),
        (_space(distillation__teachers={"choice": [["a"]]}), "`distillation.teachers` cannot be searched"),
        (
            _space(loss__gamma={"uniform": [1, 2], "when": {"loss.name": "focal"}}),
            "search_space.loss.gamma.when: expected a setting above it",
        ),
    ],
)
def test_what_the_trainer_does_not_take_is_refused(space: dict[str, Range], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_space(space, TrainerConfig())


def test_settings_that_hang_together_are_taken() -> None:
    space = _space(
        learning_rate={"log_uniform": [1e-5, 5e-4]},
        early_stopping__patience={"choice": [None, 1]},
        loss__name={"choice": ["cross_entropy", "focal"]},
        loss__gamma={"uniform": [1, 3], "when": {"loss.name": "focal"}},
    )
    check_space(space, TrainerConfig())
    assert space["loss.gamma"].applies({"loss.name": "focal"})
    assert not space["loss.gamma"].applies({"loss.name": "cross_entropy"})
    assert not space["loss.gamma"].applies({})


def test_values_reach_nested_sections_and_leave_the_rest() -> None:
    before = TrainerConfig(epochs=7)
    after = with_values(before, {"loss.name": "focal", "loss.gamma": 1.5, "learning_rate": 3e-5})
    assert (after.loss.name, after.loss.gamma, after.learning_rate, after.epochs) == ("focal", 1.5, 3e-5, 7)
    assert before.loss.name == "auto"
    with pytest.raises(ValidationError):
        with_values(before, {"learning_rate": 2.0})


def test_a_head_has_settings_of_its_own() -> None:
    heads = {"mood": {"task": "multi_label", "outputs": ["joy"]}}
    config = TrainerConfig.model_validate({"heads": heads})
    check_space(_space(heads__mood__loss_weight={"log_uniform": [0.1, 10]}), config)
    assert with_values(config, {"heads.mood.loss_weight": 3.0}).heads["mood"].loss_weight == 3.0
    with pytest.raises(ValueError, match=r"did you mean `heads\.mood\.loss_weight`"):
        check_space(_space(heads__mod__loss_weight={"log_uniform": [0.1, 10]}), config)


def test_configured_values_are_those_of_the_first_trial() -> None:
    space = _space(
        learning_rate={"log_uniform": [1e-5, 5e-4]},
        loss={"choice": [{"name": "focal", "gamma": 1.0}, {"name": "auto"}]},
        epochs={"int_uniform": [1, 5]},
    )
    assert values_of(space, TrainerConfig()) == {"learning_rate": 1e-4, "loss": {"name": "auto"}, "epochs": 4}
    assert values_of(space, TrainerConfig(learning_rate=0.1)) is None
    assert values_of(_space(pooling={"choice": ["cls"]}), TrainerConfig()) is None


def test_what_depends_on_another_setting_is_a_value_only_with_it() -> None:
    space = _space(
        loss__name={"choice": ["auto", "focal"]},
        loss__gamma={"uniform": [1, 3], "when": {"loss.name": "focal"}},
    )
    assert values_of(space, TrainerConfig()) == {"loss.name": "auto"}


def test_a_grid_needs_an_end_of_values() -> None:
    space = _space(epochs={"int_uniform": [1, 3]}, loss={"choice": [{"name": "focal"}, {"name": "auto"}]})
    assert grid(space) == {"epochs": [1, 2, 3], "loss": ['{"name": "focal"}', '{"name": "auto"}']}
    with pytest.raises(ValueError, match="`dropout` has no end of values; give it as choice or int_uniform"):
        grid(_space(dropout={"uniform": [0, 0.5]}))
