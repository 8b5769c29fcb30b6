"""Checksums, sizes and settings as people write them, and secrets that are not shown."""

from __future__ import annotations

import hashlib

import pytest

from core.domain.errors import ConfigError, ErrorCode, ErrorInfo, UsageError
from core.domain.models import Checksum, DownloadRequest
from core.domain.redact import redact_url
from core.domain.settings import DiskSettings, LimitSettings, Settings, sections
from core.domain.units import parse_size


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512", "blake2b"])
def test_a_checksum_is_read_and_written_alike(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"x").hexdigest()
    parsed = Checksum.parse(f"{algorithm.upper()}:{digest.upper()}")
    assert str(parsed) == f"{algorithm}:{digest}"


def test_the_common_spelling_with_a_dash_is_understood() -> None:
    assert Checksum.parse("SHA-256:" + "0" * 64).algorithm == "sha256"


@pytest.mark.parametrize("text", ["", "sha256", "sha256:", "sha256:abc", "crc32:00000000"])
def test_a_checksum_that_cannot_be_right_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Checksum.parse(text)


def test_a_digest_of_the_right_length_but_other_letters_is_refused() -> None:
    with pytest.raises(UsageError):
        Checksum.parse("md5:" + "z" * 32)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500k", 512_000), ("2.5M", 2_621_440), ("1G", 2**30), ("1 GiB", 2**30)],
)
def test_a_size_is_1024_based(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "k", "-1", "1x", "1..5M", "0x10"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/f?a=1&page=2", "https://h/f?a=1&page=2"),
        (
            "https://h/f?private_token=t&client_secret=s",
            "https://h/f?private_token=…&client_secret=…",
        ),
        ("https://h/f#access_token=t", "https://h/f"),
        ("https://h/go?to=http://u:pw@host/x", "https://h/go?to=http://host/x"),
        ("https://h/http://u:pw@host/x", "https://h/http://host/x"),
        ("https://h/file@2x.png", "https://h/file@2x.png"),
        ("https://me:pw@h:8080/f", "https://h:8080/f"),
        ("https://h/f?X-Amz-Signature=abc&a=1", "https://h/f?X-Amz-Signature=…&a=1"),
        ("https://h/f?a=1&token=abc", "https://h/f?a=1&token=…"),
        ("https://h/f?Policy=p&Key=k", "https://h/f?Policy=…&Key=…"),
        ("https://me:pw@[bad/", "[bad/"),
    ],
)
def test_secrets_in_addresses_are_not_shown(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_a_setting_out_of_range_names_itself() -> None:
    with pytest.raises(ConfigError, match=r"limits\.active is 0"):
        Settings(limits=LimitSettings(active=0))


def test_what_many_requests_have_in_common_is_held_once() -> None:
    one, other = (
        DownloadRequest(url=f"http://h/{n}", directory=f"/data/{'x' * 3}", headers={})
        for n in range(2)
    )
    assert one.directory is other.directory
    assert one.headers is other.headers
    assert one.headers == {}


def test_every_section_and_key_is_listed() -> None:
    assert "active" in sections()["limits"]
    assert set(sections()) == set(Settings.__slots__)


@pytest.mark.parametrize("code", ErrorCode)
def test_an_error_keeps_its_code_and_class_on_the_way_through_a_socket(code: ErrorCode) -> None:
    info = ErrorInfo(code=code, message="m", hint="h")
    assert info.to_error().info() == info
    assert info.to_error().exit_code == code.exit_status != 0
    assert code is ErrorCode.INTERNAL or type(info.to_error()).code is code


def test_the_high_mark_of_the_disk_follows_the_low_one() -> None:
    assert DiskSettings(low_water="400").high_bytes == 500
    assert DiskSettings(low_water="400", high_water="400").high_bytes == 400
    with pytest.raises(ConfigError):
        Settings(disk=DiskSettings(low_water="400", high_water="399"))
    with pytest.raises(ConfigError):
        Settings(disk=DiskSettings(low_water="much"))
