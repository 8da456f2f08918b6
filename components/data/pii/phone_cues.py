"""Words before a number that make it a telephone number, or a number of something else."""

import re

__all__ = ["OTHER_CUE", "PHONE_CUE"]

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


PHONE_CUE = re.compile(
    rf"(?:(?<![A-Za-z])(?:{_alternatives(_PHONE)})|{_alternatives(_PHONE_UNSPACED)})"
    r"(?: (?:number|no|is|at|on|me|us|him|her))*(?:号码|号|是|番号|는|은)*[^\w\n]{0,3}$",
    re.IGNORECASE,
)
"""Matches the end of what stands before a telephone number: `call me at `, `电话：`."""

OTHER_CUE = re.compile(
    rf"(?:(?<![A-Za-z])(?:{_alternatives(_OTHER)})|{_alternatives(_OTHER_UNSPACED)})"
    r"(?: (?:number|no|nr|is|of|code))*号?[^\w\n]{0,3}$",
    re.IGNORECASE,
)
"""Matches the end of what stands before another number: `order no. `, `USD `."""
