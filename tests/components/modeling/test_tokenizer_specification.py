import json
import subprocess
import sys

import pytest

from components.core.errors import EncoderError
from components.modeling.encoder import resolve_encoder
from components.modeling.tiny_encoder import TINY_VOCABULARY
from components.modeling.tokenizer_specification import tokenizer_specification, vocabulary_files
from tflite.host_tokenizer import HostTokenizer


def specification(name="tiny-random", **changes):
    settings = {"special_tokens": ("[NAME]",), "casing": "auto", "max_tokens": 16, **changes}
    return tokenizer_specification(resolve_encoder(name), **settings)


def test_special_tokens_take_unused_rows():
    spec = specification()
    assert spec.rules.special_tokens == {"[NAME]": "xxname"}
    assert spec.vocabulary.index("xxname") == TINY_VOCABULARY.index("[unused0]")
    assert HostTokenizer(spec).words("So, [NAME]!") == ["so", ",", "xxname", "!"]


@pytest.mark.parametrize(("casing", "words"), [("auto", ["so"]), ("uncased", ["so"]), ("cased", ["Sô"])])
def test_casing(casing, words):
    assert HostTokenizer(specification(casing=casing)).words("Sô") == words


def test_too_many_special_tokens_are_refused():
    free = sum(token.startswith("[unused") for token in TINY_VOCABULARY)
    message = rf"{free} free vocabulary rows \(\[unusedN\]\) for {free + 1} special tokens"
    with pytest.raises(EncoderError, match=message):
        specification(special_tokens=tuple(f"[T{number}]" for number in range(free + 1)))


def test_a_vocabulary_without_control_tokens_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[unused0]\nso\n")
    with pytest.raises(EncoderError, match=r"the vocabulary lacks \[UNK\], \[CLS\], \[SEP\]"):
        specification(str(tmp_path))


def test_files_of_the_vocabulary_are_named(tmp_path):
    for name in ("config.json", "vocab.txt", "model.safetensors"):
        (tmp_path / name).write_text("{}")
    assert [file.name for file in vocabulary_files(resolve_encoder(str(tmp_path)))] == [
        "config.json",
        "vocab.txt",
    ]
    assert vocabulary_files(resolve_encoder("tiny-random")) == ()


def test_plain_files_need_no_tensorflow(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nso\n")
    program = (
        "import sys\n"
        "from components.modeling.encoder import resolve_encoder\n"
        "from components.modeling.tokenizer_specification import tokenizer_specification\n"
        f"encoder = resolve_encoder({str(tmp_path)!r})\n"
        "tokenizer_specification(encoder, special_tokens=(), casing='auto', max_tokens=16)\n"
        "print([name for name in ('tensorflow', 'keras', 'keras_hub') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
