"""What a second reading of a source means for a member: new wishes, its file, and what is to do.

Whoever asks it knows little at first, and looks further only where `judge` wants it: at the digest
of the file on disk, or at what the server says of it. A file that the source vouches for by a
digest or a version, and that lies on disk as winch left it, takes neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from core.domain.bounds import number
from core.domain.errors import ErrorCode
from core.domain.models import (
    Checksum,
    DownloadRecord,
    DownloadRequest,
    FileStamp,
    Status,
    Validator,
)
from core.domain.origins import Origin, SourceVersion
from core.domain.redact import redact_url
from core.domain.value import Value, replace
from core.policy.request_rules import without_secrets
from core.policy.transfer.http_dates import http_date

_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_OF_PAGES = re.compile(r"x?html?|shtml|php|aspx?|jsp|cgi")


class Found(StrEnum):
    """What a member is found to be."""

    UNCHANGED = "unchanged"
    CHANGED = "changed"
    """The source has another file in its place by now."""
    DAMAGED = "damaged"
    """On disk it is not what was fetched."""


class Finding(Value, frozen=True, kw_only=True):
    """What is to be said of a member, and why in a few words.

    `is_own` tells whether what lies under its name is as winch left it, or nothing: then a new file
    may take the name. What somebody else made of it is not to be overwritten. `proved` is the
    digest that it was found to have, where it was hashed and is right.
    """

    found: Found
    reason: str = ""
    is_own: bool = True
    proved: Checksum | None = None


class Need(StrEnum):
    """What has to be known before anything can be said."""

    DIGEST = "digest"
    ANSWER = "answer"


class FileState(Value, frozen=True, kw_only=True):
    """What lies under a member's name; `size` None is something that cannot be read as a file."""

    size: int | None
    stamp: FileStamp
    is_link: bool = False


class Answer(Value, frozen=True, kw_only=True):
    """What a server says of a file that was asked for unless it is the version that is known.

    `is_page` tells that it is a web page though the name of the file is that of another thing: a
    login that has expired answers so, and the page must not take the file's place.
    """

    is_same: bool = False
    is_page: bool = False
    total: int | None = None
    validator: Validator = Validator()


def judge(
    wanted: DownloadRequest,
    member: DownloadRecord,
    file: FileState | None,
    *,
    digest: Checksum | None = None,
    answer: Answer | None = None,
) -> Finding | Need:
    """Say what a member is that the source names again, or what else has to be known.

    `wanted` is what its entry asks for now, `file` what lies on disk (None: nothing). `digest` is
    the one of that file by the algorithm that `algorithm_for` names.

    A member that failed is not tried again by this: `retry` does that. It is taken for changed only
    where its source names another file or another address for it, because then it may succeed. One
    that was given up stays so.
    """
    changed = _other_file(wanted, member)
    if member.status is not Status.COMPLETED:
        if not changed and member.status is Status.FAILED and _has_moved(wanted, member):
            changed = "it has another address"
        is_left_alone = not changed or member.status is Status.CANCELLED
        return Finding(found=Found.UNCHANGED if is_left_alone else Found.CHANGED, reason=changed)
    if file is None:
        return Finding(
            found=Found.CHANGED if changed else Found.DAMAGED, reason=changed or "it is not there"
        )
    differs = _difference(member, file)
    if changed and (not differs or wanted.checksum is None):
        return Finding(found=Found.CHANGED, reason=changed, is_own=not differs)
    doubt = differs or ("its bytes are others" if _was_found_damaged(member) else "")
    expected = _expected(wanted, member)
    if (doubt or not _is_proved(wanted, member)) and expected is not None:
        if digest is None and file.size is not None:
            return Need.DIGEST
        if digest == expected:
            found = _asked(wanted, member, answer)
            return replace(found, proved=digest) if isinstance(found, Finding) else found
        if changed or not doubt:
            reason = changed or f"its {expected.algorithm} is another one"
            return Finding(found=Found.CHANGED, reason=reason, is_own=not differs)
    if doubt:
        return Finding(found=Found.DAMAGED, reason=doubt, is_own=not differs)
    return _asked(wanted, member, answer)


def algorithm_for(wanted: DownloadRequest, member: DownloadRecord) -> str:
    """Return by which algorithm a file is to be hashed that `judge` wants the digest of."""
    expected = _expected(wanted, member)
    return "" if expected is None else expected.algorithm


def brought_up_to_date(wanted: DownloadRequest, member: DownloadRecord) -> DownloadRequest:
    """Return the request of an unchanged member with what its source says of it by now.

    So a retry asks at the new address, and a report tells the new digest. What a person changed
    since (priority, limits, pause) stays.
    """
    before = member.request
    request = replace(
        before,
        url=wanted.url,
        mirrors=wanted.mirrors,
        headers=wanted.headers,
        checksum=wanted.checksum or before.checksum,
        origin=wanted.origin,
    )
    return without_secrets(request) if member.status is Status.COMPLETED else request


