"""Finds the highest version of each operator that runtimes link: the facts of `tflite/operator_versions.json`.

    python -m tests.benchmarks.operator_versions litert=PYTHON mediapipe=PYTHON mediapipe-0.10=PYTHON bertnl=PYTHON

PYTHON is the interpreter of an environment that holds `ai-edge-litert`, `mediapipe` or `tflite-support`. To a small
model an operator code is added that no operator uses: a runtime looks all of them up when it loads a file, and says
which one it does not know. Prints the table; 0 is an operator that a runtime lacks.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from tests.tflite import toy
from tflite.metadata import attach_metadata
from tflite.model_file import pack, unpack

CODE, VERSION = 0x5A5A5A5A, 0x4B4B4B4B
"""Stand in the template where code and version go."""
OPERATORS = {
    name: number
    for name, number in vars(schema.BuiltinOperator).items()
    if isinstance(number, int) and name not in ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
}

LOADERS = {
    "litert": """
package = "ai-edge-litert"
from ai_edge_litert.interpreter import Interpreter
def load(content): Interpreter(model_content=content)
""",
    "mediapipe": """
package = "mediapipe"
from mediapipe.tasks.python import text
from mediapipe.tasks.python.core.base_options import BaseOptions
def load(content):
    options = text.TextClassifierOptions(base_options=BaseOptions(model_asset_buffer=content))
    text.TextClassifier.create_from_options(options).close()
""",
    "bertnl": """
package = "tflite-support"
from tflite_support.task import core, text
def load(content):
    options = text.BertNLClassifierOptions(base_options=core.BaseOptions(file_content=content))
    text.BertNLClassifier.create_from_options(options)
""",
}
PROBE = """
import json, os, struct, sys
from importlib import metadata
template = open(sys.argv[1], "rb").read()
operators, code, version = json.load(open(sys.argv[2]))
out = os.fdopen(os.dup(1), "w")
def knows(number, tried):
    content = template.replace(struct.pack("<I", code), struct.pack("<I", number))
    try:
        load(content.replace(struct.pack("<I", version), struct.pack("<I", tried)))
    except Exception:
        return False
    return True
assert knows(operators["ADD"], 1), "the template itself does not load"
assert not knows(operators["ADD"], 99), "a version that nobody has is not refused"
found = {name: max((tried for tried in range(1, 26) if knows(number, tried)), default=0)
         for name, number in operators.items()}
versions = {name: highest for name, highest in found.items() if highest}
print(json.dumps({"runtime": f"{package} {metadata.version(package)}", "versions": versions}), file=out)
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runtimes", nargs="+", metavar="TARGET=PYTHON")
    arguments = parser.parse_args()
    pairs = [runtime.partition("=")[::2] for runtime in arguments.runtimes]
    with tempfile.TemporaryDirectory() as scratch:
        template, codes = Path(scratch) / "template.tflite", Path(scratch) / "operators.json"
        template.write_bytes(template_file())
        codes.write_text(json.dumps([OPERATORS, CODE, VERSION]))
        found = [probe(target, python, template, codes) for target, python in pairs]
    print('{\n  "targets": ' + json.dumps([target for target, _ in pairs]) + ",")
    print('  "measured_with": ' + json.dumps([answer["runtime"] for answer in found]) + ",")
    rows = {
        name: [answer["versions"].get(name, 0) for answer in found]
        for name in sorted({name for answer in found for name in answer["versions"]})
    }
    lines = (f"    {json.dumps(name)}: {json.dumps(versions)}" for name, versions in rows.items())
    print('  "operators": {\n' + ",\n".join(lines) + "\n  }\n}")


def probe(target: str, python: str, template: Path, codes: Path) -> dict[str, Any]:
    """What the runtime in an environment links: its name and release, and versions by operator."""
    program = LOADERS[target.removesuffix("-0.10")] + PROBE
    done = subprocess.run(
        [python, "-c", program, str(template), str(codes)], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.decode().splitlines()[-1])


def template_file() -> bytes:
    """The float32 toy model with one more operator code."""
    model = unpack(toy.files()["float32"])
    extra = schema.OperatorCodeT()
    extra.builtinCode, extra.version = CODE, VERSION
    model.operatorCodes.append(extra)
    content = pack(model, 1 << 20)
    return attach_metadata(content, toy.metadata(suppress_undecided=False))


if __name__ == "__main__":
    main()
