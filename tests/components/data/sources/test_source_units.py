import json
import pickle

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFile
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import DataError
from components.data.records.example_proto import encode_example
from components.data.records.tfrecord import write_records
from components.data.sources.delimited import Dialect
from components.data.sources.json_lines import read_json_lines
from components.data.sources.rows import BrokenRow, Reason, Row
from components.data.sources.source_files import SourceFile
from components.data.sources.source_units import SourceUnit, open_unit, plan_units
from tests.components.data.sources.reading import read_units
from tests.components.data_stages import write


def read(path, file_format, wanted=()):
    rows, plan = read_units(path, file_format, wanted)
    return rows, plan.encoding


def test_csv_and_tsv_differ_in_the_delimiter(tmp_path):
    for file_format, delimiter in (("csv", ","), ("tsv", "\t")):
        path = write(tmp_path / "a", f"text{delimiter}labels\none{delimiter}joy\n")
        assert read(path, file_format) == ([Row(2, {"text": "one", "labels": "joy"})], "utf-8")


def test_json_lines(tmp_path):
    path = write(tmp_path / "a", '{"text": "one", "labels": ["joy"]}\r\n\n{"text": "two"}')
    rows, encoding = read(path, "jsonl", ("text", "labels"))
    assert rows == [Row(1, {"text": "one", "labels": ["joy"]}), Row(3, {"text": "two"})]
    assert encoding == "utf-8"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": ', Reason.BROKEN_JSON),
        ('["no", "object"]', Reason.BROKEN_JSON),
        ("[" * 100_000, Reason.BROKEN_JSON),
        ('{"n": ' + "9" * 5000 + "}", Reason.BROKEN_JSON),
        ('caf\udce9 {"', Reason.NOT_UTF8),
    ],
)
def test_a_broken_line_is_one_broken_row(line, reason):
    broken, good = read_json_lines(iter([line + "\n", '{"text": "ok"}\n']))
    assert (broken.number, broken.reason) == (1, reason)
    assert good == Row(2, {"text": "ok"})


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_line_is_too_strange(lines):
    rows = list(read_json_lines(f"{line}\n" for line in lines))
    assert len(rows) == sum(bool(line.strip()) for line in lines)
    assert all(isinstance(row, Row | BrokenRow) for row in rows)


@given(
    st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.text(), st.integers(), st.lists(st.text())))
)
def test_any_object_is_a_row(values):
    assert list(read_json_lines(iter([json.dumps(values)]))) == [Row(1, values)]


