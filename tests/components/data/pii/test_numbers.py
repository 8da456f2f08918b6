import pytest

from components.data.pii.numbers import find_cards, find_ibans
from tests.components.data.pii.finding import found


@pytest.mark.parametrize(
    "card",
    [
        "4539696119393459",
        "4539 6961 1939 3459",
        "4539-6961-1939-3459",
        "2223563024666632",
        "3714 632907 10392",
        "36096292330251",
        "6222810935197203",
    ],
)
def test_cards_are_found_and_a_wrong_digit_tells(card):
    assert found(find_cards, f"paid with {card}, twice") == [card]
    wrong = card[:-1] + str((int(card[-1]) + 1) % 10)
    assert found(find_cards, f"paid with {wrong}, twice") == []


def test_a_word_for_it_makes_a_mistyped_number_a_card():
    assert found(find_cards, "my visa 4539696119393450, help") == ["4539696119393450"]
    assert found(find_cards, "信用卡 6222 8109 3519 7204 还不上") == ["6222 8109 3519 7204"]
    assert found(find_cards, "my visa 1234 5678 9012 3456") == []
    assert found(find_cards, "cardigan 4539696119393450") == []


@pytest.mark.parametrize(
    "text",
    [
        "1234 5678 9012 3452",  # right check digit, no brand
        "4539 6961-1939 3459",
        "45396961 19393459",
        "x4539696119393459",
        "0.4539696119393459",
    ],
)
def test_other_numbers_are_no_cards(text):
    assert found(find_cards, text) == []


def test_a_number_before_a_card_does_not_hide_it():
    text = "since 2019 4539 6961 1939 3459 works"
    assert found(find_cards, text) == ["4539 6961 1939 3459"]


@pytest.mark.parametrize(
    "iban",
    [
        "DE56370400441615816710",
        "GB28 NWBK 6016 1325 2444 10",
        "ch93 0076 2011 6238 5295 7",
        "NL29-ABNA-4516-3071-37",
    ],
)
def test_ibans_are_found_and_a_wrong_digit_tells(iban):
    assert found(find_ibans, f"to {iban} AND THEN 1234 more") == [iban]
    wrong = iban[:3] + str((int(iban[3]) + 1) % 10) + iban[4:]
    assert found(find_ibans, f"to {wrong} AND THEN 1234 more") == []


def test_two_ibans_side_by_side():
    text = "AT301904300234552322 SE4550000000058398257466"
    assert found(find_ibans, text) == text.split()
