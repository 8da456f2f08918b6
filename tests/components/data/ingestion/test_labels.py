import pytest

from components.core.errors import DataError
from components.data.ingestion.labels import LabelReader, read_label_names
from components.data.sources.rows import Reason, RowError
from tests.components.data_stages import write

NAMES = ("joy", "anger", "fear", "annoyance")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("joy", ("joy",)),
        ("fear, joy,", ("joy", "fear")),
        ("2,0,2", ("joy", "fear")),
        (["fear", "joy"], ("joy", "fear")),
        ([2, 0], ("joy", "fear")),
        (3, ("annoyance",)),
        (3.0, ("annoyance",)),
        (float("nan"), ()),
        (None, ()),
        ("", ()),
        ([], ()),
    ],
)
def test_names_and_ids_in_any_form(value, expected):
    assert LabelReader(NAMES, {}, ",").read(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[27]", ("27",)),
        ("[3, 27]", ("3", "27")),
        ('["joy", "love"]', ("joy", "love")),
        ("['joy', 'love']", ("joy", "love")),
        ("[ 3 27]", ("3", "27")),
        ("[3. 27.]", ("3", "27")),
        ("['joy' 'in love'\n 'no.']", ("in love", "joy", "no.")),
        (" ['it is, mostly'] ", ("it is, mostly",)),
        ("[]", ()),
    ],
)
def test_lists_that_are_written_as_text(value, expected):
    assert LabelReader(None, {}, ",").read(value) == expected


@pytest.mark.parametrize("value", ["[joy]", "[joy, love]", "[0 1 ... 4]", "[1][0]", "[" * 100_000 + "]"])
def test_brackets_without_a_list_are_refused(value):
    with pytest.raises(RowError, match="is no list; set `separator: null` if it is one label") as caught:
        LabelReader(None, {}, ",").read(value)
    assert caught.value.reason is Reason.UNKNOWN_LABEL


def test_brackets_may_be_part_of_a_label():
    assert LabelReader(("[joy]", "fear"), {}, ",").read("[joy]") == ("[joy]",)
    assert LabelReader(None, {}, None).read("[joy]") == ("[joy]",)
    mapped = LabelReader(None, {"[joy]": "joy", "[none]": "neutral"}, ",")
    assert [mapped.read(value) for value in ("[joy]", " [none] ", '["[joy]"]')] == [
        ("joy",),
        ("neutral",),
        ("joy",),
    ]


def test_whole_numbers_are_ids_where_the_data_name_their_classes():
    stars = LabelReader(("1", "2", "3"), {}, ",", coded=True)
    assert [stars.read(value) for value in (0, 1.0, [2, 0])] == [("1",), ("2",), ("1", "3")]
    assert stars.read("1") == ("1",)
    with pytest.raises(RowError, match="'3'"):
        stars.read(3)
    assert LabelReader(("1", "2", "3"), {}, ",").read(3) == ("3",)


def test_without_a_separator_the_text_is_one_label():
    assert LabelReader(None, {}, None).read("joy, mostly") == ("joy, mostly",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("joyy", r"'joyy' \(did you mean 'joy'\?\)"),
        ("4", r"'4' \(expected one of 4 label names or ids\)"),
        (-1, "'-1'"),
        ("9" * 5000, "'9999"),
    ],
)
def test_unknown_labels_are_named(value, message):
    with pytest.raises(RowError, match=message) as caught:
        LabelReader(NAMES, {}, ",").read(value)
    assert caught.value.reason is Reason.UNKNOWN_LABEL


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"joy": 1}, Reason.WRONG_TYPE),
        ([["joy"]], Reason.WRONG_TYPE),
        (True, Reason.WRONG_TYPE),
        (1.5, Reason.WRONG_TYPE),
        ("caf\udce9", Reason.NOT_UTF8),
        ("two\nlines", Reason.UNKNOWN_LABEL),
    ],
)
def test_what_can_be_no_label_is_refused(value, reason):
    with pytest.raises(RowError) as caught:
        LabelReader(None, {}, ",").read(value)
    assert caught.value.reason is reason


def test_mapped_labels_are_not_repeated_and_keep_the_order_of_the_mapping():
    reader = LabelReader(NAMES, {"anger": "bad", "annoyance": "bad", "fear": "bad", "joy": "good"}, ",")
    assert reader.final_names == ("bad", "good")
    assert reader.read("joy,anger,annoyance") == ("bad", "good")
    assert reader.read("1,3") == ("bad",)


def test_labels_that_are_not_mapped_stay():
    reader = LabelReader(NAMES, {"annoyance": "anger"}, ",")
    assert reader.final_names == ("anger", "joy", "fear")


def test_typing_errors_in_a_mapping_are_found():
    assert LabelReader(NAMES, {"angry": "anger", "joy": "good"}, ",").unknown_in_mapping == ("angry",)
    assert LabelReader(None, {"angry": "anger"}, ",").unknown_in_mapping == ()


def test_inferred_labels_are_sorted_numbers_by_value():
    reader = LabelReader(None, {}, ",")
    assert reader.read("sad,10,9,glad") == ("9", "10", "glad", "sad")
    assert reader.list_names({"10", "glad", "9", "sad"}, "a.csv") == ("9", "10", "glad", "sad")


def test_no_labels_at_all_and_far_too_many_are_mistakes():
    reader = LabelReader(None, {}, ",")
    with pytest.raises(DataError, match=r"a\.csv: no row has a label; check `columns\.labels`"):
        reader.list_names([], "a.csv")
    with pytest.raises(DataError, match=r"a\.csv: 1,001 different labels"):
        reader.list_names([f"label {number}" for number in range(1001)], "a.csv")


@pytest.mark.parametrize("yes", ["1", 1, 1.0, True, "true", "TRUE ", "1.0"])
@pytest.mark.parametrize("no", ["0", 0, 0.0, False, "false", "", None])
def test_indicator_columns(yes, no):
    reader = LabelReader(("joy", "fear"), {}, ",")
    assert reader.read_indicators({"joy": no, "fear": yes}) == ("fear",)


def test_other_indicators_are_refused():
    with pytest.raises(RowError, match="column 'joy': expected 0 or 1, got '2'"):
        LabelReader(("joy",), {}, ",").read_indicators({"joy": "2"})


def test_label_files(tmp_path):
    assert read_label_names(write(tmp_path / "l.txt", "\ufeffjoy\r\nfear\n\n")) == ("joy", "fear")
    with pytest.raises(DataError, match=r"l\.txt: row 2: label 'joy' is named twice"):
        read_label_names(write(tmp_path / "l.txt", "joy\njoy\n"))
    with pytest.raises(DataError, match=r"l\.txt: is empty"):
        read_label_names(write(tmp_path / "l.txt", "\n"))
    with pytest.raises(DataError, match=r"l\.txt: is not UTF-8"):
        read_label_names(write(tmp_path / "l.txt", b"caf\xe9"))
