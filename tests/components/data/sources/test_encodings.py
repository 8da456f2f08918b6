import pytest

from components.core.errors import DataError
from components.data.sources.encodings import TextEncoding, detect_encoding, known_encoding

SENTENCES = {
    "windows-1252": (
        "Das ist schön, wirklich großartig",
        "Où êtes-vous, c'est déjà très tard",
        "el niño está enfadado",
    ),
    "windows-1251": ("Я очень рад тебя видеть", "Мне грустно сегодня", "Что за ужас, спасибо за помощь"),
    "koi8-r": ("Я очень рад тебя видеть", "Мне грустно сегодня", "Что за ужас, спасибо за помощь"),
    "gb18030": ("我今天非常高兴", "他很生气，这太可怕了", "谢谢你的帮助"),
    "big5": ("我今天非常高興", "他很生氣，這太可怕了", "謝謝你的幫助"),
    "cp932": ("今日はとても嬉しいです", "彼は怒っている、これは怖い", "ありがとうございます"),
    "euc-jp": ("今日はとても嬉しいです", "彼は怒っている、これは怖い", "ありがとうございます"),
    "cp949": ("오늘 정말 기뻐요", "그는 화가 났다, 너무 무서워요", "도와줘서 고마워"),
    "windows-1250": ("Dziękuję bardzo za pomoc", "Jestem dziś zmęczony", "Příliš žluťoučký kůň"),
    "windows-1254": ("Bugün çok mutluyum", "Çok teşekkür ederim, ığdır", "İstanbul çok güzel şey"),
    "windows-1253": ("Είμαι πολύ χαρούμενος σήμερα", "Τι τρομερό πράγμα", "Ευχαριστώ για τη βοήθεια"),
}


def detect(content, later=b"", **settings):
    return detect_encoding(content, later, "a.csv", **settings)


@pytest.mark.parametrize("codec", SENTENCES)
def test_the_encoding_is_told_from_its_characters(codec):
    content = "text,labels\n" + "".join(f"{text},joy\n" for text in SENTENCES[codec])
    found = detect(content.encode(codec))
    assert found.stated == f"{codec} (detected)"


TURKISH = """Bugün çok mutluyum arkadaşlar,sevinç
Artık dayanamıyorum bu işe,öfke
Seni çok özledim canım,üzüntü
Gerçekten şaşırdım buna,şaşkınlık
Karanlıktan korkuyorum hâlâ,korku
Bu yemek iğrenç olmuş,tiksinti
Doğum günün kutlu olsun,sevinç
Yalan söylemesine kızdım,öfke
Ağlamaktan gözlerim şişti,üzüntü
Hiç beklemiyordum böyle bir sürpriz,şaşkınlık
Yarınki sınavdan korkuyorum,korku
Çöpler sokağa taşmış,tiksinti
Tatile çıkıyoruz yaşasın,sevinç
Komşunun gürültüsü bıktırdı,öfke
Dedemi kaybettik geçen hafta,üzüntü
İnanamıyorum gerçekten geldi,şaşkınlık
"""
ICELANDIC = "Ég er mjög glaður,gleði\nÞað er sárt,sorg\nReiður við þig,reiði\n"


def test_turkish_and_icelandic_are_told_apart_by_their_other_letters():
    assert detect(TURKISH.encode("cp1254")).stated == "windows-1254 (detected)"
    assert detect(ICELANDIC.encode("cp1252")).stated != "windows-1254 (detected)"


@pytest.mark.parametrize(
    ("codec", "stated"),
    [
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("utf-16-le", "utf-16-le (detected)"),
        ("utf-16-be", "utf-16-be (detected)"),
        ("utf-32-le", "utf-32-le (detected)"),
        ("utf-32-be", "utf-32-be (detected)"),
    ],
)
@pytest.mark.parametrize("text", ["some text,joy\n", "我今天非常高兴,joy\n" * 9, "naïve “café”\r\n😀\n"])
def test_wide_encodings_are_told_by_their_mark_or_their_nul_bytes(codec, stated, text):
    assert detect(text.encode(codec)).stated == stated


@pytest.mark.parametrize(
    "content",
    [
        b"text,labels\nplain,joy\n",
        "naïve café\n我今天\n".encode(),
        "naïve café\n".encode() * 4
        + b"caf\xe9 one\ncaf\xe9 two\ncaf\xe9 three\n"
        + "größer\nblöd\nübel\n".encode(),
        b"caf\xe9 once\nplain\n",
        b"a\0b,joy\nplain,joy\n",
    ],
    ids=["ASCII", "UTF-8", "mostly UTF-8", "one bad row", "NUL"],
)
def test_a_file_is_utf8_until_most_of_it_says_otherwise(content):
    assert detect(content).stated == "utf-8"


def test_bytes_of_some_encodings_mean_the_same_everywhere():
    kept = {codec for codec in ("utf-8", "utf-8-sig", "ascii", *SENTENCES) if TextEncoding(codec).keeps_ascii}
    assert kept == {"utf-8", "utf-8-sig", "ascii", "koi8-r", *(f"windows-125{n}" for n in (0, 1, 2, 3, 4))}
    for codec in ("utf-16", "utf-16-le", "utf-32", "utf-7", "shift-jis", "hz", "cp500"):
        assert not TextEncoding(codec).keeps_ascii


def test_what_comes_later_in_the_file_counts():
    later = "\n".join(SENTENCES["windows-1251"]).encode("cp1251")
    assert detect(b"plain\n" * 99, later + b"\n").stated == "windows-1251 (detected)"


def test_the_configuration_has_the_last_word():
    assert detect("größer\n".encode(), told="cp1252").stated == "cp1252"
    assert detect(b"\xef\xbb\xbftext\n", told="utf-8").stated == "utf-8-sig"
    assert detect(b"text\n", told="utf-8-sig").stated == "utf-8"


def test_names_of_encodings_are_checked():
    assert known_encoding("Latin-1") == "iso8859-1"
    for name in (
        "utf-9",
        "base64",
        "rot13",
        "idna",
        "punycode",
        "undefined",
        "unicode_escape",
        "raw_unicode_escape",
    ):
        with pytest.raises(ValueError, match=f"there is no text encoding '{name}'"):
            known_encoding(name)


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b rest", r"ends in \.gz"),
        (b"PK\x03\x04rest", "Excel"),
        (b"PAR1rest", "format: parquet"),
        (b"ARROW1\0\0", "format: arrow"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "save the sheet as CSV"),
        (b"%PDF-1.7", "PDF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (bytes(range(256)) * 9, "is no text"),
        (b"\0" * 99, "is no text"),
    ],
)
def test_what_is_no_text_is_refused_with_advice(content, advice):
    with pytest.raises(DataError, match=rf"a\.csv: .*{advice}"):
        detect(content)
