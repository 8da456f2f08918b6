import numpy as np
import pytest

from tests.tflite import toy
from tflite import model_file
from tflite.errors import ModelFileError
from tflite.model_file import describe
from tflite.session import Session


@pytest.mark.parametrize("variant", ["float32", "int8"])
def test_an_id_outside_the_vocabulary_is_an_error_and_the_next_text_is_right(variant: str) -> None:
    content = toy.files()[variant]
    session = Session(content)
    expected = session.run([2, 9, 3])
    with pytest.raises(RuntimeError, match="out of bounds"):
        session.run([2, len(toy.spec().vocabulary), 3])
    np.testing.assert_array_equal(session.run([2, 9, 3]), expected)
    np.testing.assert_array_equal(session.run([2, 9, 9, 3]), Session(content).run([2, 9, 9, 3]))


def test_scores_stay_when_the_next_text_comes() -> None:
    session = Session(toy.files()["float32"])
    first = session.run([2, 9, 3])
    kept = first.copy()
    session.run([2, 30, 3])
    np.testing.assert_array_equal(first, kept)


def test_inputs_of_other_names_are_refused() -> None:
    model = model_file.unpack(toy.files()["int8"])
    model.signatureDefs[0].inputs[0].name = "words"
    with pytest.raises(
        ModelFileError, match=r"must be ids, mask and segment_ids, or text alone; they are .*words"
    ):
        Session(model_file.pack(model, 1 << 16))


def test_a_graph_that_the_runtime_refuses_is_an_error_of_the_file() -> None:
    content = toy.files()["int8"]
    assert describe(content).operators
    with pytest.raises(ModelFileError, match=r"cannot load|damaged"):
        Session(content[: len(content) // 2])
