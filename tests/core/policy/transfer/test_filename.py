"""A name from outside never leaves its directory, never hides and always fits."""

from __future__ import annotations

from itertools import islice
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.names import MAX_NAME_BYTES, safe_name
from core.policy.transfer.filename import alternatives, suggest


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("file.txt", "file.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a/b/c.bin/", "c.bin"),
        ("..", "download"),
        (".", "download"),
        ("", "download"),
        ("///", "download"),
        ("-rf", "_-rf"),
        ("~root", "_~root"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.log", "_com1.log"),
        ("trailing. . ", "trailing"),
        ("a\x00b\x1b[31m\x7f\x9bc", "ab[31mc"),
        ("evil\u202egpj.exe", "evilgpj.exe"),
        (".hidden", ".hidden"),
        ("naïve ☃.txt", "naïve ☃.txt"),
    ],
)
def test_hostile_names_become_harmless(text: str, name: str) -> None:
    assert safe_name(text) == name


@given(st.text(max_size=600))
def test_every_name_can_be_stored(text: str) -> None:
    name = safe_name(text)
    assert name not in ("", ".", "..")
    assert "/" not in name
    assert "\x00" not in name
    assert not name.startswith(("-", "~"))
    assert len(name.encode()) <= MAX_NAME_BYTES
    assert safe_name(name) == name


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name("ä" * 300 + ".tar.gz")
    assert name.endswith(".tar.gz")
    assert len(name.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (None, "from url.bin"),
        ("attachment", "from url.bin"),
        ("attachment; filename=plain.txt", "plain.txt"),
        ('attachment; filename="two words.txt"', "two words.txt"),
        ('attachment; filename="a\\"b.txt"', 'a"b.txt'),
        ("attachment; filename=\"a.txt\"; filename*=UTF-8''%e2%82%ac%20rates.txt", "€ rates.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fx.sh", "x.sh"),
        ("attachment; filename*=nonsense''%ff; filename=b.txt", "b.txt"),
        ('attachment; filename=".."', "from url.bin"),
    ],
)
def test_the_server_names_the_file_else_the_url_does(disposition: str | None, name: str) -> None:
    assert suggest(disposition=disposition, url="http://h/dir/from%20url.bin?q=1#f") == name


def test_an_encoded_slash_is_decoded_before_the_last_segment_is_taken() -> None:
    assert suggest(disposition=None, url="http://h/a%2F..%2F..%2Fetc%2Fshadow") == "shadow"


def test_a_name_from_outside_does_not_hide() -> None:
    named = "attachment; filename*=UTF-8''.bash_profile"
    assert suggest(disposition=named, url="http://h/x") == "_.bash_profile"


def test_a_url_without_a_path_gives_the_fallback() -> None:
    assert suggest(disposition=None, url="http://host") == "download"


def test_the_number_stands_before_the_extension() -> None:
    assert list(islice(alternatives("a.tar.gz"), 3)) == ["a.tar.gz", "a (1).tar.gz", "a (2).tar.gz"]
    assert list(islice(alternatives(".bashrc"), 2)) == [".bashrc", ".bashrc (1)"]
    assert list(islice(alternatives("README"), 2)) == ["README", "README (1)"]


@given(
    st.sampled_from(["a.example", "a:80", "me:pw@a", "A"]),
    st.text("abA.-_/+%25?#;~@ ", max_size=20),
)
def test_a_url_gives_the_last_segment_of_its_path(host: str, path: str) -> None:
    url = f"https://{host}/{path}"
    # What is no UTF-8 is Latin-1, as in a header.
    try:
        text = unquote(urlsplit(url).path, errors="strict")
    except UnicodeDecodeError:
        text = unquote(urlsplit(url).path, encoding="latin-1")
    name = safe_name(text)
    assert suggest(disposition=None, url=url) == ("_" + name if name.startswith(".") else name)