def test_parquet_with_lists_nulls_and_row_groups(tmp_path):
    table = pa.table({"text": ["one", "two", None], "labels": [["joy"], [], None], "other": [1, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    rows, encoding = read(tmp_path / "a.parquet", "parquet", ("text", "labels"))
    assert rows == [
        Row(1, {"text": "one", "labels": ["joy"]}),
        Row(2, {"text": "two", "labels": []}),
        Row(3, {"text": None, "labels": None}),
    ]
    assert encoding == "binary"


def test_parquet_text_that_is_no_utf8_costs_its_row_only(tmp_path):
    bad = pa.array([b"caf\xe9", b"ok"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": bad}), tmp_path / "a.parquet")
    rows, _ = read(tmp_path / "a.parquet", "parquet", ("text",))
    assert [row.values["text"] for row in rows] == ["caf\udce9", "ok"]


def test_tfrecord_values_are_none_one_or_a_list(tmp_path):
    record = encode_example({"text": ["é"], "labels": [b"joy", b"fear"], "weight": [], "id": [7]})
    write_records(tmp_path / "a.tfrecord", [record])
    rows, _ = read(tmp_path / "a.tfrecord", "tfrecord", ("text", "labels"))
    assert rows == [Row(1, {"text": "é", "labels": ["joy", "fear"], "weight": None, "id": 7})]


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet", "tfrecord"])
def test_a_missing_column_is_named_in_every_format(tmp_path, file_format):
    path = tmp_path / "a"
    if file_format == "csv":
        write(path, "texts,labels\none,joy\n")
    elif file_format == "jsonl":
        write(path, '{"texts": "one", "labels": "joy"}\n')
    elif file_format == "parquet":
        pq.write_table(pa.table({"labels": ["joy"], "texts": ["one"]}), path)
    else:
        write_records(path, [encode_example({"texts": ["one"], "labels": ["joy"]})])
    with pytest.raises(
        DataError, match=r"a: no column 'text'; the columns are .*'labels'.*did you mean 'texts'"
    ):
        read(path, file_format, ("text", "labels"))


@pytest.mark.parametrize(
    ("file_format", "message"), [("parquet", "cannot be read as Parquet"), ("tfrecord", "record 1")]
)
def test_a_file_of_another_kind_is_refused(tmp_path, file_format, message):
    with pytest.raises(DataError, match=rf"a: .*{message}"):
        read(write(tmp_path / "a", "just some text, longer than a header"), file_format)


def test_a_record_that_is_no_example_is_named(tmp_path):
    write_records(tmp_path / "a", [encode_example({"text": ["one"]}), b"\xff\xff"])
    with pytest.raises(DataError, match=r"a: record 2: no tf\.Example"):
        read(tmp_path / "a", "tfrecord")


NESTED = [
    {"text": "one", "votes": {"joy": 1, "by": {"ann": 0}}},
    {"text": "two", "votes": None},
    {"text": "three"},
]


@pytest.mark.parametrize("file_format", ["jsonl", "parquet", "arrow"])
def test_a_field_of_a_structure_is_named_with_a_dot(tmp_path, file_format):
    path = tmp_path / "a"
    table = pa.Table.from_pylist(NESTED)
    if file_format == "jsonl":
        write(path, "\n".join(json.dumps(row) for row in NESTED))
    elif file_format == "parquet":
        pq.write_table(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    wanted = ("text", "votes.joy", "votes.by.ann")
    rows, _ = read(path, file_format, wanted)
    found = [tuple(row.values.get(name) for name in wanted) for row in rows]
    assert found == [("one", 1, 0), ("two", None, None), ("three", None, None)]


def test_parquet_units_are_row_groups(tmp_path):
    table = pa.table({"text": [f"text {n}" for n in range(10)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=3)
    whole, plan = read_units(tmp_path / "a.parquet", "parquet", ("text",))
    assert [(unit.start, unit.end, unit.first_row) for unit in plan.units] == [(0, 4, 1)]
    rows, plan = read_units(tmp_path / "a.parquet", "parquet", ("text",), unit_bytes=1)
    assert [(unit.start, unit.end, unit.first_row) for unit in plan.units] == [
        (0, 1, 1),
        (1, 2, 4),
        (2, 3, 7),
        (3, 4, 10),
    ]
    assert rows == whole
    assert [row.number for row in rows] == list(range(1, 11))


def test_tfrecord_units_are_whole_records(tmp_path):
    path = tmp_path / "a.tfrecord"
    write_records(path, [encode_example({"text": ["x" * n]}) for n in range(1, 41)])
    whole, plan = read_units(path, "tfrecord", ("text",))
    assert plan.units == (SourceUnit(0),)
    rows, plan = read_units(path, "tfrecord", ("text",), unit_bytes=500)
    assert len(plan.units) > 3
    assert all(unit.end is None or unit.end - unit.start >= 500 for unit in plan.units)
    assert rows == whole
    content = path.read_bytes()
    path.write_bytes(content[:-3])
    with pytest.raises(DataError, match=r"record 40: cut off or corrupt"):
        read_units(path, "tfrecord", ("text",), unit_bytes=500)
    broken = plan.units[2].start
    path.write_bytes(content[:broken] + b"\xff" + content[broken + 1 :])
    for unit_bytes in (500, 1 << 20):
        with pytest.raises(DataError, match=rf"record {plan.units[2].first_row}: broken header"):
            read_units(path, "tfrecord", ("text",), unit_bytes=unit_bytes)


def test_units_and_their_plan_travel_to_other_processes(tmp_path):
    path = write(tmp_path / "a.csv", "text,labels\none,joy\ntwo,joy\n")
    _, plan = read_units(path, "csv", (), unit_bytes=1)
    assert len(plan.units) == 3
    assert pickle.loads(pickle.dumps(plan)) == plan


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl.zst"])
def test_remote_files_are_read_in_units(name):
    lines = ["text,labels", *(f'"some, text {n}",joy' for n in range(50))]
    if "jsonl" in name:
        lines = [json.dumps({"text": f"text {n}", "labels": "joy"}) for n in range(50)]
    with fsspec.open(f"memory://units/{name}", "wb", compression="infer") as stream:
        stream.write("\n".join(lines).encode())
    file_format = name.split(".")[1]
    rows, plan = read_units(f"memory://units/{name}", file_format, ("text", "labels"), unit_bytes=100)
    assert len(rows) == 50
    assert len(plan.units) == (1 if "zst" in name else 10)


def test_a_remote_unit_reads_its_own_bytes_only(monkeypatch):
    uri = "memory://ranges/a.csv"
    with fsspec.open(uri, "wb") as stream:
        stream.write(b"text,labels\n" + b"some text,joy\n" * 200_000)
    source = SourceFile(uri, "csv", "a.csv")
    plan = plan_units(0, source, Dialect(), (), unit_bytes=1 << 20)
    read_bytes = []
    original = MemoryFile.read
    monkeypatch.setattr(
        MemoryFile, "read", lambda file, size=-1: read_bytes.append(size) or original(file, size)
    )
    with open_unit(source, plan.units[1], plan, Dialect(), ()) as opened:
        assert sum(1 for _ in opened.rows) > 70_000
    assert sum(read_bytes) < 1.5 * (1 << 20)


@pytest.mark.parametrize("file_format", ["jsonl", "tfrecord"])
def test_rows_that_name_their_own_columns_tell_which_were_seen(tmp_path, file_format):
    path = tmp_path / "a"
    rows = [{"text": "one"}, {"labels": "joy"}]
    if file_format == "jsonl":
        write(path, "\n".join(json.dumps(row) for row in rows))
    else:
        write_records(path, [encode_example({name: [value] for name, value in row.items()}) for row in rows])
    source = SourceFile(str(path), file_format, "a")
    plan = plan_units(0, source, Dialect(), ("text", "labels"))
    with open_unit(source, plan.units[0], plan, Dialect(), ("text", "labels")) as opened:
        assert opened.columns_seen == set()
        list(opened.rows)
        assert opened.columns_seen == {"text", "labels"}


def test_the_names_of_endless_columns_are_not_all_kept(tmp_path):
    path = write(
        tmp_path / "a", "".join(json.dumps({f"key {n}": 1, "text": "x"}) + "\n" for n in range(5000))
    )
    source = SourceFile(path, "jsonl", "a")
    plan = plan_units(0, source, Dialect(), ("key 4999",))
    with open_unit(source, plan.units[0], plan, Dialect(), ("key 4999",)) as opened:
        list(opened.rows)
    assert "key 4999" in opened.columns_seen
    assert len(opened.columns_seen) < 1100
