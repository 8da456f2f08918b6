"""Personal data of the internet: mail addresses, links, handles and IP addresses.

Every pattern reads a run of characters to its end before it looks what the run is, so that time grows in proportion to
the text whatever it holds.
"""

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from components.data.pii.kinds import PLACEHOLDER, PiiKind, Span
from components.data.pii.top_level_domains import UNMISTAKABLE, is_top_level

__all__ = ["find_emails", "find_ip_addresses", "find_urls", "find_users", "has_disguised_at"]

_LETTERS = "A-Za-z\u00c0-\u024f\u0370-\u03ff\u0400-\u04ff"
_UNDECODED = "\udc80-\udcff"
_NO_SPACES = "\u0e00-\u0eff\u2018-\u201f\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
"""Scripts that set no space after a link, and their punctuation."""

_LOCAL = rf"0-9_.+%'{_LETTERS}{_UNDECODED}\-"
_PUNCTUATION = "._%+-'"
_LABEL = rf"[0-9{_LETTERS}\-]++"
_HOST = rf"(?:{_LABEL}\.)+[{_LETTERS}]{{2,}}"
_EMAIL = re.compile(rf"(?<![{_LOCAL}])(?:[{_LOCAL}]++|{PLACEHOLDER})@(?P<host>{_HOST})")

_DISGUISED_EMAIL = re.compile(
    rf"(?<![{_LOCAL}])(?P<name>[{_LOCAL}]++) ?[(\[]at[)\]] ?"
    rf"(?:{_LABEL}(?:\.| ?[(\[](?:dot|punkt|point)[)\]] ?| dot ))+[{_LETTERS}]{{2,}}",
    re.IGNORECASE,
)

_BODY = (
    rf"(?:[^\s()\[\]<>\"`{{}}|\\^{_NO_SPACES}]"
    rf"|\([^\s()<>\"{_NO_SPACES}]{{0,200}}\)|\[[^\s\[\]<>\"{_NO_SPACES}]{{0,200}}\])"
)
_SCHEME = (
    r"(?:h(?:tt|xx)ps?|(?<![A-Za-z0-9+.\-])(?![A-Za-z]{0,16}h(?:tt|xx)p)[A-Za-z][A-Za-z0-9+.\-]{1,15})://"
)
_FOREIGN_HOST = (
    rf"(?:[{_NO_SPACES}][\w.\-]*|[A-Za-z0-9.\-]*\.[{_NO_SPACES}]\w*)(?:/[^\s<>\"，。！？；：、）]*)?"
)
_LINK = re.compile(
    rf"(?:{_SCHEME}|(?<![\w@.\-])www\d?\.(?=\w))(?:{_FOREIGN_HOST}|{_BODY}++)",
    re.IGNORECASE,
)
_BARE_HOST = re.compile(
    rf"(?<![0-9{_LETTERS}@./_\-])(?P<host>{_HOST})(?![0-9{_LETTERS}_@\-])(?::\d{{1,5}})?(?P<path>[/?#](?=[\w@~%]){_BODY}++)?"
)
_TRAILING = ".,;:!?'*_~\u2026"
_DOT = re.compile(r"\.\w")
_SOFTWARE = frozenset({"asp.net", "java.net", "vb.net", "ado.net", "ml.net", "dot.net"})

_USER = re.compile(
    rf"(?:(?<![0-9_{_LETTERS}@])|(?<=[A-Za-z])(?=@[A-Za-z0-9]*_[A-Za-z0-9]))"
    r"(?:@(?P<handle>\w{1,30}(?:[.\-][a-z0-9_]\w{0,30})*+)(?:@[\w.\-]*\w)*+"
    r"|(?<!/)/?u/[A-Za-z0-9_\-]{3,20}(?![\w/\-]))"
)
_CHAT_ACCOUNT = re.compile(
    r"(?:(?:(?<![A-Za-z])qq|扣扣)(?:号码|号)?[是为:： ]{0,3}(?P<number>\d{5,11})"
    r"|(?:微信|薇信|(?<![A-Za-z])(?:wx|vx|wechat|weixin))(?: ?(?:号码|号|id))?[是为:： ]{1,3}"
    r"(?P<name>[A-Za-z][A-Za-z0-9_\-]{5,19}|1[3-9]\d{9}))(?![0-9A-Za-z_@])",
    re.IGNORECASE,
)
"""Accounts of QQ and WeChat, after a word for it."""
_CHAT_WORDS = ("qq", "QQ", "扣扣", "微信", "薇信", "wx", "WX", "vx", "VX", "echat", "eixin")
_EVERYBODY = frozenset(
    {"all", "channel", "everybody", "everyone", "here", "her", "him", "me", "them", "us", "you"}
    | {"home", "lunch", "midnight", "night", "noon", "school", "work"}
    | {"ss", "sses", "sshole", "ssholes"}
)
"""What follows an @ without being anybody: mentions of a group, the verb (`don't @me`), places and times
(`@home`), disguised swear words."""
_NOBODY = re.compile(r"\d+[a-z]{0,3}|_+", re.IGNORECASE)
"""Times and prices (`@5pm`), faces (`@_@`)."""

