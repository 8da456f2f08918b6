"""Versions are pushed, promoted and rolled back, by several at once, and none is lost."""

import json
import threading
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from components.core.errors import UserError
from components.publishing.settings import AppConfig, KServeConfig, PublishingSettings
from tests.components.publishing.conftest import LABELLED, Publisher


def update_of(publisher: Publisher) -> dict[str, object]:
    return dict(json.loads(Path(publisher.destination.uri, "tflite", "update.json").read_text()))


def labels_of(publisher: Publisher) -> tuple[dict[str, int], list[int]]:
    """Labels and versions to load, as TensorFlow Serving reads them."""
    text = Path(publisher.destination.uri, "models.config").read_text()
    (config,) = text_format.Parse(text, ModelServerConfig()).model_config_list.config
    assert config.base_path == f"{publisher.destination}/saved_model"
    return dict(config.version_labels), list(config.model_version_policy.specific.versions)


def test_a_rollback_makes_the_old_model_the_newest_version(publisher: Publisher) -> None:
    for content in ("one", "two", "three"):
        publisher.push(content)
    event = publisher.releases.rollback(message="insults taken for joy")
    assert (event.event, event.version, event.message) == ("rollback", 4, "insults taken for joy")
    assert publisher.versions == [1, 2, 3, 4], "the bad one stays as evidence"
    assert publisher.holds(4) == "two"
    assert publisher.destination.manifest("saved_model", 4)["origin"] == 2
    assert publisher.releases.state.withdrawn.keys() == {3}


def test_rollbacks_go_back_further_and_further(publisher: Publisher) -> None:
    for content in ("one", "two", "three"):
        publisher.push(content)
    publisher.releases.rollback()
    publisher.releases.rollback()
    assert publisher.holds(max(publisher.versions)) == "one"
    with pytest.raises(
        UserError, match=r"no earlier good version.*holds 1, 2, 3 \(withdrawn\), 4 \(withdrawn\), 5"
    ):
        publisher.releases.rollback()


def test_a_rollback_to_a_version_that_is_named(publisher: Publisher) -> None:
    for content in ("one", "two", "three"):
        publisher.push(content)
    publisher.releases.rollback(1)
    assert publisher.holds(4) == "one"
    with pytest.raises(UserError, match="has no version 9: it holds 1, 2, 3"):
        publisher.releases.rollback(9)


def test_a_rollback_before_any_push(publisher: Publisher) -> None:
    with pytest.raises(UserError, match="nothing was pushed there"):
        publisher.releases.rollback()


def test_a_damaged_version_is_not_gone_back_to(publisher: Publisher) -> None:
    publisher.push("one")
    publisher.push("two")
    Path(publisher.destination.version_dir("saved_model", 1), "saved_model.pb").write_text("eno")
    with pytest.raises(UserError, match=r"version 1 cannot be served again.*saved_model.pb has changed"):
        publisher.releases.rollback()
    assert publisher.versions == [1, 2]


def test_what_was_rolled_back_comes_back_when_it_is_promoted(publisher: Publisher) -> None:
    publisher.push("one")
    publisher.push("two")
    publisher.releases.rollback()
    assert publisher.push("two").withdrawn == 2
    publisher.releases.promote(2)
    assert publisher.holds(max(publisher.versions)) == "two"
    assert publisher.push("two").withdrawn is None


def test_a_canary_is_tried_out_and_promoted(publisher: Publisher) -> None:
    publisher.push("one", LABELLED, canary=True)
    assert labels_of(publisher) == ({"stable": 1}, [1])
    publisher.push("two", LABELLED, canary=True)
    assert labels_of(publisher) == ({"stable": 1, "canary": 2}, [1, 2])
    assert update_of(publisher)["model_version"] == 1
    publisher.releases.promote()
    # Version 1 stays loaded: a label only moves to a version that is available.
    assert labels_of(publisher) == ({"stable": 2}, [1, 2])
    assert update_of(publisher)["model_version"] == 2
    with pytest.raises(UserError, match="has no canary"):
        publisher.releases.promote()


def test_a_rollback_drops_the_canary_first_and_then_moves_the_label(publisher: Publisher) -> None:
    publisher.push("one", LABELLED)
    publisher.push("two", LABELLED)
    publisher.push("three", LABELLED, canary=True)
    assert publisher.releases.rollback().event == "withdraw"
    assert labels_of(publisher) == ({"stable": 2}, [1, 2])
    publisher.releases.rollback()
    assert labels_of(publisher) == ({"stable": 1}, [1])
    assert publisher.versions == [1, 2, 3], "no copy is needed where servers are told the version"
    assert publisher.push("three", LABELLED, canary=True).withdrawn == 3


