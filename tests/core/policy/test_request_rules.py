"""Nonsense is refused before anything is queued, in a sentence that helps."""

from __future__ import annotations

import pytest

from core.domain.errors import DestinationError, UsageError, WinchError
from core.domain.models import Checksum, DownloadRequest
from core.domain.origins import Origin, PieceHashes
from core.domain.service import Changes
from core.domain.value import replace
from core.policy.request_rules import apply_changes, check_request

GOOD = DownloadRequest(url="https://host/file", directory="/tmp")


@pytest.mark.parametrize(
    "pieces",
    [
        PieceHashes(algorithm="md5", length=0, hexdigests=("0" * 32,)),
        PieceHashes(algorithm="md5", length=4, hexdigests=()),
        PieceHashes(algorithm="crc32", length=4, hexdigests=("0" * 8,)),
        PieceHashes(algorithm="MD5", length=4, hexdigests=("0" * 32,)),
        PieceHashes(algorithm="md5", length=4, hexdigests=("0" * 32, "0" * 31)),
        PieceHashes(algorithm="md5", length=4, hexdigests=("0" * 32, "0" * 31 + "x")),
    ],
)
def test_pieces_that_no_file_can_have_are_refused(pieces: PieceHashes) -> None:
    asked = DownloadRequest(url="https://h/a", directory="/d", origin=Origin(pieces=pieces))
    with pytest.raises(UsageError):
        check_request(asked)


def test_a_plain_request_passes() -> None:
    check_request(GOOD)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"url": ""}, UsageError, "not a URL"),
        ({"url": "host/file"}, UsageError, "not a URL"),
        ({"url": "ftp://host/file"}, UsageError, "does not fetch ftp"),
        ({"url": "http:///file"}, UsageError, "names no host"),
        ({"url": "http://host:port/"}, UsageError, "not a URL"),
        ({"url": "http://[::1/"}, UsageError, "not a URL"),
        ({"url": "http://host/\r\nX: y"}, UsageError, "not a URL"),
        ({"directory": "relative"}, DestinationError, "no absolute path"),
        ({"directory": "/tmp/\x1b"}, DestinationError, "control"),
        ({"directory": "/tmp/\udcff"}, DestinationError, "UTF-8"),
        ({"checksum": Checksum("shake_128", "zz")}, UsageError, "no known checksum"),
        ({"checksum": Checksum("md5", "")}, UsageError, "32 hexadecimal"),
        ({"cookies": "cookies.txt"}, UsageError, "no absolute path"),
        ({"cookies": "/tmp/\0"}, UsageError, "control"),
        ({"group": "a\x1b[31m"}, UsageError, "control"),
        ({"name": "../x"}, UsageError, "safe"),
        ({"name": ""}, UsageError, "safe"),
        ({"name": "x" * 300}, UsageError, "safe"),
        ({"retries": -1}, UsageError, "0 or more"),
        ({"headers": {"A b": "c"}}, UsageError, "header"),
        ({"headers": {"A": "b\r\nC: d"}}, UsageError, "header"),
        ({"headers": {"A": "b\x9bc"}}, UsageError, "header"),
        ({"headers": {"A": "b\udce9"}}, UsageError, "UTF-8"),
        ({"headers": {"range": "bytes=5-"}}, UsageError, "winch's own"),
        ({"headers": {"A": "b" * 70_000}}, UsageError, "too long"),
        ({"group": "\ud800"}, UsageError, "UTF-8"),
        ({"group": "g" * 70_000}, UsageError, "too long"),
        ({"checksum": Checksum("md5", "AB" * 16)}, UsageError, "small letters"),
        ({"priority": 10**18}, UsageError, "18 digits"),
        ({"url": "http://h/" + "a" * 8192}, UsageError, "too long"),
        ({"mirrors": ("http://h/" + "a" * 8192,)}, UsageError, "too long"),
    ],
)
def test_nonsense_is_refused(
    changes: dict[str, object], error: type[WinchError], words: str
) -> None:
    with pytest.raises(error, match=words):
        check_request(replace(GOOD, **changes))


def test_a_group_is_judged_where_it_is_changed() -> None:
    with pytest.raises(UsageError, match="control"):
        apply_changes(GOOD, Changes(group="a\nb"))
    older = replace(GOOD, group="a\nb")
    assert apply_changes(older, Changes(priority=1)).priority == 1


def test_a_password_is_not_repeated_in_the_error() -> None:
    with pytest.raises(UsageError) as caught:
        check_request(replace(GOOD, url="http://me:hunter2@host:port/"))
    assert "hunter2" not in str(caught.value)