def answer_of(name: str, status: int, headers: Mapping[str, str]) -> Answer:
    """Return what a server says of the file `name` in an answer of 200, 206, 304 or 416.

    Header names are in lower case.

    The request was for the first byte, so that nobody sends a file that nobody wants.
    """
    total = headers.get("content-range", "").rpartition("/")[2]
    if status == 200 and not headers.get("content-encoding"):
        total = headers.get("content-length", "")
    return Answer(
        is_same=status == 304,
        is_page=_is_page_in_place_of(name, headers),
        total=number(total.strip()),
        validator=Validator(etag=headers.get("etag"), last_modified=headers.get("last-modified")),
    )


# -------------------------------------------------------------------------------------------------


def _other_file(wanted: DownloadRequest, member: DownloadRecord) -> str:
    """Return why the source cannot mean the file that a member is, "" where it may."""
    now, before = wanted.origin or Origin(), member.request.origin or Origin()
    if (digest := wanted.checksum) is not None:
        known = [c for c in (member.request.checksum, member.digest) if c is not None]
        same = [c for c in known if c.algorithm == digest.algorithm]
        if same:
            return "" if digest in same else f"its {digest.algorithm} is another one"
    size = before.size if member.total_bytes is None else member.total_bytes
    if now.size is not None and size is not None and now.size != size:
        return f"it has {now.size:,} bytes, not {size:,}"
    if digest is not None:
        return ""
    for name in ("version", "etag"):
        new, old = getattr(now.version, name, None), getattr(before.version, name, None)
        if new is not None and old is not None and new != old:
            return "it is another version"
    return ""


def _has_moved(wanted: DownloadRequest, member: DownloadRecord) -> bool:
    return redact_url(wanted.url) != redact_url(member.request.url)


def _is_proved(wanted: DownloadRequest, member: DownloadRecord) -> bool:
    """Tell whether a digest of the source, if it gives one, is known to be the member's."""
    if (digest := wanted.checksum) is None:
        return True
    return digest in (member.request.checksum, member.digest)


def _asked(
    wanted: DownloadRequest, member: DownloadRecord, answer: Answer | None
) -> Finding | Need:
    """Say what a member is whose file is right by all that is known here."""
    unchanged = Finding(found=Found.UNCHANGED)
    if wanted.checksum is not None or _is_version_known(wanted, member):
        return unchanged
    if answer is None:
        return Need.ANSWER
    changed = _otherwise(answer, member)
    return Finding(found=Found.CHANGED, reason=changed) if changed else unchanged


def _is_version_known(wanted: DownloadRequest, member: DownloadRecord) -> bool:
    """Tell whether the source says of a version what it said when the member was fetched.

    A time alone proves nothing: an index page has one of a minute, in whatever zone.
    """
    now = (wanted.origin or Origin()).version or SourceVersion()
    before = (member.request.origin or Origin()).version or SourceVersion()
    known = before.etag or (member.validator or Validator()).etag
    if now.version is not None and now.version == before.version:
        return True
    return now.etag is not None and now.etag == known


def _otherwise(answer: Answer, member: DownloadRecord) -> str:
    """Return why an answer speaks of another file, "" where it does not.

    Where a server tells of nothing by which two versions could be told apart, nobody can know, and
    the file is fetched again: what is there may be old.
    """
    if answer.is_same:
        return ""
    known, now = member.validator or Validator(), answer.validator
    if answer.total is not None and answer.total != member.total_bytes:
        return f"it has {answer.total:,} bytes on the server"
    if known.etag is not None and now.etag is not None:
        is_same = known.etag.removeprefix("W/") == now.etag.removeprefix("W/")
        return "" if is_same else "its ETag is another one"
    if now.last_modified is not None:
        if known.last_modified is not None:
            return "" if known.last_modified == now.last_modified else "it was modified since"
        modified, since = http_date(now.last_modified), _fetched_from(member)
        if modified is not None and since is not None and modified > since:
            return "it was modified since"
        return ""
    if answer.total is None:
        return "its server does not tell versions apart"
    return ""


def _fetched_from(member: DownloadRecord) -> datetime | None:
    return member.started_at or member.completed_at


def _expected(wanted: DownloadRequest, member: DownloadRecord) -> Checksum | None:
    """Return the digest that the file has to have."""
    return wanted.checksum or member.request.checksum or member.digest


def _was_found_damaged(member: DownloadRecord) -> bool:
    return member.error is not None and member.error.code is ErrorCode.CHECKSUM


def _difference(member: DownloadRecord, file: FileState) -> str:
    """Return how a file differs from what winch left, "" where it does not by size and time."""
    if file.size is None:
        return "something else has its name"
    if member.total_bytes is not None and file.size != member.total_bytes:
        return f"it was changed here: it has {file.size:,} bytes, not {member.total_bytes:,}"
    left = member.left
    if left is not None and left.modified is not None and left.modified != file.stamp.modified:
        return "it was changed here"
    return ""


def _is_page_in_place_of(name: str, headers: Mapping[str, str]) -> bool:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    ending = name.rpartition(".")[2].lower() if "." in name.strip(".") else ""
    return media_type in _PAGES and bool(ending) and not _OF_PAGES.fullmatch(ending)
