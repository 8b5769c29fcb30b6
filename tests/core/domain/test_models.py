"""Checksums as people write them, and what very many requests share."""

from __future__ import annotations

import hashlib

import pytest

from core.domain.errors import UsageError
from core.domain.models import Checksum, DownloadRequest


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


def test_what_many_requests_have_in_common_is_held_once() -> None:
    one, other = (
        DownloadRequest(url=f"http://h/{n}", directory=f"/data/{'x' * 3}", headers={})
        for n in range(2)
    )
    assert one.directory is other.directory
    assert one.headers is other.headers
    assert one.headers == {}
