"""The file of hashed keys."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

from serving.errors import ServerStartError
from serving.guard.keys import main, watch_keys

DIGEST = hashlib.sha256(b"secret").hexdigest()


def test_a_key_is_found_by_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(
        f'[web]\nsha256 = "{DIGEST}"\nrequests_per_second = 2.5\nmodels = ["emotion"]\n'
        f'[ops]\nsha256 = "{hashlib.sha256("schlüssel".encode()).hexdigest()}"\nmay_reload = true\n'
    )
    keys = watch_keys(file).current()
    web, ops = keys.find("secret"), keys.find("schlüssel")
    assert web is not None
    assert (web.name, web.requests_per_second, web.burst, web.may_reload) == ("web", 2.5, 3, False)
    assert (web.may_ask("emotion"), web.may_ask("other")) == (True, False)
    assert ops is not None
    assert (ops.name, ops.requests_per_second, ops.may_reload, ops.may_ask("other")) == ("ops", 0, True, True)
    assert keys.find("Secret") is keys.find("") is keys.find("\udcff") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"holds no key; `python -m serving\.guard\.keys NAME` makes one"),
        ("[web", "is no TOML"),
        ("web = 1", r"web: expected a table, \[web\], with sha256, "),
        ("[web]\nsha256 = 'secret'", "web: sha256 must be 64 hexadecimal digits"),
        ("[web]", "web: sha256 must be 64 hexadecimal digits"),
        (f"[web]\nsha256 = '{DIGEST}'\nrate = 3", "web: unknown field 'rate'; expected some of sha256, "),
        (f"[web]\nsha256 = '{DIGEST}'\nrequests_per_second = -1", "must be a number, 0 = no limit; got -1"),
        (f"[web]\nsha256 = '{DIGEST}'\nrequests_per_second = nan", "must be a number, 0 = no limit; got nan"),
        (f"[web]\nsha256 = '{DIGEST}'\nburst = 0", "burst must be a whole number from 1 on; got 0"),
        (f"[web]\nsha256 = '{DIGEST}'\nmodels = 'emotion'", "models must be a list of names; got 'emotion'"),
        (f"[web]\nsha256 = '{DIGEST}'\nmay_reload = 1", "may_reload must be true or false; got 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "keys.toml"
    file.write_text(text)
    with pytest.raises(ServerStartError, match=f"{re.escape(str(file))}: .*{message}") as error:
        watch_keys(file)
    assert "'secret'" not in str(error.value), "a key that somebody put there by mistake must not be shown"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match=r"keys\.toml: cannot be read \(No such file"):
        watch_keys(tmp_path / "keys.toml")


def test_a_made_key_fits_the_lines_shown_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(["web"])
    shown = capsys.readouterr().out
    key = shown.splitlines()[0].rpartition(" ")[2]
    assert len(key) >= 43
    assert tomllib.loads(shown) == {"web": {"sha256": hashlib.sha256(key.encode()).hexdigest()}}
