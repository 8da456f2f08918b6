import json
from typing import get_args

import pytest

from components.data.presets import LABEL_MAPPINGS, SOURCE_PRESETS, label_mapping, source_settings
from components.example_gen import ExampleGenConfig
from tests.components.data_stages import SHARED_DATA, needs_shared_data


def test_the_configuration_takes_every_preset():
    annotation = ExampleGenConfig.model_fields["preset"].annotation
    (names, _) = get_args(annotation)
    assert get_args(names) == SOURCE_PRESETS
    for name in SOURCE_PRESETS:
        ExampleGenConfig.model_validate({"source": "x", **source_settings(name)})


def test_unknown_names_list_what_is_shipped():
    with pytest.raises(ValueError, match="no label mapping 'plutchik'; shipped are goemotions-ekman"):
        label_mapping("plutchik")


def test_every_label_of_goemotions_is_mapped():
    names = set(source_settings("goemotions")["label_names"])
    assert len(names) == 28
    for mapping in LABEL_MAPPINGS:
        assert set(label_mapping(mapping)) == names
    assert len(set(label_mapping("goemotions-ekman").values())) == 7
    assert len(set(label_mapping("goemotions-sentiment").values())) == 4


@needs_shared_data
@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["ekman", "sentiment"])
def test_the_mappings_are_the_published_ones(name):
    published = json.loads((SHARED_DATA / "goemotions" / f"{name}_mapping.json").read_text())
    expected = {label: group for group, labels in published.items() for label in labels}
    assert label_mapping(f"goemotions-{name}") == {**expected, "neutral": "neutral"}
    labels = (SHARED_DATA / "goemotions" / "labels.txt").read_text().split()
    assert source_settings("goemotions")["label_names"] == labels
