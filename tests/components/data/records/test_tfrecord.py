import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.core.errors import DataError, UserError
from components.data.records.tfrecord import RecordWriter, read_records, write_records


@pytest.mark.parametrize("name", ["records.tfrecord", "records.tfrecord.gz"])
@given(records=st.lists(st.binary(max_size=300), max_size=8))
def test_what_is_written_is_read(tmp_path_factory, name, records):
    path = tmp_path_factory.mktemp("records") / name
    assert write_records(path, records) == len(records)
    assert list(read_records(path)) == records


def test_equal_records_give_equal_bytes_whatever_the_file_is_called(tmp_path):
    for name in ("a.tfrecord.gz", "b.tfrecord.gz"):
        write_records(tmp_path / name, [b"one", b"two" * 1000])
    assert (tmp_path / "a.tfrecord.gz").read_bytes() == (tmp_path / "b.tfrecord.gz").read_bytes()


def test_records_can_be_written_one_by_one(tmp_path):
    with RecordWriter(tmp_path / "r.tfrecord") as writer:
        writer.write(b"one")
        writer.write(b"two")
    assert writer.count == 2
    assert list(read_records(tmp_path / "r.tfrecord")) == [b"one", b"two"]


def test_records_are_read_from_a_remote_file_system(tmp_path):
    import fsspec

    write_records(tmp_path / "r.tfrecord.gz", [b"one"])
    with fsspec.open("memory://tfrecord/r.tfrecord.gz", "wb") as stream:
        stream.write((tmp_path / "r.tfrecord.gz").read_bytes())
    assert list(read_records("memory://tfrecord/r.tfrecord.gz")) == [b"one"]


def test_every_flipped_byte_is_noticed(tmp_path):
    path = tmp_path / "r.tfrecord"
    write_records(path, [b"first record", b"second"])
    intact = path.read_bytes()
    for position in range(len(intact)):
        broken = bytearray(intact)
        broken[position] ^= 0x40
        path.write_bytes(broken)
        with pytest.raises(DataError, match=r"r\.tfrecord: record [12]: "):
            list(read_records(path))


def test_every_cut_inside_a_record_is_noticed(tmp_path):
    path = tmp_path / "r.tfrecord"
    write_records(path, [b"first record", b"second"])
    intact = path.read_bytes()
    whole = (0, 12 + len(b"first record") + 4, len(intact))
    for size in set(range(len(intact))) - set(whole):
        path.write_bytes(intact[:size])
        with pytest.raises(DataError, match="record"):
            list(read_records(path))


def test_a_cut_gzip_file_and_a_plain_file_called_gz_are_named(tmp_path):
    path = tmp_path / "r.tfrecord.gz"
    write_records(path, [bytes(range(256)) * 100])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"r\.tfrecord\.gz: broken gzip data after record"):
        list(read_records(path))
    path.write_bytes(b"plain")
    with pytest.raises(DataError, match="broken gzip data"):
        list(read_records(path))


def test_a_gzip_file_not_called_gz_is_no_tfrecord_file(tmp_path):
    (tmp_path / "r.tfrecord").write_bytes(gzip.compress(b"some longer content"))
    with pytest.raises(DataError, match=r"ends in \.gz"):
        list(read_records(tmp_path / "r.tfrecord"))


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path):
    import google_crc32c

    length = struct.pack("<Q", 1 << 50)
    crc = google_crc32c.value(length)
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    (tmp_path / "r.tfrecord").write_bytes(length + struct.pack("<I", masked) + b"x")
    with pytest.raises(DataError, match="record 1: broken header"):
        list(read_records(tmp_path / "r.tfrecord"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"gone\.tfrecord: no such file"):
        list(read_records(tmp_path / "gone.tfrecord"))
