"""Logins and cookies from files reach the hosts that they are for, and no error repeats them."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.adapters.net.credentials import Cookies, Credentials, Netrc
from core.domain.errors import ConfigError
from core.policy.transfer.redirects import Hop
from tests.core.adapters.files.odd_files import ODD, odd

NETRC = """
machine files.example login me password hunter2
default login anyone password secret
"""
COOKIES = """# Netscape HTTP Cookie File
.example.com\tTRUE\t/\tFALSE\t0\twide\t1
files.example.com\tFALSE\t/private\tFALSE\t0\tdeep\t2
.example.com\tTRUE\t/\tTRUE\t0\tsafe\t3
.example.com\tTRUE\t/\tFALSE\t1000\told\t4
localhost\tFALSE\t/\tFALSE\t0\there\t5
127.0.0.1\tFALSE\t/\tFALSE\t0\tnumber\t6
"""


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    return path


async def test_a_host_of_netrc_gets_its_login_and_no_other_does(netrc: Path) -> None:
    netrc.write_text(NETRC)
    assert await Netrc().authorization("files.example") == "Basic bWU6aHVudGVyMg=="
    assert await Netrc().authorization("other.example") is None
    assert await Netrc().authorization("default") is None


async def test_a_new_login_counts_at_once(netrc: Path) -> None:
    logins = Netrc()
    assert await logins.authorization("h") is None
    netrc.write_text("machine h login a password b")
    assert await logins.authorization("h") == "Basic YTpi"
    netrc.write_text("machine h login a password other")
    assert await logins.authorization("h") == "Basic YTpvdGhlcg=="


async def test_requests_of_one_second_look_once_for_each_host(netrc: Path) -> None:
    now = 0.0
    credentials = Credentials(now=lambda: now)

    async def shown(url: str) -> str | None:
        return (await credentials.headers_for(Hop(url, {}), None)).get("Authorization")

    netrc.write_text(NETRC)
    assert await shown("http://files.example/a") == "Basic bWU6aHVudGVyMg=="
    netrc.write_text("machine files.example login me password other")
    now = 0.9
    assert await shown("http://files.example/b?x=1/2") == "Basic bWU6aHVudGVyMg=="
    assert await shown("http://files.example.test/") is None
    assert await shown("http://other.example?x=http://files.example/") is None
    now = 1.0
    assert await shown("http://files.example/c") == "Basic bWU6b3RoZXI="
    # What could not be read is read again.
    netrc.write_text("machine files.example login me passwort other")
    now = 2.0
    with pytest.raises(ConfigError):
        await shown("http://files.example/d")
    netrc.unlink()
    assert await shown("http://files.example/d") is None


async def test_a_broken_netrc_is_named_and_not_quoted(netrc: Path) -> None:
    netrc.write_text("machine h login me passwort hunter2")
    with pytest.raises(ConfigError) as caught:
        await Netrc().authorization("h")
    assert str(netrc) in caught.value.message
    assert "hunter2" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("http://example.com/a", {"wide=1"}),
        ("http://files.example.com/a", {"wide=1"}),
        ("http://files.example.com/private/a", {"wide=1", "deep=2"}),
        ("https://example.com/a", {"wide=1", "safe=3"}),
        ("http://notexample.com/a", set()),
        ("http://localhost:8080/a", {"here=5"}),
        ("http://127.0.0.1:8080/a", {"number=6"}),
    ],
)
async def test_cookies_go_by_domain_path_and_security(
    tmp_path: Path, url: str, sent: set[str]
) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text(COOKIES)
    header = await Cookies().header(str(file), url)
    assert set((header or "").split("; ")) - {""} == sent


@pytest.mark.parametrize("text", ["hunter2", "# Netscape HTTP Cookie File\nhunter2\n", None])
async def test_what_is_no_cookie_file_is_said_without_its_content(
    tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "cookies.txt"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        await Cookies().header(str(file), "http://h/")
    assert str(file) in caught.value.message
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "socket", "large", "unreadable"])
async def test_what_is_no_file_is_said_and_waited_for_by_nobody(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = odd(tmp_path, kind)
    with pytest.raises(ConfigError) as caught:
        await Cookies().header(str(path), "http://h/")
    assert ODD[kind] in caught.value.message
    monkeypatch.setenv("NETRC", str(path))
    with pytest.raises(ConfigError) as caught:
        await Netrc().authorization("h")
    assert ODD[kind] in caught.value.message
