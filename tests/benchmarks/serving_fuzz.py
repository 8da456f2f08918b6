"""Does the embedded server withstand anything that is sent to it?

Serves a small model and sends, in turn,

- over REST, requests made of its OpenAPI description by schemathesis, right ones and wrong ones (`--schemathesis ST`:
  the command `st` of an environment of its own);
- over REST, bodies and paths that are valid ones with bytes changed, cut, doubled and swapped;
- over gRPC, messages changed likewise of every call but HandleReloadConfigRequest: a changed one of that may take the
  model away, as it should, and what comes after it would meet no model.

It fails if an answer is a 5xx that the description does not name, a code of gRPC that only a fault gives (INTERNAL,
UNKNOWN), none at all or cut off, or if the server does not answer a right request afterwards as it did before.

    python -m tests.benchmarks.serving_fuzz [--requests 100000] [--schemathesis ST] [--model BASE] [--seed 0]
"""

import argparse
import collections
import http.client
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    predict_pb2,
    regression_pb2,
)

from serving.tensors import write_tensor
from tests.ports import free_port

_TEXTS = ["I am so happy today!", "so sad, so angry", "", "Café 😀 日本"]
_DOCUMENTED_5XX = {503, 504}
_FAULTS = {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=100_000, help="of each kind that is made here, half")
    parser.add_argument("--schemathesis", type=Path, metavar="ST")
    parser.add_argument("--schemathesis-seconds", type=int, default=300)
    parser.add_argument("--model", type=Path, help="base path of a model; a toy is exported without")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        base = arguments.model or _toy(Path(scratch) / "emotion")
        with serving(base, Path(scratch)) as (port, rest_port):
            before = _right_answer(rest_port)
            faults: list[str] = []
            if arguments.schemathesis:
                faults += by_description(arguments, rest_port)
            faults += over_rest(rest_port, arguments.requests // 2, random.Random(arguments.seed))
            faults += over_grpc(port, arguments.requests - arguments.requests // 2, arguments.seed)
            after = _right_answer(rest_port) if not faults else before
    if not np.allclose(before, after, atol=1e-5):
        faults.append("a right request is answered otherwise than before")
    for fault in faults[:20]:
        print("FAULT", fault)
    print(f"{len(faults)} faults")
    raise SystemExit(1 if faults else 0)


@contextmanager
def serving(base: Path, scratch: Path) -> Iterator[tuple[int, int]]:
    """`python -m serving` on free ports: gRPC's and REST's."""
    command = [sys.executable, "-m", "serving", "--model_name=emotion", f"--model_base_path={base}"]
    ports = [f"--port={free_port()}", f"--rest_api_port={free_port()}", "--host=127.0.0.1"]
    log = scratch / "server.log"
    with log.open("w") as stream:
        process = subprocess.Popen([*command, *ports, "--max_in_flight=64"], stdout=stream, stderr=stream)
    port, rest_port = (int(flag.partition("=")[2]) for flag in ports[:2])
    try:
        _wait_until_ready(process, rest_port, log)
        yield port, rest_port
        if process.poll() is not None:
            raise SystemExit(f"the server died with {process.returncode}:\n{log.read_text()[-3000:]}")
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(process: "subprocess.Popen[bytes]", rest_port: int, log: Path) -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise SystemExit(f"the server did not start:\n{log.read_text()[-3000:]}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise SystemExit("the server was not ready within two minutes")


def _toy(base: Path) -> Path:
    from tests.serving.conftest import HEADS, THRESHOLDS, decided_by_thresholds, export_toy

    export_toy(base / "1", HEADS, decide=decided_by_thresholds, thresholds=THRESHOLDS)
    return base


def _right_answer(rest_port: int) -> list[list[float]]:
    body = json.dumps({"inputs": {"text": _TEXTS}}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=60)
    connection.request("POST", "/v1/models/emotion:predict", body)
    response = connection.getresponse()
    answer = json.load(response)
    connection.close()
    if response.status != 200:
        raise SystemExit(f"a right request is answered with {response.status}: {answer}")
    scores: list[list[float]] = answer["outputs"]["scores"]
    return scores


def by_description(arguments: argparse.Namespace, rest_port: int) -> list[str]:
    """What schemathesis finds."""
    description = Path(__file__).resolve().parents[2] / "serving" / "openapi.yaml"
    command = [
        str(arguments.schemathesis.absolute()),
        "run",
        str(description),
        f"--url=http://127.0.0.1:{rest_port}",
        "--checks=not_a_server_error,content_type_conformance,response_schema_conformance,status_code_conformance",
        "--phases=examples,fuzzing",
        f"--max-time={arguments.schemathesis_seconds}",
        f"--seed={arguments.seed}",
        "--workers=2",
        "--continue-on-failure",
        "--warnings=off",
    ]
    with tempfile.TemporaryDirectory() as scratch:  # it leaves what it found in its working directory
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    print(done.stdout[-2500:])
    return [] if done.returncode == 0 else [f"schemathesis: exit code {done.returncode}"]


def over_rest(rest_port: int, count: int, chance: random.Random) -> list[str]:
    """Sends changed requests over one connection; returns what is wrong with the answers."""
    bodies = [
        json.dumps(document).encode()
        for document in (
            {"instances": [{"text": text} for text in _TEXTS]},
            {"instances": _TEXTS},
            {"inputs": {"text": _TEXTS}, "signature_name": "serving_default"},
            {"instances": [{"text": {"b64": "SSBhbSBzbyBoYXBweQ=="}}]},
            {"inputs": {"token_ids": [[2, 4, 3]], "padding_mask": [[1, 1, 1]]}, "signature_name": "tokens"},
            {"examples": [{"text": "so sad"}], "context": {"lang": "en"}},
        )
    ]
    paths = [
        b"/v1/models/emotion:predict",
        b"/v1/models/emotion/versions/1:predict",
        b"/v1/models/emotion/labels/stable:classify",
        b"/v1/models/emotion/metadata",
    ]
    statuses: collections.Counter[int] = collections.Counter()
    faults = []
    connection = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=60)
    last = ""
    for _ in range(count):
        body = changed(chance.choice(bodies), chance)
        path = paths[0] if chance.random() < 0.8 else changed(chance.choice(paths), chance)
        target = re.sub(rb"[^!-~]", lambda found: b"%%%02X" % found[0][0], path).decode("ascii") or "/"
        encoding = {"Content-Encoding": "gzip"} if chance.random() < 0.02 else {}
        try:
            connection.request(chance.choice(("POST",) * 9 + ("GET",)), target, body, encoding)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as err:
            connection.close()
            connection = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=60)
            # What is no HTTP request at all may cost the connection, and nothing else.
            if not isinstance(err, OSError) or target.startswith("/"):
                faults.append(f"no whole answer to {target} {body[:200]!r}: {err!r}, after {last}")
            continue
        statuses[response.status] += 1
        last = f"{response.status} to {target}"
        if response.status >= 500 and response.status not in _DOCUMENTED_5XX:
            faults.append(f"{response.status} for {target} {body[:200]!r}")
    connection.close()
    print(f"REST, {sum(statuses.values()):,} changed requests: {dict(sorted(statuses.items()))}")
    return faults


def over_grpc(port: int, count: int, seed: int) -> list[str]:
    """Sends changed messages to the calls of `messages`; returns what is wrong with the answers."""
    chance = random.Random(seed + 1)
    calls = list(messages())
    codes: collections.Counter[str] = collections.Counter()
    faults = []
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for _ in range(count):
            path, message = chance.choice(calls)
            if chance.random() < 0.7:
                content = altered(message, chance).SerializeToString()
            else:
                content = changed(message.SerializeToString(), chance)
            call = channel.unary_unary(path, request_serializer=None, response_deserializer=None)
            try:
                call(content, timeout=60)
                codes["OK"] += 1
            except grpc.RpcError as err:
                codes[err.code().name] += 1
                if err.code() is grpc.StatusCode.UNAVAILABLE:
                    faults.append(f"no answer to {path} {content!r}: {err.details()}")
                    break  # the server is gone; its log follows
                # gRPC itself answers INTERNAL for bytes that are no message.
                if err.code() in _FAULTS and _is_message(path, content):
                    faults.append(f"{path} {err.code().name}: {err.details()} for {content[:200]!r}")
    print(f"gRPC, {sum(codes.values()):,} changed messages: {dict(codes.most_common())}")
    return faults


_PREDICTION, _MODELS = "/tensorflow.serving.PredictionService/", "/tensorflow.serving.ModelService/"
_KINDS: dict[str, type[Message]] = {
    f"{_PREDICTION}Predict": predict_pb2.PredictRequest,
    f"{_PREDICTION}Classify": classification_pb2.ClassificationRequest,
    f"{_PREDICTION}Regress": regression_pb2.RegressionRequest,
    f"{_PREDICTION}MultiInference": inference_pb2.MultiInferenceRequest,
    f"{_PREDICTION}GetModelMetadata": get_model_metadata_pb2.GetModelMetadataRequest,
    f"{_MODELS}GetModelStatus": get_model_status_pb2.GetModelStatusRequest,
}


def messages() -> Iterator[tuple[str, Message]]:
    """A right message for every call that leaves the models as they are, and two for Predict."""
    texts = np.array([text.encode() for text in _TEXTS], object)
    for inputs, signature in (
        ({"text": texts}, ""),
        ({"token_ids": np.array([[2, 4, 3]], np.int32), "padding_mask": np.ones((1, 3), np.int32)}, "tokens"),
    ):
        predict = predict_pb2.PredictRequest()
        predict.model_spec.name, predict.model_spec.signature_name = "emotion", signature
        for name, array in inputs.items():
            write_tensor(predict.inputs[name], array)
        yield f"{_PREDICTION}Predict", predict
    classify = classification_pb2.ClassificationRequest()
    classify.model_spec.name, classify.model_spec.signature_name = "emotion", "classify"
    example = classify.input.example_list.examples.add()
    example.features.feature["text"].bytes_list.value.append(b"so sad")
    yield f"{_PREDICTION}Classify", classify
    regress = regression_pb2.RegressionRequest.FromString(classify.SerializeToString())
    yield f"{_PREDICTION}Regress", regress
    several = inference_pb2.MultiInferenceRequest()
    several.input.CopyFrom(classify.input)
    task = several.tasks.add(method_name="tensorflow/serving/classify")
    task.model_spec.CopyFrom(classify.model_spec)
    yield f"{_PREDICTION}MultiInference", several
    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "emotion"
    yield f"{_PREDICTION}GetModelMetadata", metadata
    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "emotion"
    yield f"{_MODELS}GetModelStatus", status


def altered(message: Message, chance: random.Random) -> Message:
    """A copy with one to four of its fields, at any depth, set to another value, emptied or repeated."""
    found = type(message)()
    found.CopyFrom(message)
    for _ in range(chance.randint(1, 4)):
        _alter(found, chance)
    return found


def _alter(message: Any, chance: random.Random) -> None:
    fields = message.DESCRIPTOR.fields
    there = [field for field, _ in message.ListFields()]
    field = chance.choice(there if there and chance.random() < 0.8 else fields)
    value = getattr(message, field.name)
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    if chance.random() < 0.1:
        message.ClearField(field.name)
    elif is_map:
        key = chance.choice([*value, "", "no such name"]) if _has_text_keys(field) else 0
        if hasattr(value[key], "DESCRIPTOR"):
            _alter(value[key], chance)
    elif field.message_type is not None:
        if not field.is_repeated:
            _alter(value, chance)
        elif value and chance.random() < 0.8:
            _alter(chance.choice(value), chance)
        else:
            value.add()
    elif field.is_repeated:
        value.extend([_any_value(field, chance)] * chance.choice((1, 1, 1, 100)))
    else:
        setattr(message, field.name, _any_value(field, chance))


def _has_text_keys(field: Any) -> bool:
    return bool(field.message_type.fields_by_name["key"].cpp_type == field.CPPTYPE_STRING)


def _any_value(field: Any, chance: random.Random) -> Any:
    if field.type == field.TYPE_BYTES:
        return chance.choice(_NASTY)
    match field.cpp_type:
        case field.CPPTYPE_STRING:
            return chance.choice(
                ("", "\0", "no such name", "emotion", "classify", "x" * 1000, "../..", "日本")
            )
        case field.CPPTYPE_FLOAT | field.CPPTYPE_DOUBLE:
            return chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e30))
        case field.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case field.CPPTYPE_ENUM:
            return chance.choice((*(value.number for value in field.enum_type.values), 1000))
        case field.CPPTYPE_INT64:
            return chance.choice((0, -1, 1, 2**31, 2**62, -(2**63)))
        case field.CPPTYPE_INT32:
            return chance.choice((0, -1, 1, 2**31 - 1, -(2**31)))
        case _:
            return chance.choice((0, 1, 2**31))


def _is_message(path: str, content: bytes) -> bool:
    try:
        _KINDS[path].FromString(content)
    except Exception:
        return False
    return True


def changed(content: bytes, chance: random.Random) -> bytes:
    """The bytes with one to four changes: set, cut out, doubled, swapped, or put in."""
    found = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(found) + 1)
        end = min(len(found), start + chance.randint(1, 8))
        match chance.randrange(5):
            case 0 if found:
                found[chance.randrange(len(found))] = chance.randrange(256)
            case 1:
                del found[start:end]
            case 2:
                found[start:start] = found[start:end] * chance.choice((1, 1, 1, 50))
            case 3 if found:
                other = chance.randrange(len(found))
                place = chance.randrange(len(found))
                found[place], found[other] = found[other], found[place]
            case _:
                found[start:start] = chance.choice(_NASTY)
    return bytes(found)


_NASTY = (
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\ud800", b"%00"),
    *(b"null", b"-1", b"1e999", b"NaN", b"Infinity", b"9" * 40),
    *(b'"', b"{", b"[" * 40, b'{"b64": "="}', b"..", b"/", b":"),
    *(b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", b"\x08\x96\x01"),
)


if __name__ == "__main__":
    main()
