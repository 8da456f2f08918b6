"""What was signed is checked, by servers and by apps, and everything else is refused."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.core.errors import StorageError, UserError
from components.core.filesystem import read_file
from components.publishing.signing import load_signer
from serving.manifest import ManifestError, check_manifest, describe_file
from serving.public_keys import SignatureError, read_public_keys
from tests.components.publishing.conftest import LABELLED, Key, Publisher
from tflite.errors import UpdateError
from tflite.update import check_file, check_update

MakeKey = Callable[[str], Key]


@pytest.fixture
def key(make_key: MakeKey) -> Key:
    return make_key("ours")


@pytest.fixture
def signed(tmp_path: Path, key: Key) -> Publisher:
    publisher = Publisher(tmp_path / "exports", str(tmp_path / "models"), key.signer)
    publisher.push("one")
    publisher.push("two")
    return publisher


@pytest.fixture
def version(signed: Publisher) -> Path:
    return Path(signed.destination.version_dir("saved_model", 2))


def test_what_was_pushed_passes(version: Path, key: Key, tmp_path: Path) -> None:
    assert check_manifest(version, read_public_keys(key.public))["version"] == 2
    shutil.copytree(version, tmp_path / "copied")
    check_manifest(tmp_path / "copied", read_public_keys(key.public))


def test_several_keys_may_be_trusted(version: Path, key: Key, make_key: MakeKey, tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_bytes(make_key("next").public.read_bytes() + b"\n" + key.public.read_bytes())
    check_manifest(version, read_public_keys(both))


def test_another_key_is_not_trusted(version: Path, make_key: MakeKey) -> None:
    with pytest.raises(ManifestError, match=r"signed by key .* which is not trusted"):
        check_manifest(version, read_public_keys(make_key("theirs").public))


def test_changed_missing_and_added_files_are_named(version: Path) -> None:
    (version / "saved_model.pb").write_text("owt")
    (version / "assets.extra").mkdir()
    (version / "assets.extra" / "tf_serving_warmup_requests").write_text("")
    with pytest.raises(
        ManifestError, match=r"warmup_requests is not in the manifest; saved_model.pb has changed"
    ):
        check_manifest(version)
    (version / "saved_model.pb").unlink()
    with pytest.raises(ManifestError, match=r"saved_model.pb is missing"):
        check_manifest(version)


def test_links_and_pipes_are_named(version: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tf_serving_warmup_requests").write_text("")
    (version / "assets.extra").symlink_to(tmp_path / "elsewhere")
    (version / "dangling").symlink_to(tmp_path / "gone")
    os.mkfifo(version / "pipe")
    model = version / "saved_model.pb"
    model.rename(tmp_path / "moved")
    model.symlink_to(tmp_path / "moved")
    with pytest.raises(ManifestError) as caught:
        check_manifest(version)
    said = "; ".join(
        f"{name} is neither a file nor a directory"
        for name in ("assets.extra", "dangling", "pipe", "saved_model.pb")
    )
    assert f"not what was pushed: {said}; copy it" in str(caught.value)


def test_a_version_may_be_reached_by_a_link(version: Path, tmp_path: Path) -> None:
    (tmp_path / "2").symlink_to(version)
    (tmp_path / "current").symlink_to(version.parent)
    for reached in (tmp_path / "2", tmp_path / "current" / "2"):
        assert check_manifest(reached)["version"] == 2


def test_a_manifest_that_was_made_to_fit_is_refused(version: Path, key: Key) -> None:
    (version / "saved_model.pb").write_text("owt")
    path = version / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["saved_model.pb"] = {
        "sha256": "2f44d9d2b8f3e6a2e3d1c1b0b86ba0d9f5f5b7a0c9d0d1d2d3d4d5d6d7d8d9da",
        "size": 3,
    }
    path.write_text(json.dumps(manifest))
    with pytest.raises(ManifestError, match="the document was changed after it"):
        check_manifest(version, read_public_keys(key.public))
    del manifest["signature"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ManifestError, match="not signed"):
        check_manifest(version, read_public_keys(key.public))


def test_an_old_version_under_a_new_number_is_refused(signed: Publisher, key: Key) -> None:
    old, new = (Path(signed.destination.version_dir("saved_model", version)) for version in (1, 3))
    shutil.copytree(old, new)
    with pytest.raises(ManifestError, match="it is version 1, not 3"):
        check_manifest(new, read_public_keys(key.public))


def test_a_manifest_cannot_point_outside(version: Path) -> None:
    path = version / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["../1/saved_model.pb"] = {"sha256": "", "size": 0}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ManifestError, match=r"\.\./1/saved_model.pb lies outside"):
        check_manifest(version)


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 200_000, '{"files": 3}', '{"files": {}, "format_version": 9}'], ids=range(5)
)
def test_what_is_no_manifest_is_refused(version: Path, content: str) -> None:
    (version / "manifest.json").write_text(content)
    with pytest.raises(ManifestError):
        check_manifest(version)


def test_nothing_unsigned_follows_what_was_signed(signed: Publisher, tmp_path: Path, key: Key) -> None:
    unsigned = Publisher(tmp_path / "exports", signed.destination.uri)
    for act in (lambda: unsigned.push("three"), unsigned.releases.rollback):
        with pytest.raises(UserError, match=f"signed with key {key.signer.key_id}; give the key"):
            act()


def tamper(place: Path, name: str, content: str) -> None:
    """Changes a file and the manifest with it, as who may write there and has no key."""
    (place / name).write_text(content)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest["files"][name] = describe_file(place / name)
    (place / "manifest.json").write_text(json.dumps(manifest))


def test_apps_are_not_told_of_a_manifest_that_was_made_to_fit(signed: Publisher, update: Path) -> None:
    place, before = Path(signed.destination.version_dir("tflite", 2)), update.read_bytes()
    tamper(place, "emotion_int8.tflite", "owt")
    with pytest.raises(
        UserError, match=r"the document was changed after it; .* is damaged, push once without `canary`"
    ):
        signed.push("two", canary=True)
    assert update.read_bytes() == before
    assert signed.push("two").version == 3
    assert json.loads(update.read_bytes())["model_version"] == 3


def test_a_manifest_that_was_made_to_fit_is_not_served_again(signed: Publisher) -> None:
    tamper(Path(signed.destination.version_dir("saved_model", 1)), "saved_model.pb", "eno")
    for act in (signed.releases.rollback, lambda: signed.releases.promote(1)):
        with pytest.raises(UserError, match=r"version 1 cannot be served again.*changed after it"):
            act()
    assert signed.versions == [1, 2]


def test_apps_are_not_told_what_another_signed_manifest_says(signed: Publisher, update: Path) -> None:
    before = update.read_bytes()
    place = Path(signed.destination.version_dir("tflite", 2))
    for kind, version, words in (("tflite", 1, "of version 1"), ("saved_model", 2, "of kind 'saved_model'")):
        shutil.rmtree(place)
        shutil.copytree(signed.destination.version_dir(kind, version), place)
        with pytest.raises(UserError, match=words):
            signed.push("two", canary=True)
    assert update.read_bytes() == before


def test_a_signed_version_of_another_kind_is_not_served_again(signed: Publisher) -> None:
    place = Path(signed.destination.version_dir("tflite", 1))
    shutil.rmtree(place)
    shutil.copytree(signed.destination.version_dir("saved_model", 1), place)
    with pytest.raises(UserError, match="of kind 'saved_model', not 'tflite'"):
        signed.releases.rollback()


def test_apps_are_not_told_what_a_changed_file_says(signed: Publisher, update: Path) -> None:
    before = update.read_bytes()
    path = Path(signed.destination.version_dir("tflite", 2), "export.json")
    path.write_text(path.read_text().replace("1.14.0", "1.0.0"))
    with pytest.raises(UserError, match=r"export.json: has changed since it was pushed; push once without"):
        signed.push("two", canary=True)
    assert update.read_bytes() == before


def test_a_file_for_apps_that_is_gone_comes_back_with_the_next_push(signed: Publisher) -> None:
    Path(signed.destination.version_dir("tflite", 2), "export.json").unlink()
    with pytest.raises(StorageError, match=r"export.json: is gone; push once without `canary`"):
        signed.push("three", canary=True)
    assert signed.push("two").version == 3


def test_a_changed_key_trusts_the_one_before_where_that_is_named(
    signed: Publisher, key: Key, make_key: MakeKey, tmp_path: Path
) -> None:
    following = make_key("next")
    for trusted, passes in ((None, False), (str(key.public), True)):
        signer = load_signer(str(following.private), trusted)
        publisher = Publisher(tmp_path / "exports", signed.destination.uri, signer)
        if passes:
            assert publisher.push("three", LABELLED, canary=True).version == 3
            assert publisher.releases.rollback().event == "withdraw"
            assert publisher.releases.rollback().version == 1
        else:
            with pytest.raises(UserError, match=r"which is not trusted.*pusher\.trusted_keys"):
                publisher.push("three", LABELLED, canary=True)
            assert signed.versions == [1, 2], "nothing was published"
            with pytest.raises(UserError, match=r"which is not trusted.*--trusted-keys"):
                publisher.releases.rollback()


def test_signing_begins_with_a_push_that_is_no_canary(publisher: Publisher, key: Key, tmp_path: Path) -> None:
    publisher.push("one")
    signing = Publisher(tmp_path / "exports", publisher.destination.uri, key.signer)
    with pytest.raises(UserError, match=r"not signed;.*never signed .*, push once without `canary`"):
        signing.push("two", canary=True)
    assert signing.push("one").version == 2
    assert signing.push("two", canary=True).event.state.canary == 3


@pytest.mark.parametrize("damaged", [False, True])
def test_a_canary_goes_whatever_apps_could_be_told(
    signed: Publisher, make_key: MakeKey, tmp_path: Path, damaged: bool
) -> None:
    signed.push("three", LABELLED, canary=True)
    told = read_file(f"{signed.destination.uri}/tflite/update.json")
    if damaged:
        (Path(signed.destination.version_dir("tflite", 2)) / "manifest.json").write_text("{}")
    publisher = Publisher(tmp_path / "exports", signed.destination.uri, make_key("next").signer)
    assert publisher.releases.rollback().event == "withdraw"
    assert (publisher.releases.state.stable, publisher.releases.state.canary) == (2, None)
    assert read_file(f"{signed.destination.uri}/tflite/update.json") == told


def test_a_canary_that_is_the_stable_model_signed_anew_takes_nothing_back(
    signed: Publisher, key: Key, make_key: MakeKey, tmp_path: Path
) -> None:
    signer = load_signer(str(make_key("next").private), str(key.public))
    publisher = Publisher(tmp_path / "exports", signed.destination.uri, signer)
    assert publisher.push("two", LABELLED, canary=True).event.state.canary == 3
    assert publisher.releases.rollback().event == "withdraw"
    state = publisher.releases.state
    assert (state.stable, state.canary, dict(state.withdrawn)) == (2, None, {})
    assert publisher.push("two", LABELLED, canary=True).is_new


def test_a_new_key_signs_the_same_model_again(signed: Publisher, make_key: MakeKey, tmp_path: Path) -> None:
    key = make_key("next")
    publisher = Publisher(tmp_path / "exports", signed.destination.uri, key.signer)
    assert publisher.push("two").version == 3
    assert publisher.push("two").version == 3, "once"
    check_manifest(Path(publisher.destination.version_dir("tflite", 3)), read_public_keys(key.public))


def test_keys_that_cannot_be_used_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key
) -> None:
    (tmp_path / "no.pem").write_text("no key")
    for name, words in {
        "no.pem": "no unencrypted private key in PEM",
        "missing.pem": "cannot be read",
        key.public.name: "no unencrypted private key in PEM",
    }.items():
        with pytest.raises(UserError, match=words):
            load_signer(str(tmp_path / name))
    with pytest.raises(UserError, match="SIGNING_KEY is not set"):
        load_signer("env:SIGNING_KEY")
    monkeypatch.setenv("SIGNING_KEY", key.private.read_text())
    signer = load_signer("env:SIGNING_KEY")
    assert signer is not None
    assert signer.key_id == key.signer.key_id
    with pytest.raises(SignatureError, match="cannot be read as public keys"):
        read_public_keys(key.private)


@pytest.fixture
def update(signed: Publisher) -> Path:
    return Path(signed.destination.uri) / "tflite" / "update.json"


def test_an_app_takes_an_update(update: Path, key: Key) -> None:
    found = check_update(
        update.read_bytes(), public_key=key.public.read_bytes(), installed_release=2, app_version="1.0"
    )
    assert (found.release, found.model_version) == (4, 2)
    file = found.files["int8"]
    assert (file.file, file.size, file.minimum_runtime, file.mediapipe) == (
        "2/emotion_int8.tflite",
        3,
        "1.14.0",
        True,
    )
    check_file(update.parent / file.file, file)


def test_an_app_refuses_a_changed_file(update: Path, key: Key) -> None:
    file = check_update(update.read_bytes(), public_key=key.public.read_bytes()).files["int8"]
    path = update.parent / file.file
    path.write_text("owt")
    with pytest.raises(UpdateError, match="SHA-256"):
        check_file(path, file)
    path.write_text("two and more")
    with pytest.raises(UpdateError, match="12 bytes, 3 expected"):
        check_file(path, file)


def test_an_app_refuses_a_changed_manifest(update: Path, key: Key) -> None:
    public_key = key.public.read_bytes()
    document = json.loads(update.read_text())
    changes = [{"release": 99}, {"model_version": 1}, {"minimum_app_version": "0.1"}, {"extra": True}]
    for change in changes:
        with pytest.raises(UpdateError, match="changed after it was signed"):
            check_update(json.dumps({**document, **change}).encode(), public_key=public_key)
    strange = [
        {**document, "signature": None},
        {**document, "signature": {**document["signature"], "value": "é"}},
        {**document, "extra": "\ud800"},
    ]
    texts = ["", "[]", "{}", "[" * 200_000, '{"a":' * 100_000, *map(json.dumps, strange)]
    for text in texts:
        with pytest.raises(UpdateError):
            check_update(text.encode(), public_key=public_key)


def test_an_app_refuses_a_downgrade(signed: Publisher, update: Path, key: Key) -> None:
    old = update.read_bytes()
    signed.push("three")
    public_key = key.public.read_bytes()
    installed = check_update(update.read_bytes(), public_key=public_key)
    with pytest.raises(UpdateError, match=r"release 4 is older than release 6"):
        check_update(old, public_key=public_key, installed_release=installed.release)
    signed.releases.rollback()
    back = check_update(update.read_bytes(), public_key=public_key, installed_release=installed.release)
    assert back.release > installed.release, "what the publisher takes back, apps take back"


def test_an_app_refuses_another_key(update: Path, make_key: MakeKey) -> None:
    with pytest.raises(UpdateError, match="the app trusts"):
        check_update(update.read_bytes(), public_key=make_key("theirs").public.read_bytes())


def test_an_app_that_is_too_old_keeps_its_model(key: Key) -> None:
    document = {
        "format_version": 1,
        "release": 3,
        "model_version": 2,
        "released": "2026-11-26",
        "minimum_app_version": "2.10",
        "labels_sha256": None,
        "files": {},
    }
    content = json.dumps(key.signer.sign(document)).encode()
    for good in ("2.10", "2.10.0", "2.11", "3"):
        check_update(content, public_key=key.public.read_bytes(), app_version=good)
    for old in ("2.9", "2.9.9", "1"):
        with pytest.raises(UpdateError, match=r"needs app 2.10 or later"):
            check_update(content, public_key=key.public.read_bytes(), app_version=old)
    newer = json.dumps(key.signer.sign({**document, "format_version": 2})).encode()
    with pytest.raises(UpdateError, match="of format 2"):
        check_update(newer, public_key=key.public.read_bytes())
