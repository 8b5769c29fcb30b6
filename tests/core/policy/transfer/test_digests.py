"""Of what a server announces about a file, the strongest digest that can be trusted is taken."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from core.domain.models import Checksum
from core.policy.transfer.digests import announced

DATA = b"the whole file"


def coded(algorithm: str) -> str:
    return b64encode(hashlib.new(algorithm, DATA).digest()).decode()


def digest(algorithm: str) -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, DATA).hexdigest())


SHA256, SHA512, SHA1, MD5 = map(coded, ("sha256", "sha512", "sha1", "md5"))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("headers", "algorithm"),
    [
        ({}, None),
        ({"repr-digest": f"sha-256=:{SHA256}:"}, "sha256"),
        ({"repr-digest": f"sha-256=:{SHA256}:, sha-512=:{SHA512}:"}, "sha512"),
        ({"repr-digest": f'md5=:{MD5}:,sha-256=:{SHA256}:;note="a"'}, "sha256"),
        ({"repr-digest": f"sha-256=:AAAA:, sha-256=:{SHA256}:"}, "sha256"),
        ({"digest": f"SHA-256={SHA256}"}, "sha256"),
        ({"digest": f"md5={MD5},SHA={SHA1}"}, "sha1"),
        ({"digest": f"MD5={MD5}, unixsum=30637, id-sha-256={SHA256}"}, "md5"),
        ({"digest": f"sha-256=:{SHA256}:"}, "sha256"),
        ({"digest": f"md5={MD5}", "repr-digest": f"sha-256=:{SHA256}:"}, "sha256"),
    ],
)
def test_the_strongest_digest_of_the_file_is_taken(
    headers: dict[str, str], algorithm: str | None, whole: bool
) -> None:
    expected = None if algorithm is None else digest(algorithm)
    assert announced(headers, whole=whole) == expected


def test_the_digest_of_a_message_is_that_of_the_file_only_where_it_holds_all_of_it() -> None:
    headers = {"content-digest": f"sha-256=:{SHA256}:"}
    assert announced(headers, whole=True) == digest("sha256")
    assert announced(headers, whole=False) is None


@pytest.mark.parametrize(
    "field",
    [
        "sha-256",
        f"sha-256={SHA256}",
        f"sha-256=:{SHA256}",
        f"sha-256=:{SHA256}:x",
        "sha-256=:AAAA:",
        "sha-256=:====:",
        "sha-256=::",
        f"sha-256=:{SHA256[:-1]}:",
        f"SHA-256=:{SHA256}:",
        f"sha-1=:{SHA1}:",
        "\u2603",
        "=" * 10_000,
    ],
)
def test_what_is_no_digest_proves_nothing(field: str) -> None:
    assert announced({"repr-digest": field}, whole=True) is None


def test_what_a_store_keeps_of_a_whole_object_is_a_digest_and_of_its_parts_is_none() -> None:
    name, value, expected = "x-amz-checksum-sha256", SHA256, digest("sha256")
    assert announced({name: value}, whole=True) == expected
    assert announced({name: value, "x-amz-checksum-type": "FULL_OBJECT"}, whole=True) == expected
    assert announced({name: value}, whole=False) is None
    assert announced({name: f"{value}-3"}, whole=True) is None
    assert announced({name: value, "x-amz-checksum-type": "COMPOSITE"}, whole=True) is None
    assert announced({"x-amz-checksum-crc32": "AAAAAA=="}, whole=True) is None
