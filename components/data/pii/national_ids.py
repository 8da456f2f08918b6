"""Ids that states give to persons: each by its shape and its check digits or dates, some only after a word for it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module

from components.data.pii.kinds import PiiKind, Span
from components.data.pii.unlisted_ids import UNLISTED

__all__ = ["COUNTRIES", "find_national_ids"]

_START = r"(?<![0-9A-Za-z])(?<![0-9][.\-/])"
_END = r"(?![0-9A-Za-z])(?![.\-/][0-9])"
_SEPARATORS = re.compile(r"[ \-()]")
_CUE_CHARACTERS = 40


@dataclass(frozen=True)
class _Rule:
    """One way in which an id is written.

    Attributes:
        country: that gives it, ISO 3166.
        shape: pattern of the whole id.
        validator: module of `stdnum`, or entry of `UNLISTED`, that has the last word.
        cue: pattern of words, one of which must stand shortly before an id that is hard to tell from other numbers.
    """

    country: str
    shape: str
    validator: str
    cue: str = ""


_RULES = (
    _Rule("AT", r"\d{4} ?\d{6}", "at.vnr", r"SVNR|Sozialversicherungsnummer|Versicherungsnummer"),
    _Rule("AU", r"\d{3} ?\d{3} ?\d{2,3}", "au.tfn", r"TFN|tax file number"),
    _Rule("BE", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}|\d{11}", "be.nn"),
    _Rule("BG", r"\d{10}", "bg.egn", r"EGN|ЕГН"),
    _Rule("BR", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf"),
    _Rule("BR", r"\d{9}-?\d{2}", "br.cpf", r"CPF"),
    _Rule("CA", r"\d{3}-\d{3}-\d{3}", "ca.sin"),
    _Rule("CA", r"\d{3} ?\d{3} ?\d{3}", "ca.sin", r"SIN|social insurance|assurance sociale"),
    _Rule("CH", r"756\.\d{4}\.\d{4}\.\d{2}|756\d{10}", "ch.ssn"),
    _Rule("CL", r"\d{1,2}\.\d{3}\.\d{3}-[\dK]", "cl.rut"),
    _Rule("CL", r"\d{7,8}-?[\dK]", "cl.rut", r"RUT"),
    _Rule("CN", r"\d{17}[\dX]|\d{6} \d{8} \d{3}[\dX]", "cn.ric"),
    _Rule("CN", r"\d{17}[\dX]", "cn.dated", r"身份证|身份證|身份號碼|ID card|id no|id number"),
    _Rule("CZ", r"\d{6}/\d{3,4}", "cz.rc"),
    _Rule("DE", r"\d{2} \d{3} \d{3} \d{3}", "de.idnr"),
    _Rule("DE", r"\d{11}", "de.idnr", r"Steuer-?ID|Id-?Nr|Steuer\w*nummer|Identifikationsnummer|tax ?id"),
    _Rule("DK", r"\d{6}-\d{4}", "dk.cpr"),
    _Rule("EE", r"\d{11}", "ee.ik"),
    _Rule("EG", r"\d{14}", "eg.tn", r"national id|الرقم القومي"),
    _Rule("ES", r"\d{8}[ \-]?[A-Z]", "es.dni"),
    _Rule("ES", r"[XYZ][ \-]?\d{7}[ \-]?[A-Z]", "es.nie"),
    _Rule("FI", r"\d{6}[+\-YXWVUA-F]\d{3}[0-9A-Y]", "fi.hetu"),
    _Rule("FR", r"[1-478] ?\d{2} ?[0-9]{2} ?\d[0-9AB] ?\d{3} ?\d{3} ?\d{2}", "fr.nir"),
    _Rule("GB", r"[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]|[A-Z]{2}-\d{2}-\d{2}-\d{2}-[A-D]", "gb.nino"),
    _Rule("GB", r"\d{3}[ \-]?\d{3}[ \-]?\d{4}", "gb.nhs", r"NHS"),
    _Rule("GR", r"\d{11}", "gr.amka", r"AMKA|ΑΜΚΑ"),
    _Rule("HK", r"[A-Z]{1,2}\d{6} ?(?:\([0-9A]\)|[0-9A])", "hk.id"),
    _Rule("HR", r"\d{11}", "hr.oib", r"OIB"),
    _Rule("ID", r"\d{16}", "id.nik", r"NIK|KTP"),
    _Rule("IE", r"\d{7}[A-W][ABHWTX]?", "ie.pps"),
    _Rule("IL", r"\d{8}-?\d", "il.idnr", r"teudat zehut|ת\.?ז\.?|תעודת זהות|israeli id"),
    _Rule("IN", r"\d{4}[ \-]\d{4}[ \-]\d{4}", "in_.aadhaar"),
    _Rule("IN", r"\d{12}", "in_.aadhaar", r"aadhaar|aadhar|uidai|आधार"),
    _Rule("IN", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", "in_.pan"),
    _Rule("IS", r"\d{6}-\d{4}", "is_.kennitala"),
    _Rule("IT", r"[A-Z]{6} ?[0-9L-V]{2}[A-Z][0-9L-V]{2} ?[A-Z][0-9L-V]{3} ?[A-Z]", "it.codicefiscale"),
    _Rule("JP", r"\d{4}[ \-]?\d{4}[ \-]?\d{4}", "jp.my_number", r"マイナンバー|個人番号|my ?number"),
    _Rule("KR", r"\d{6}-?\d{7}", "kr.rrn"),
    _Rule("LT", r"\d{11}", "lt.asmens"),
    _Rule("MX", r"[A-Z]{4}\d{6}[A-Z]{6}[0-9A-Z]\d", "mx.curp"),
    _Rule("MY", r"\d{6}-\d{2}-\d{4}", "my.nric"),
    _Rule("NL", r"\d{9}|\d{4}\.\d{2}\.\d{3}", "nl.bsn", r"BSN|burgerservice\w*|sofi\w*"),
    _Rule("NO", r"\d{6} ?\d{5}", "no.fodselsnummer"),
    _Rule("PK", r"\d{5}-\d{7}-\d", "pk.cnic"),
    _Rule("PL", r"\d{11}", "pl.pesel"),
    _Rule("PT", r"\d{3} ?\d{3} ?\d{3}", "pt.nif", r"NIF|contribuinte"),
    _Rule("PT", r"\d{8} ?\d ?[A-Z0-9]{2} ?\d", "pt.cc", r"cart[ãa]o de cidad[ãa]o"),
    _Rule("RO", r"\d{13}", "ro.cnp"),
    _Rule("RU", r"\d{12}", "ru.inn", r"ИНН|INN"),
    _Rule("SE", r"(?:\d\d)?\d{6}[+\-]\d{4}", "se.personnummer"),
    _Rule("SE", r"(?:\d\d)?\d{10}", "se.personnummer", r"personnummer|pnr"),
    _Rule("SG", r"[STFGM]\d{7}[A-Z]", "sg.nric"),
    _Rule("SK", r"\d{6}/\d{3,4}", "sk.rc"),
    _Rule("TH", r"\d-\d{4}-\d{5}-\d{2}-\d|\d \d{4} \d{5} \d{2} \d", "th.pin"),
    _Rule("TH", r"\d{13}", "th.pin", r"บัตรประชาชน|thai id"),
    _Rule("TR", r"\d{11}", "tr.tckimlik"),
    _Rule("TW", r"[A-Z][1289]\d{8}", "tw.id"),
    _Rule("UA", r"\d{10}", "ua.rntrc", r"ІПН|РНОКПП|RNTRC"),
    _Rule("US", r"\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}", "us.ssn"),
    _Rule("US", r"9\d{2}-\d{2}-\d{4}", "us.itin"),
    _Rule("US", r"\d{9}", "us.ssn", r"SSN|social security|social(?= (?:is|number|no))"),
    _Rule("ZA", r"\d{13}|\d{6} \d{4} \d{3}", "za.idnr"),
)

COUNTRIES = tuple(sorted({rule.country for rule in _RULES}))
"""Countries (ISO 3166) whose ids are known."""


def find_national_ids(text: str, *, countries: Sequence[str]) -> Iterator[Span]:
    """Ids of persons that these countries give (ISO 3166, two letters)."""
    for pattern, rules in _rules_by_shape(tuple(countries)):
        for match in pattern.finditer(text):
            before = text[max(0, match.start() - _CUE_CHARACTERS) : match.start()]
            if any(_fits(rule, match[0], before) for rule in rules):
                yield Span(*match.span(), PiiKind.NATIONAL_ID)


@lru_cache(maxsize=8)
def _rules_by_shape(countries: tuple[str, ...]) -> list[tuple[re.Pattern[str], list[_Rule]]]:
    shapes: dict[str, list[_Rule]] = {}
    for rule in _RULES:
        if rule.country in countries:
            shapes.setdefault(rule.shape, []).append(rule)
    return [
        (re.compile(f"{_START}(?:{shape}){_END}", re.IGNORECASE | re.ASCII), rules)
        for shape, rules in shapes.items()
    ]


def _fits(rule: _Rule, written: str, before: str) -> bool:
    if rule.cue and not _cue(rule.cue).search(before):
        return False
    if rule.validator in UNLISTED:
        return UNLISTED[rule.validator](_SEPARATORS.sub("", written).upper())
    return bool(import_module(f"stdnum.{rule.validator}").is_valid(written.upper()))


@lru_cache(maxsize=128)
def _cue(words: str) -> re.Pattern[str]:
    """Finds one of the words, and after it no more than a few others and no other number."""
    return re.compile(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])\D*$", re.IGNORECASE)
