"""Whether live traffic is a reason to train, by the page of a server. `tests/serving/watch` asks a real one."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from rich.console import Console

from components.core.errors import TransientError, UserError
from pipeline.commands.retrain import without_drift
from pipeline.commands.run import run_command
from pipeline.config import parse_config
from pipeline.live_traffic import read_live_shifts

MODEL = 'model_name="reviews",version="7"'
USUAL = {"max_shift": 0.05, "false_alarms": 0.01}


def page(texts: int, *, words: float | None = None, labels: float | None = None, share: float = 0.5) -> str:
    """What a server of a model with four labels shows."""
    lines = [f"emotion_serving_traffic_texts{{{MODEL}}} {texts}"]
    for feature, value in (("words", words), ("labels", labels)):
        if value is not None:
            for measure, shown in (("l_infinity", value), ("jensen_shannon", 0.9)):
                lines.append(
                    f'emotion_serving_drift{{{MODEL},feature="{feature}",measure="{measure}"}} {shown}'
                )
    lines += [f'emotion_serving_label_share{{{MODEL},label="{name}"}} {share}' for name in "abcd"]
    return "\n".join(["# TYPE emotion_serving_drift gauge", *lines, ""])


class Server(BaseHTTPRequestHandler):
    """Answers with a page where metrics are, if the key is right."""

    shown: ClassVar[str] = ""
    key: ClassVar[str | None] = None

    def do_GET(self) -> None:
        wrong = self.headers["x-api-key"] != self.key
        status = 404 if self.path != "/monitoring/prometheus/metrics" else 401 if wrong else 200
        self.send_response(status)
        self.end_headers()
        self.wfile.write(self.shown.encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Server, "key", None)
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("texts", "words", "exceeded"),
    [
        (100_000, 0.06, True),
        (100_000, 0.04, False),  # a trifle, if no chance
        (300, 0.10, False),  # chance, if no trifle: sqrt(ln(2 * 16 / 0.01) / 600) = 0.116
        (300, 0.12, True),
    ],
)
def test_drift_is_neither_a_trifle_nor_chance(
    server: str, monkeypatch: pytest.MonkeyPatch, texts: int, words: float, exceeded: bool
):
    monkeypatch.setattr(Server, "shown", page(texts, words=words))
    (shift,) = read_live_shifts(server, **USUAL)
    assert (shift.model, shift.feature, shift.texts, shift.value) == ("reviews 7", "words", texts, words)
    assert shift.exceeded is exceeded


def test_labels_that_apply_to_few_texts_are_few_draws(server: str, monkeypatch: pytest.MonkeyPatch):
    limits = []
    for share in (0.25, 0.01):
        monkeypatch.setattr(Server, "shown", page(10_000, labels=0.1, share=share))
        (shift,) = read_live_shifts(server, **USUAL)
        limits.append(shift.limit)
    assert limits == [0.05, pytest.approx((6.685 / 800) ** 0.5, rel=1e-3)], "ln(2 * 4 / 0.01) of 400 draws"


def test_a_key_is_sent(server: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Server, "shown", page(300))
    monkeypatch.setattr(Server, "key", "secret")
    with pytest.raises(UserError, match=r"answered 401 .*set EMOTION_API_KEY"):
        read_live_shifts(server, **USUAL)
    monkeypatch.setenv("EMOTION_API_KEY", "secret")
    assert read_live_shifts(f"{server}/monitoring/prometheus/metrics", **USUAL) == []


def test_what_cannot_be_asked_is_said(server: str, monkeypatch: pytest.MonkeyPatch):
    for shown, said in (
        ("emotion_serving_ready 1\n", "watches no traffic"),
        ("<html>\n", "no page of metrics"),
    ):
        monkeypatch.setattr(Server, "shown", shown)
        with pytest.raises(UserError, match=said):
            read_live_shifts(server, **USUAL)
    with pytest.raises(UserError, match=r"answered 404 .*--monitoring_config_file"):
        read_live_shifts(f"{server}/elsewhere", **USUAL)
    with pytest.raises(UserError, match="expected the URL of a server"):
        read_live_shifts("models/reviews", **USUAL)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(TransientError, match="does not answer"):
        read_live_shifts(closed, **USUAL)
    with pytest.raises(UserError, match="--live is a reason to run for --if-drift"):
        run_command("emotion.yaml", to=None, use_cache=True, live=server)


def test_live_drift_is_a_reason_to_run_whatever_the_new_data_say(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    config = parse_config({"name": "reviews", "example_gen": {"source": "/data/texts.csv"}})
    asked = []

    class LookedAtDataError(Exception):
        pass

    def run_data_stages():
        asked.append(True)
        raise LookedAtDataError

    monkeypatch.setattr(Server, "shown", page(100_000, words=0.31, labels=0.01))
    assert not without_drift(config, Console(width=200), run_data_stages, server)
    told = capsys.readouterr().out
    assert (
        "live drift: words of 100,000 texts that model reviews 7 was asked about (0.310, limit 0.050)" in told
    )
    assert "no live drift: labels" in told
    assert not asked
    for shown, said in (
        (page(100_000, words=0.01), "no live drift: words"),
        (page(30), "has seen too few texts"),
    ):
        monkeypatch.setattr(Server, "shown", shown)
        with pytest.raises(LookedAtDataError):
            without_drift(config, Console(width=200), run_data_stages, server)
        assert said in capsys.readouterr().out