def test_what_apps_compare_grows_when_the_version_goes_back(publisher: Publisher) -> None:
    publisher.push("one", LABELLED)
    publisher.push("two", LABELLED)
    before = update_of(publisher)
    publisher.releases.rollback()
    after = update_of(publisher)
    assert (before["model_version"], after["model_version"]) == (2, 1)
    assert after["release"] > before["release"]  # type: ignore[operator]


def test_only_so_many_versions_are_kept(publisher: Publisher) -> None:
    for content in ("one", "two", "three", "four"):
        publisher.push(content, keep_versions=2)
    assert publisher.versions == [3, 4]
    assert not Path(publisher.destination.version_dir("tflite", 1)).exists()
    assert publisher.push("one", keep_versions=2).version == 5, "a number is given once"


def test_what_is_served_is_kept_whatever_its_age(publisher: Publisher) -> None:
    for content in ("one", "two"):
        publisher.push(content, LABELLED)
    for content in ("three", "four", "five"):
        publisher.push(content, LABELLED, canary=True, keep_versions=1)
    state = publisher.releases.state
    assert (state.stable, state.canary, state.previous()) == (2, 5, 1)
    assert publisher.versions == [1, 2, 5]


def test_what_a_killed_deletion_left_is_deleted_by_the_next_push(publisher: Publisher) -> None:
    publisher.push("one")
    publisher.push("two")
    publisher.destination.delete = lambda version: None  # type: ignore[method-assign]
    publisher.push("three", keep_versions=1)
    assert publisher.versions == [1, 2, 3]
    with pytest.raises(UserError, match="has no version 1"):
        publisher.releases.rollback(1)
    del publisher.destination.delete
    publisher.push("four", keep_versions=1)
    assert publisher.versions == [3, 4]


def test_pushers_at_once_get_numbers_of_their_own(publisher: Publisher) -> None:
    results: list[int] = []
    names = [f"model-{number}" for number in range(8)]
    threads = [
        threading.Thread(target=lambda name=name: results.append(publisher.push(name, LABELLED).version))
        for name in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == list(range(1, 9))
    assert sorted(publisher.holds(version) for version in results) == names
    assert labels_of(publisher)[0] == {"stable": publisher.releases.state.stable}
    assert publisher.releases.state.versions.keys() == set(range(1, 9))
    assert [event.number for event in publisher.destination.history.events()] == list(range(1, 17))


def test_kserve_is_told_of_version_and_share(publisher: Publisher) -> None:
    import yaml

    settings = PublishingSettings(
        kserve=KServeConfig(name="feelings", namespace="nlp", storage_uri="s3://models/saved_model/")
    )
    publisher.push("one", settings)
    path = Path(publisher.destination.uri, "inference_service.yaml")
    document = yaml.safe_load(path.read_text())
    assert document == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "feelings", "namespace": "nlp"},
        "spec": {
            "predictor": {
                "model": {"modelFormat": {"name": "tensorflow"}},
                "storageUris": [{"uri": "s3://models/saved_model/1", "mountPath": "/mnt/models/1"}],
            }
        },
    }
    document["spec"]["predictor"]["minReplicas"] = 3
    path.write_text(yaml.safe_dump(document))
    publisher.push("two", settings, canary=True)
    predictor = yaml.safe_load(path.read_text())["spec"]["predictor"]
    assert predictor["canaryTrafficPercent"] == 10
    assert predictor["storageUris"][0]["uri"] == "s3://models/saved_model/2"
    assert predictor["minReplicas"] == 3, "what a person added stays"
    publisher.releases.rollback()
    predictor = yaml.safe_load(path.read_text())["spec"]["predictor"]
    assert "canaryTrafficPercent" not in predictor
    assert predictor["storageUris"][0]["uri"] == "s3://models/saved_model/1"


def test_a_push_of_the_same_model_tells_of_new_settings(publisher: Publisher) -> None:
    publisher.push("one")
    told = publisher.push("one", PublishingSettings(app=AppConfig(minimum_app_version="2.3")))
    assert not told.is_new
    assert update_of(publisher)["minimum_app_version"] == "2.3"
