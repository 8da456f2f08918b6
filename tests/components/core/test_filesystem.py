import itertools
from pathlib import Path

import fsspec
import pytest

from components.core.errors import UserError
from components.core.filesystem import content_digest, local_path, open_file, resolve_files

_bucket = itertools.count()


@pytest.fixture
def bucket() -> str:
    """An in-memory object store: the code path of gs:// and s3://."""
    return f"memory://bucket-{next(_bucket)}"


def test_the_digest_is_of_names_and_content(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_text("1")
    first = content_digest(str(tmp_path / "a"))
    (tmp_path / "a" / "one").rename(tmp_path / "a" / "two")
    renamed = content_digest(str(tmp_path / "a"))
    (tmp_path / "a" / "two").write_text("2")
    assert len({first, renamed, content_digest(str(tmp_path / "a"))}) == 3


def test_a_missing_file_is_named_with_a_remedy(tmp_path: Path):
    with pytest.raises(UserError, match=r"missing\.csv: no such file; check the path"):
        open_file(str(tmp_path / "missing.csv"))
    with pytest.raises(UserError, match="is a directory; name a file"):
        open_file(str(tmp_path))


def test_a_file_uri_is_the_path_that_it_names():
    assert local_path("file:///data/a%20b.csv") == "/data/a b.csv"
    assert local_path("file://localhost/data/*.csv") == "/data/*.csv"
    for other in ("data/a.csv", "gs://bucket/a%20b.csv"):
        assert local_path(other) == other
    for wrong in ("file://data/a.csv", "file://a.csv"):
        with pytest.raises(UserError, match=r"the machine '.*'; write file:/// and the whole path"):
            local_path(wrong)


def test_an_unknown_scheme_is_a_mistake_of_the_user():
    with pytest.raises(UserError, match="nosuch://bucket/file"):
        open_file("nosuch://bucket/file")


def test_hidden_directories_are_left_out_below_the_part_without_wildcards(tmp_path: Path, bucket: str):
    for name in (".cache/a/x.csv", ".cache/.ipynb_checkpoints/x.csv", ".cache/_old/x.csv"):
        for base in (f"{tmp_path}/{name}", f"{bucket}/data/{name}"):
            with fsspec.open(base, "w", auto_mkdir=True) as stream:
                stream.write(name)
    for base in (str(tmp_path), f"{bucket}/data"):
        for pattern in ("*/*.csv", "**/*.csv", "a/x.c?v"):
            assert resolve_files(f"{base}/.cache/{pattern}") == (f"{base}/.cache/a/x.csv",)
        with pytest.raises(UserError, match="no such file"):
            resolve_files(f"{base}/*/a/*.csv")


@pytest.mark.parametrize("pattern", ["_export*/x.csv", "*/_clean/x.csv", "[a_]*/_clean/x.csv", "**/.x.csv"])
def test_hidden_names_are_found_where_the_pattern_names_them(tmp_path: Path, bucket: str, pattern: str):
    found = {"_export*/x.csv": "_export1/x.csv", "**/.x.csv": "a/.x.csv"}.get(pattern, "a/_clean/x.csv")
    for base in (str(tmp_path), f"{bucket}/data"):
        for name in (
            "_export1/x.csv",
            "_export1/_clean/x.csv",
            "a/_clean/x.csv",
            "a/.x.csv",
            "_old/_clean/x.csv",
        ):
            with fsspec.open(f"{base}/{name}", "w", auto_mkdir=True) as stream:
                stream.write(name)
        assert resolve_files(f"{base}/{pattern}") == (f"{base}/{found}",)


def test_files_are_found_by_name_pattern_and_directory(tmp_path: Path, bucket: str):
    for name in ("b.csv", "a.csv", "c.txt", ".hidden", "_SUCCESS"):
        (tmp_path / name).write_text(name)
        with fsspec.open(f"{bucket}/data/{name}", "w") as stream:
            stream.write(name)
    assert resolve_files(str(tmp_path / "a.csv")) == (str(tmp_path / "a.csv"),)
    assert [Path(name).name for name in resolve_files(str(tmp_path / "*.csv"))] == ["a.csv", "b.csv"]
    assert [Path(name).name for name in resolve_files(str(tmp_path))] == ["a.csv", "b.csv", "c.txt"]
    assert resolve_files(f"{bucket}/data/*.csv") == (f"{bucket}/data/a.csv", f"{bucket}/data/b.csv")
    with open_file(f"{bucket}/data/a.csv") as stream:
        assert stream.read() == b"a.csv"
    with pytest.raises(UserError, match="no such file"):
        resolve_files(str(tmp_path / "*.parquet"))
