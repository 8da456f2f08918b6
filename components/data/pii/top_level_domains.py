"""Which endings make `name.ending` a host name, and which need more evidence than a missing space after a full stop."""

__all__ = ["COUNTRY", "GENERIC", "UNMISTAKABLE", "is_top_level"]

_GENERIC = """
com net org edu gov mil int info biz name pro aero coop museum jobs mobi travel tel cat asia post xxx arpa app
dev page blog shop store online site website web space tech cloud digital email live news media social chat
world today life club group team agency studio design art music video photo photos pics games game fun cool link
click help support services solutions systems company business consulting finance bank money capital fund health
care clinic doctor dental school academy university education training science center institute foundation
charity ngo church community network international global xyz top icu vip win best one plus wiki ninja guru
expert rocks zone city london berlin paris tokyo nyc moscow africa eu example invalid test local restaurant cafe
pizza bar beer wine fashion style beauty yoga fitness run bike car auto taxi tours hotel house homes estate
properties land garden farm eco green energy solar law legal lawyer press review reviews sale deals discount
cheap market markets trade exchange crypto bot ai io
"""

GENERIC = frozenset(_GENERIC.split())
"""Endings of no country: those that mail addresses and links in the wild mostly have."""

_COUNTRY = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc
cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo fr ga
gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo
jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr
ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re
ro rs ru rw sa sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr
tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw
"""

COUNTRY = frozenset(_COUNTRY.split())
"""Endings of countries, as ISO 3166 and IANA list them."""

_UNMISTAKABLE = """
com net org edu gov mil biz xyz app dev info io ai co tv fm gg ly gl de uk fr ru jp cn br ca au nl eu ch pl kr
mx cz dk hu ie nz tw ua za hk sg tr gr pt ro vn
"""

UNMISTAKABLE = frozenset(_UNMISTAKABLE.split())
"""Endings that make a host name of `name.ending` by themselves: others are words (`it`, `is`, `no`) or ends of file
names (`py`, `sh`, `md`), and count only in a link with a scheme, `www.`, or a path."""


def is_top_level(ending: str) -> bool:
    """Whether host names end so, in any case; `xn--` marks an ending in another script."""
    ending = ending.lower()
    return ending in COUNTRY or ending in GENERIC or ending.startswith("xn--")
