import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.core.errors import DataError, UserError
from components.data.validation.split_profile import SplitProfile, read_profiles
from tests.components.written_statistics import dataset, write_statistics

ROWS = [
    {"text": ["one two three"], "labels": ["joy", "fear"], "slice/lang": ["en"]},
    {"text": ["one"], "labels": []},
]


def test_a_directory_of_splits(tmp_path):
    write_statistics(tmp_path, {"test": ROWS[:1], "train": ROWS}, ["joy", "fear", "grief"])
    profiles = read_profiles(f"{tmp_path}/")
    assert list(profiles) == ["train", "test"]
    train = profiles["train"]
    assert train.rows == 2
    assert train.label_counts == {"joy": 1, "fear": 1, "grief": 0}
    assert train.labels_per_text == {"2": 1, "0": 1}
    assert train.lengths.total == 2
    assert list(train.categories()) == ["slice/lang"]


def test_protos_alone(tmp_path):
    """As TFDV writes them: without `statistics.json`, or one file."""
    statistics = write_statistics(tmp_path / "s", {"train": ROWS}, ["joy", "fear"])
    statistics.json_path.unlink()
    for uri in (statistics.path, statistics.stats_path("train"), statistics.stats_path("train").parent):
        (profile,) = read_profiles(str(uri)).values()
        assert (profile.name, profile.rows) == ("train", 2)
        assert profile.label_counts == {"joy": 1, "fear": 1}
        assert profile.labels_per_text == {}
        assert profile.lengths is None


def test_a_file_of_several_data_sets(tmp_path):
    both = statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset("a", ROWS), dataset("b", ROWS)])
    (tmp_path / "both.pb").write_bytes(both.SerializeToString())
    assert list(read_profiles(str(tmp_path / "both.pb"))) == ["a", "b"]
    both.datasets[1].name, both.datasets[0].num_examples = "All Examples", 1
    (tmp_path / "sliced.pb").write_bytes(both.SerializeToString())
    (profile,) = read_profiles(str(tmp_path / "sliced.pb")).values()
    assert (profile.name, profile.rows) == ("train", 2), "the whole, not the slice"


def test_lengths_of_the_proto_where_there_is_no_document():
    proto = dataset("train", ROWS)
    text = next(feature for feature in proto.features if feature.name == "text")
    text.custom_stats.add(name="length_words").histogram.buckets.add(
        low_value=1, high_value=4, sample_count=2
    )
    assert SplitProfile("train", proto).lengths.total == 2


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"text,labels\n"])
def test_what_holds_no_statistics(tmp_path, content):
    (tmp_path / "x.pb").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.pb: holds no statistics; expected a directory"):
        read_profiles(str(tmp_path / "x.pb"))


def test_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_profiles(str(tmp_path / "gone"))
    with pytest.raises(UserError, match="holds no statistics"):
        read_profiles(str(tmp_path))


def test_a_document_of_another_kind(tmp_path):
    statistics = write_statistics(tmp_path, {"train": ROWS}, ["joy"])
    statistics.json_path.write_text("[]")
    with pytest.raises(UserError, match="is not what StatisticsGen writes"):
        read_profiles(str(tmp_path))
