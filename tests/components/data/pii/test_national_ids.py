from functools import partial

import pytest

from components.data.pii.national_ids import COUNTRIES, find_national_ids
from tests.components.data.pii.finding import found

IDS = [
    ("AT", "SVNR 5181 150384"),
    ("AU", "TFN 268 599 528"),
    ("BE", "85.07.30-803.34"),
    ("BG", "ЕГН 8507306865"),
    ("BR", "587.355.706-36"),
    ("BR", "CPF 58735570636"),
    ("CA", "535-164-388"),
    ("CH", "756.5096.1923.96"),
    ("CL", "17.737.972-7"),
    ("CN", "11010519900307611X"),
    ("CZ", "855723/6974"),
    ("DE", "86 241 394 751"),
    ("DE", "Steuer-ID 65034742483"),
    ("EE", "38403150119"),
    ("ES", "16651729M"),
    ("ES", "X8991738A"),
    ("FI", "150384-800K"),
    ("FR", "1 84 03 75 116 227 44"),
    ("GB", "NHS 214 410 2228"),
    ("GR", "AMKA 15038451645"),
    ("HK", "K236308(9)"),
    ("HR", "OIB 64470630541"),
    ("IE", "1204337H"),
    ("IN", "4978 8924 3428"),
    ("IS", "150384-8939"),
    ("IT", "RSSMRA84C15H501Q"),
    ("JP", "マイナンバーは 2283 8848 5214"),
    ("KR", "840315-1155048"),
    ("LT", "38403150348"),
    ("MX", "GOMC840315HDFRRR00"),
    ("NL", "BSN 041212800"),
    ("NO", "150384 02894"),
    ("PL", "84031585730"),
    ("PT", "NIF 259449490"),
    ("RO", "1840315400831"),
    ("RU", "ИНН 772586344327"),
    ("SE", "840315-6105"),
    ("SG", "S8475644Z"),
    ("TH", "1-1005-24601-18-3"),
    ("TR", "17879633352"),
    ("TW", "F174411622"),
    ("ZA", "840315 5829 086"),
]
DATED_OR_SHAPED = [
    ("DK", "150384-7796", "153984-7796"),
    ("GB", "AB 47 11 62 D", "QQ 47 11 62 D"),
    ("ID", "NIK 3201121503845014", "NIK 9901121503845014"),
    ("IN", "BKLPR1360M", "BKLXR1360M"),
    ("MY", "840315-14-3881", "841315-14-3881"),
    ("PK", "35202-4622387-9", "05202-4622387-9"),
    ("US", "123-45-6789", "000-45-6789"),
    ("US", "976-72-3818", "976-00-3818"),
]


def ids(country, text):
    """Every id once, though two rules may fit it."""
    return list(dict.fromkeys(found(partial(find_national_ids, countries=(country,)), text)))


@pytest.mark.parametrize(("country", "text"), IDS)
def test_an_id_is_found_and_a_changed_digit_tells(country, text):
    assert ids(country, f"well {text}, ok")[0] in text
    digits = [place for place, character in enumerate(text) if character.isdigit()]
    place = digits[-3]
    wrong = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :]
    assert ids(country, f"well {wrong}, ok") == []


@pytest.mark.parametrize(("country", "text", "wrong"), DATED_OR_SHAPED)
def test_an_id_without_check_digit_needs_its_shape_and_date(country, text, wrong):
    assert ids(country, f"well {text}, ok")[0] in text
    assert ids(country, f"well {wrong}, ok") == []


@pytest.mark.parametrize(
    ("country", "text"),
    [
        (country, text)
        for country, text in IDS
        if text.split()[0].isalpha() and " " in text and country != "BR"
    ],
)
def test_numbers_like_many_others_need_a_word_for_them(country, text):
    assert ids(country, text)
    assert ids(country, f"well {text.partition(' ')[2]}, ok") == []


def test_chinese_ids_stand_between_chinese_characters():
    assert ids("CN", "身份证号440301198511234724，别外传") == ["440301198511234724"]


def test_a_word_for_it_makes_a_mistyped_chinese_id_one():
    assert ids("CN", "身份证号码：440301198511234725") == ["440301198511234725"]
    assert ids("CN", "号码：440301198511234725") == []
    assert ids("CN", "身份证号码：440301198513234725") == []


def test_only_the_named_countries_are_looked_for():
    assert ids("FR", "123-45-6789") == []


def test_every_country_is_tested():
    tested = {country for country, *_ in [*IDS, *DATED_OR_SHAPED]}
    assert set(COUNTRIES) - tested == {"EG", "IL", "SK", "UA"}
