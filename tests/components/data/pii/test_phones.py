from functools import partial

import pytest

from components.data.pii.phones import find_phones
from components.data.pii.settings import Pii
from tests.components.data.pii.finding import found

REGIONS = Pii().phone_regions


def phones(text, regions=REGIONS):
    return found(partial(find_phones, regions=regions), text)


@pytest.mark.parametrize(
    "number",
    [
        "+1 (202) 555-0143",
        "(202) 555-0143",
        "202.555.0143",
        "2025550143",
        "1-202-555-0143 ext. 23",
        "+44 (0)20 7946 0958",
        "07700 900123",
        "030 12345678",
        "0151/23456789",
        "06 12 34 56 78",
        "13800138000",
        "138-0013-8000",
        "010-62781234",
        "0049 30 12345678",
        "98765 43210",
        "090-1234-5678",
        "(11) 91234-5678",
        "0412 345 678",
    ],
)
def test_numbers_as_people_write_them(number):
    assert phones(f"well, {number}, then") == [number]
    assert phones(f"号码{number}，谢谢") == [number]
    assert phones(f"17,{number},joy") == [number]
    assert phones(f"Tel.{number} k thx") == [number]
    assert phones(f"phone={number}&x=1") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "1914-1918 1939-1945, 2019-04-12 10:30, 07.08.2012 12",
        "11750-11800 for EUR 2500-4000, $1,000,000, 1 000 000 people",
        "3.14159265358979 .261 .323 .473 .797 40.7128",
        ".261 .323 .473 .797",
        "ISBN 978-3-16-148410-0, ISBN 0-306-40615-2",
        "1548912345 2147483647 1548912345678",
        "order number 2025550143, serial 9876543210",
        "d290f1ee-6c54-4b01-90e6-d701748f0851 t_68769b96-2795-4295-a12b",
        "+1 +100 +5 000 000",
        "group 2 (300) 4000",
        "2020-01-02 03:04:05 198.51.100.45",
        "1 2 3 4 5 6 7 8 9 10 20 30 40 50 60",
        "2025550143 views, 2025550143km, x2025550143",
    ],
)
def test_other_numbers(text):
    assert phones(text) == []


def test_a_word_for_it_makes_a_short_number_one():
    assert phones("call 555-0134 now") == ["555-0134"]
    assert phones("feel free to call Pat Bray at the office, 555-0134 x23") == ["555-0134 x23"]
    assert phones("hotel 555-0134") == []
    assert phones("call me, order number 555-0134") == []


def test_numbers_side_by_side_are_two():
    assert phones("in 2019 202-555-0143 202-555-0199 2020") == ["202-555-0143", "202-555-0199"]


def test_brackets_around_a_number_stay():
    assert phones("(202-555-0143)") == ["202-555-0143"]


def test_regions_decide_which_national_numbers_are_known():
    assert phones("ring 20 12 34 56", ()) == []
    assert phones("20 12 34 56", ("DK",)) == ["20 12 34 56"]
    assert phones("+45 20 12 34 56", ()) == ["+45 20 12 34 56"]
