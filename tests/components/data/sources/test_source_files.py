import pytest

from components.core.errors import DataError
from components.data.sources.source_files import files_left_out, find_sources
from tests.components.data_stages import write


def splits_of(sources):
    return {source.name: source.split for source in sources}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("a.CSV", "csv"),
        ("a.tsv.gz", "tsv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.parquet", "parquet"),
        ("a.tfrecord.gz", "tfrecord"),
    ],
)
def test_the_extension_says_the_format(tmp_path, name, expected):
    (source,) = find_sources(write(tmp_path / name, "x"), {}, None)
    assert (source.format, source.name, source.split) == (expected, name, None)


def test_an_unknown_extension_needs_a_format(tmp_path):
    path = write(tmp_path / "a.txt", "x")
    with pytest.raises(
        DataError, match=r"a\.txt: cannot tell the format from the extension '\.txt'.*set `format`"
    ):
        find_sources(path, {}, None)
    assert find_sources(path, {}, "tsv")[0].format == "tsv"


def test_files_of_a_directory_belong_to_the_splits_that_they_are_named_after(tmp_path):
    for name in ("train.tsv", "dev.tsv", "test.tsv", "labels.txt", "README.md", "mapping.json"):
        write(tmp_path / name, "x")
    expected = {"train.tsv": "train", "dev.tsv": "validation", "test.tsv": "test"}
    assert splits_of(find_sources(str(tmp_path), {}, None)) == expected
    assert splits_of(find_sources(str(tmp_path), {}, "tsv")) == expected


def test_directories_may_be_named_after_splits_instead(tmp_path):
    for name in ("train/part-0.csv", "train/part-1.csv", "val/part-0.csv"):
        write(tmp_path / name, "x")
    assert splits_of(find_sources(str(tmp_path), {}, None)) == {
        "train/part-0.csv": "train",
        "train/part-1.csv": "train",
        "val/part-0.csv": "validation",
    }


def test_several_data_sets_side_by_side_need_a_choice(tmp_path):
    for name in ("split/train-0.csv", "split/test-0.csv", "unsplit/train-0.csv"):
        write(tmp_path / name, "x")
    with pytest.raises(DataError) as caught:
        find_sources(f"{tmp_path}/", {}, None)
    message = str(caught.value)
    assert "the split train stands in several directories (split, unsplit)" in message
    assert f"(`source: {tmp_path}/split`)" in message
    assert f"(`source: {tmp_path}/*/*.csv*`)" in message
    assert splits_of(find_sources(f"{tmp_path}/split", {}, None)) == {
        "train-0.csv": "train",
        "test-0.csv": "test",
    }
    assert len(find_sources(f"{tmp_path}/*/*.csv*", {}, None)) == 3


def test_files_below_others_are_known(tmp_path):
    for name in ("2024.csv", "2025/a.csv", "2025/notes.md", "2026/b.csv"):
        write(tmp_path / name, "x")
    source = f"{tmp_path}/"
    read = find_sources(source, {}, None)
    assert [file.name for file in read] == ["2024.csv"]
    left_out = (f"{tmp_path}/2025/a.csv", f"{tmp_path}/2026/b.csv")
    assert files_left_out(source, None, read) == left_out
    for other in (f"{tmp_path}/2025", f"{tmp_path}/2024.csv", f"{tmp_path}/**/*.csv", "bigquery://a.b.c"):
        assert files_left_out(other, None, find_sources(other, {}, None)) == ()


def test_files_that_another_split_reads_are_not_left_out(tmp_path):
    for name in ("a.csv", "test/b.csv", "old/c.csv"):
        write(tmp_path / name, "x")
    read = find_sources(None, {"train": str(tmp_path), "test": f"{tmp_path}/test"}, None)
    assert files_left_out(str(tmp_path), None, read) == (f"{tmp_path}/old/c.csv",)


def test_the_name_of_the_directory_itself_says_nothing(tmp_path):
    for name in ("train/a.csv", "train/b.csv"):
        write(tmp_path / name, "x")
    assert splits_of(find_sources(str(tmp_path / "train"), {}, None)) == {"a.csv": None, "b.csv": None}


def test_files_of_a_glob_are_sorted_and_dealt_by_hash(tmp_path):
    for name in ("b.csv", "a.csv", "c.tsv"):
        write(tmp_path / name, "x")
    sources = find_sources(str(tmp_path / "*.csv"), {}, None)
    assert splits_of(sources) == {"a.csv": None, "b.csv": None}


def test_a_single_file_is_dealt_by_hash_whatever_its_name(tmp_path):
    (source,) = find_sources(write(tmp_path / "train.csv", "x"), {}, None)
    assert source.split is None


@pytest.mark.parametrize("names", [("train.csv", "extra.csv"), ("dev.csv", "test.csv")])
def test_half_named_splits_are_refused(tmp_path, names):
    for name in names:
        write(tmp_path / name, "x")
    with pytest.raises(DataError, match=r"some files are named after splits, but .*`splits`"):
        find_sources(str(tmp_path), {}, None)


def test_two_formats_in_one_directory_need_a_choice(tmp_path):
    for name in ("train.csv", "train.parquet"):
        write(tmp_path / name, "x")
    with pytest.raises(DataError, match="holds csv and parquet files; set `format`"):
        find_sources(str(tmp_path), {}, None)
    assert [source.name for source in find_sources(str(tmp_path), {}, "csv")] == ["train.csv"]


def test_splits_can_be_named_one_by_one(tmp_path):
    splits = {
        "train": write(tmp_path / "2024" / "rows.csv", "x"),
        "test": write(tmp_path / "2025" / "rows.csv", "x"),
    }
    assert splits_of(find_sources(None, splits, None)) == {"2024/rows.csv": "train", "2025/rows.csv": "test"}


def test_a_file_in_two_splits_is_refused(tmp_path):
    path = write(tmp_path / "rows.csv", "x")
    with pytest.raises(DataError, match=r"rows\.csv: is named more than once"):
        find_sources(None, {"train": path, "test": path}, None)


@pytest.mark.parametrize("name", ["gone.csv", "*.csv", "empty"])
def test_what_is_not_there_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=rf"{tmp_path}/.*: no"):
        find_sources(str(tmp_path / name), {}, None)


def test_a_directory_without_data_says_what_is_expected(tmp_path):
    write(tmp_path / "notes.md", "x")
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path, tmp_path / "empty"):
        with pytest.raises(DataError, match=r"no data file in this directory; expected \.csv"):
            find_sources(str(directory), {}, None)


def test_remote_directories_are_listed():
    import fsspec

    for name in ("train.csv", "test.csv"):
        with fsspec.open(f"memory://listed/{name}", "wb") as stream:
            stream.write(b"x")
    sources = find_sources("memory://listed", {}, None)
    assert [(source.uri, source.split) for source in sources] == [
        ("memory://listed/test.csv", "test"),
        ("memory://listed/train.csv", "train"),
    ]
