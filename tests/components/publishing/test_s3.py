"""The same over the S3 protocol, against a server on this machine."""

import gc
import json
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from components.core.atomic_files import create_file
from components.core.errors import UserError
from components.core.filesystem import exists, subdirectories
from tests.components.publishing.conftest import LABELLED, Key, Publisher

pytest.importorskip("s3fs", reason="the `aws` extra is not installed")
moto_server = pytest.importorskip("moto.server", reason="moto is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # s3fs leaves its connections to the collector; they are not to end in another test


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"models-{uuid.uuid4().hex}"
    filesystem = fsspec.filesystem("s3", skip_instance_cache=True)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    filesystem.mkdir(name)
    yield f"s3://{name}/emotion"
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_a_file_is_created_once(bucket: str) -> None:
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(create_file(f"{bucket}/1.json", b"{}")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True]


def test_push_rollback_and_deletion(bucket: str, tmp_path: Path, make_key: Callable[[str], Key]) -> None:
    key = make_key("ours")
    publisher = Publisher(tmp_path / "exports", bucket, key.signer)
    for content in ("one", "two", "three"):
        publisher.push(content, keep_versions=2)
    assert subdirectories(f"{bucket}/saved_model") == ("2", "3")
    publisher.releases.rollback()
    assert publisher.destination.manifest("saved_model", 4)["origin"] == 2
    with publisher.destination.fetched(4, key.signer.keys) as (directories, manifests):
        assert (directories["saved_model"] / "saved_model.pb").read_text() == "two"
    assert manifests["saved_model"]["version"] == 4
    assert json.loads(publisher.destination.content("tflite/update.json"))["model_version"] == 4
    with fsspec.open(f"{bucket}/saved_model/2/saved_model.pb", "wb") as stream:
        stream.write(b"owt")
    with pytest.raises(UserError, match=r"saved_model\.pb has changed"):
        publisher.releases.promote(2)


def test_what_another_process_pushed_is_seen(bucket: str, tmp_path: Path) -> None:
    """s3fs remembers listings; a version that came since must not be overwritten."""
    ours, theirs = (Publisher(tmp_path / name, bucket) for name in ("ours", "theirs"))
    assert ours.push("one").version == 1
    boto = pytest.importorskip("boto3").client("s3")
    name = bucket.removeprefix("s3://").partition("/")[0]
    boto.put_object(Bucket=name, Key="emotion/saved_model/7/saved_model.pb", Body=b"by hand")
    assert ours.push("two").version == 8
    assert theirs.push("three").version == 9


def test_pushers_at_once(bucket: str, tmp_path: Path) -> None:
    publishers = [Publisher(tmp_path / str(number), bucket) for number in range(4)]
    threads = [
        threading.Thread(target=publisher.push, args=(f"model-{number}", LABELLED))
        for number, publisher in enumerate(publishers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    state = publishers[0].releases.state
    assert state.versions.keys() == {1, 2, 3, 4}
    assert all(publishers[0].destination.holds(version) for version in state.versions)
    assert exists(f"{bucket}/models.config")
