"""Words before a number that make it a telephone number, or a number of something else."""

import re
from typing import NamedTuple

__all__ = ["NO_CUES", "Cues", "read_cues"]

_CHARACTERS = 64

_PHONE = """
phone tel mobile mob cell call text whatsapp telegram signal fax dial ring sms hotline telefon telefonnummer handy
handynummer rufnummer mobil anrufen téléphone tél portable teléfono móvil celular telefone cellulare telefono
"""
_PHONE_UNSPACED = "电话 手机 致电 拨打 热线 短信 電話 携帯 전화 전화번호 연락처 휴대폰 ☎ ☎\ufe0f 📞 📱"

_OTHER = """
order invoice ticket tracking reference ref isbn issn doi serial model part item product account code case claim
booking version build population total sku upc ean barcode lot id ssn sin nhs tfn cpf bsn nif kimlik tckn oib nik inn
pesel personnummer fødselsnummer isikukood aadhaar steuernummer identifikationsnummer
eur usd gbp inr rs chf cny rmb jpy
"""
_OTHER_UNSPACED = "订单 单号 编号 快递 序列号 身份证 身分證 주민번호 주민등록번호 マイナンバー"


def _alternatives(words: str) -> str:
    return "|".join(map(re.escape, words.split()))


_PHONE_CUE = re.compile(
    rf"(?:(?<![A-Za-z])(?:{_alternatives(_PHONE)})|{_alternatives(_PHONE_UNSPACED)})"
    r"(?: (?:number|no|is|at|on|me|us|him|her))*(?:号码|号|是|番号|는|은)*[^\w\n]{0,3}$",
    re.IGNORECASE,
)
"""Matches the end of what stands before a telephone number: `call me at `, `电话：`."""

_OTHER_CUE = re.compile(
    rf"(?:(?<![A-Za-z])(?:{_alternatives(_OTHER)})|{_alternatives(_OTHER_UNSPACED)})"
    r"(?: (?:number|no|nr|is|of|code))*号?[^\w\n]{0,3}$",
    re.IGNORECASE,
)
"""Matches the end of what stands before another number: `order no. `, `USD `."""

_INVITATION = re.compile(
    r"(?<![A-Za-z])(?:call|contact|phone|reach|dial|tel|text)(?![A-Za-z])[^\d\n]*$", re.IGNORECASE
)
"""Matches the end of what stands before the number of a person: `call Pat Bray at `."""


class Cues(NamedTuple):
    """What the words before a number say.

    Attributes:
        phone: a word for a telephone number stands right before it.
        invitation: somewhat further away, somebody is asked to call.
        other: a word for another number stands right before it.
    """

    phone: bool
    invitation: bool
    other: bool


NO_CUES = Cues(phone=False, invitation=False, other=False)


def read_cues(text: str, start: int) -> Cues:
    """What the words before position `start` of the text say."""
    before = text[max(0, start - _CHARACTERS) : start]
    near = before[-_CHARACTERS // 2 :]
    phone = _PHONE_CUE.search(near) is not None
    other = not phone and _OTHER_CUE.search(near) is not None
    return Cues(phone, _INVITATION.search(before) is not None, other)
