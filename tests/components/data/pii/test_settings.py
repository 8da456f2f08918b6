import subprocess
import sys
from importlib import metadata

import pytest
from pydantic import ValidationError

from components.data.ingestion.example_gen_config import ExampleGenConfig
from components.data.pii.kinds import PiiKind
from components.data.pii.settings import Pii


def test_everything_but_names_is_masked_by_default():
    assert set(Pii().kinds) == set(PiiKind) - {PiiKind.NAME}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phone_regions": ["UK"]}, "no telephone numbers of 'UK' are known"),
        ({"id_countries": ["XX"]}, "no ids of 'XX' are known; expected some of AT, AU"),
        ({"kinds": ["NAME"]}, "go together"),
        ({"names_pipeline": "en_core_web_sm"}, "go together"),
        ({"kinds": ["EMIAL"]}, "'EMAIL', 'URL'"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValidationError, match=message):
        Pii(**settings)


def test_regions_beyond_the_default_are_known():
    assert Pii(phone_regions=("SG", "HK")).masker().mask("call 8123 4567") == ("call [PHONE]", {"PHONE": 1})


def test_the_key_of_pseudonyms_is_an_input(tmp_path):
    settings = Pii.model_validate({"pseudonym_key": "key"}, context={"base": tmp_path})
    assert [found.path for found in settings.external_inputs()] == [str(tmp_path / "key")]


def test_the_version_of_an_installed_pipeline_counts(tmp_path):
    def versions(name):
        settings = {"source": str(tmp_path / "a.csv"), "pii": {"kinds": ["NAME"], "names_pipeline": name}}
        return dict(ExampleGenConfig.model_validate(settings).external_versions())

    (tmp_path / "a.csv").write_text("text,labels\n")
    assert versions("spacy_legacy") == {"spacy_legacy": metadata.version("spacy-legacy")}
    assert versions("no_such_pipeline") == {"no_such_pipeline": "absent"}
    assert versions("./names") == {}


def test_settings_and_masker_load_no_library_before_they_need_it():
    program = (
        "import sys\nfrom components.data.pii.settings import Pii\nPii().masker().mask('nothing here')\n"
        "print([name for name in ('phonenumbers', 'stdnum', 'spacy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
