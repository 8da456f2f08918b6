import pytest

from components.data.pii.internet import find_emails, find_ip_addresses, find_urls, find_users
from tests.components.data.pii.finding import found


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("ask jo.b+news@mail.example.co.uk, ok?", ["jo.b+news@mail.example.co.uk"]),
        ("'jo@example.com'", ["jo@example.com"]),
        ("...jo@example.com...", ["jo@example.com"]),
        ("jo@example.com.Thanks a lot", ["jo@example.com"]),
        ("name=jo@example.com&x", ["jo@example.com"]),
        ("邮箱jo@example.com谢谢", ["jo@example.com"]),
        ("[NAME]@example.com", ["[NAME]@example.com"]),
        ("m\udcfcller@example.com", ["m\udcfcller@example.com"]),
        (
            "jo.b (at) example (dot) com, jo[at]example.com",
            ["jo.b (at) example (dot) com", "jo[at]example.com"],
        ),
        ("we met (at) noon. com", []),
        ("a@b, @c.com, d@e.f", []),
        ("jo@localhost", []),
        ("sh@t.happens", []),
    ],
)
def test_mail_addresses(text, addresses):
    assert found(find_emails, text) == addresses


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("see https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]),
        ("(https://example.com/a_(b))", ["https://example.com/a_(b)"]),
        ("[x](https://a.example)[y](https://b.example)", ["https://a.example", "https://b.example"]),
        ("https://u:p@example.com:8080/x", ["https://u:p@example.com:8080/x"]),
        ("http://[2001:db8::1]:80/ up", ["http://[2001:db8::1]:80/"]),
        ("到http://例子.中国/欢迎，看", ["http://例子.中国/欢迎"]),
        ("看http://t.cn/A6abc笑死", ["http://t.cn/A6abc"]),
        ("example.com, gov.uk; t.me/x", ["example.com", "gov.uk", "t.me/x"]),
        ("example.com.Then I left", ["example.com"]),
        ("WWW.EXAMPLE.COM!", ["WWW.EXAMPLE.COM", "WWW.EXAMPLE.COM"]),
        ("I left.then it.is over.no way", []),
        ("main.py readme.md a.b.c 3.com", []),
        ("asp.net and Java.net", []),
        ("jo@example.com", []),
    ],
)
def test_links(text, links):
    assert found(find_urls, text) == links


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("@jo @jo_b's .@jo: (@jo)", ["@jo", "@jo_b", "@jo", "@jo"]),
        ("@jo.Thanks @jo.b", ["@jo", "@jo.b"]),
        ("@jo@social.example", ["@jo@social.example"]),
        ("我@张三: 你好 @李四_1", ["@张三", "@李四_1"]),
        ("/u/jo_b u/jo-b, u/jo", ["/u/jo_b", "u/jo-b"]),
        ("加我QQ 123456789，qq：12345", ["123456789", "12345"]),
        ("微信号: abc_def12 vx：xiaoming_88 WeChat ID: jo1987", ["abc_def12", "xiaoming_88", "jo1987"]),
        ("微信 支付100000元 企鹅 20000只 用微信Android版本 QQ2013版", []),
        ("@ 5pm @5pm @8ish @9 @2nd", []),
        ("don't @me, @everyone @here", []),
        ("f@ck sh@t @ss @_@ a@b", []),
        ("r/aww you/me w/u/x https://example.com/u/jo_b", []),
    ],
)
def test_handles(text, handles):
    assert found(find_users, text) == handles


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("from 203.0.113.7:80, 10.0.0.0/8.", ["203.0.113.7", "10.0.0.0"]),
        ("从203.0.113.7登录", ["203.0.113.7"]),
        ("2001:db8::1, fe80::1%eth0", ["2001:db8::1", "fe80::1"]),
        ("::ffff:203.0.113.7", ["203.0.113.7", "::ffff:203.0.113.7"]),
        ("3.5.1 256.1.1.1 1.2.3.4.5 v1.2.3.4", []),
        ("version 198.51.100.4, Section 40.30.20.10, rel. 70.8.9.10", []),
        ("5.1.2.3 surround; v 192.0.2.44, 10.8.0.1, 8.8.8.8", ["192.0.2.44", "10.8.0.1", "8.8.8.8"]),
        ("12:30:45 std::vector a::b ::1 :: 16:9:4", []),
        ("00:1A:2B:3C:4D:5E", []),
    ],
)
def test_ip_addresses(text, addresses):
    assert found(find_ip_addresses, text) == addresses