_IPV4 = re.compile(r"(?<![0-9A-Za-z_.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z_]|\.\d|-[A-Za-z])")
_IPV6 = re.compile(
    r"(?<![0-9A-Za-z_:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,8}(?:(?:\.\d{1,3}){3})?(?![0-9A-Za-z_])"
)
_PRIVATE_NETWORK = 10
_SMALL = 19
_VERSION = re.compile(
    r"\b(?:v\.|ver|version|rel|release|build|firmware|section|chapter|update|patch)[.: ]*$", re.IGNORECASE
)


def find_emails(text: str) -> Iterator[Span]:
    """Mail addresses, `jo (at) example (dot) com` too; the name may be a placeholder (`[NAME]@example.com`)."""
    for match in _DISGUISED_EMAIL.finditer(text) if has_disguised_at(text) else ():
        yield Span(match.end("name") - len(match["name"].lstrip(_PUNCTUATION)), match.end(), PiiKind.EMAIL)
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        name = text[match.start() : match.start("host") - 1]
        start = match.start() + len(name) - len(name.lstrip(_PUNCTUATION))
        host = _trim_host(match["host"])
        if host and start < match.start("host") - 1:
            yield Span(start, match.start("host") + len(host), PiiKind.EMAIL)


def has_disguised_at(text: str) -> bool:
    """Whether `(at)` or `[at]` may stand in the text."""
    return "at)" in text or "at]" in text or "AT)" in text or "AT]" in text


def find_urls(text: str) -> Iterator[Span]:
    """Links with a scheme or `www.`, and host names by their ending."""
    if not ("://" in text or _DOT.search(text)):
        return
    for match in _LINK.finditer(text):
        yield Span(match.start(), match.start() + len(match[0].rstrip(_TRAILING)), PiiKind.URL)
    for match in _BARE_HOST.finditer(text):
        host = _trim_host(match["host"])
        if len(host) < len(match["host"]):
            end = match.start() + len(host)
        else:
            end = match.start() + len(match[0].rstrip(_TRAILING))
        if host and _is_link(host, has_path=end > match.end("host")):
            yield Span(match.start(), end, PiiKind.URL)


def find_users(text: str) -> Iterator[Span]:
    """Handles: `@name` as in most networks, `@name@host` of Mastodon, `u/name` of Reddit, accounts of QQ and WeChat."""
    for match in _CHAT_ACCOUNT.finditer(text) if any(word in text for word in _CHAT_WORDS) else ():
        yield Span(*match.span("number" if match["number"] else "name"), PiiKind.USER)
    if not ("@" in text or "u/" in text):
        return
    for match in _USER.finditer(text):
        handle = match["handle"]
        if handle is None or not (handle.lower() in _EVERYBODY or _NOBODY.fullmatch(handle)):
            yield Span(*match.span(), PiiKind.USER)


def find_ip_addresses(text: str) -> Iterator[Span]:
    """IP addresses of versions 4 and 6; four numbers after `version` and the like are none."""
    for match in _IPV4.finditer(text) if text.count(".") > 2 else ():
        if _is_ipv4(match[0]) and not _VERSION.search(text[max(0, match.start() - 16) : match.start()]):
            yield Span(*match.span(), PiiKind.IP)
    for match in _IPV6.finditer(text) if text.count(":") > 1 else ():
        address = match[0] if match[0].endswith("::") else match[0].removesuffix(":")
        if _is_ipv6(address):
            yield Span(match.start(), match.start() + len(address), PiiKind.IP)


def _trim_host(host: str) -> str:
    """The host name without the words of a next sentence (`example.com.Thanks`); empty if nothing is left."""
    labels = host.split(".")
    while len(labels) > 1 and not is_top_level(labels[-1]):
        labels.pop()
    return ".".join(labels) if len(labels) > 1 else ""


def _is_link(host: str, *, has_path: bool) -> bool:
    name, _, ending = host.rpartition(".")
    if not (ending.islower() or host.isupper()):
        return False
    if host.lower() in _SOFTWARE or name.replace(".", "").isdigit():
        return False
    return has_path or (ending.lower() in UNMISTAKABLE and any(len(label) > 1 for label in name.split(".")))


def _is_ipv4(text: str) -> bool:
    """Whether it is an address; not if it rather looks like a version, whose numbers are small (`5.1.2.3`)."""
    try:
        numbers = IPv4Address(text).packed
    except AddressValueError:
        return False
    private = numbers[0] == _PRIVATE_NETWORK
    return private or max(numbers) > _SMALL or len(set(numbers)) == 1


def _is_ipv6(text: str) -> bool:
    """Whether it is an address that could be no time of day, and no `namespace::name` of a program."""
    groups = [group for group in text.split(":") if group]
    telling = any(len(group) > 2 and not group.isalpha() for group in groups)
    if len(groups) < 2 or not (telling or len(groups) > 3):
        return False
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
