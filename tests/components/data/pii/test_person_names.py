import subprocess
import sys

import pytest
import spacy

from components.core.errors import ConfigError
from components.data.pii.person_names import load_pipeline
from components.data.pii.settings import Pii

PERSONS = ["Ada Lovelace", "Grace", "Alan Turing"]


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory) -> str:
    """A spaCy pipeline on disk that knows a few persons and a city."""
    language = spacy.blank("en")
    ruler = language.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": name} for name in PERSONS])
    ruler.add_patterns([{"label": "GPE", "pattern": "London"}, {"label": "PERSON", "pattern": "NAME"}])
    path = tmp_path_factory.mktemp("spacy") / "names"
    language.to_disk(path)
    return str(path)


def test_persons_are_masked_and_cities_are_not(pipeline):
    masker = Pii(kinds=("EMAIL", "NAME"), names_pipeline=pipeline).masker()
    text = "Ada Lovelace met Grace in London, said Alan Turing (alan@example.com)."
    masked = "[NAME] met [NAME] in London, said [NAME] ([EMAIL])."
    assert masker.mask(text) == (masked, {"NAME": 3, "EMAIL": 1})
    assert masker.mask(masked) == (masked, {})
    assert masker.placeholders == ("[EMAIL]", "[NAME]")


def test_a_text_with_nothing_but_letters_is_searched_too(pipeline):
    masker = Pii(kinds=("NAME",), names_pipeline=pipeline).masker()
    assert masker.mask("thank you Grace") == ("thank you [NAME]", {"NAME": 1})


def test_placeholders_are_no_persons(pipeline):
    masker = Pii(kinds=("NAME",), names_pipeline=pipeline).masker()
    assert masker.mask("[NAME] likes Grace") == ("[NAME] likes [NAME]", {"NAME": 1})


def test_a_missing_pipeline_is_named_with_the_way_to_it(tmp_path):
    with pytest.raises(ConfigError, match="python -m spacy download no_such_pipeline"):
        Pii(kinds=("NAME",), names_pipeline="no_such_pipeline").masker()
    with pytest.raises(ConfigError, match="check the path"):
        Pii(kinds=("NAME",), names_pipeline=str(tmp_path / "absent")).masker()


def test_a_pipeline_that_finds_nothing_is_refused(tmp_path):
    spacy.blank("en").to_disk(tmp_path / "empty")
    with pytest.raises(ConfigError, match="finds no entities"):
        load_pipeline(str(tmp_path / "empty"))


def test_without_spacy_the_extra_is_named():
    """In a process of its own, where spaCy cannot be imported."""
    program = (
        "import sys; sys.modules['spacy'] = None\n"
        "from components.data.pii.settings import Pii\n"
        "Pii(kinds=['NAME'], names_pipeline='x').masker()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'emotion-pipeline[names]'" in done.stderr


def test_a_directory_is_an_input_and_is_found_beside_the_configuration(pipeline, tmp_path):
    settings = Pii(kinds=("NAME",), names_pipeline=pipeline)
    assert [found.path for found in settings.external_inputs()] == [pipeline]
    (tmp_path / "names").mkdir()
    beside = Pii.model_validate({"kinds": ["NAME"], "names_pipeline": "./names"}, context={"base": tmp_path})
    assert beside.names_pipeline == str(tmp_path / "names")
