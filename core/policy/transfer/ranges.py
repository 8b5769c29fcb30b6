"""What to ask for, and whether the answer may touch the file (RFC 9110 sections 13 to 15).

For whoever opens a connection. `judge` reads status and headers only; what it accepts may still be
refused by the comparison of bytes. Header names are lower case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.domain.bounds import MAX_DIGITS, MAX_URL, number
from core.domain.errors import FileChangedError, ProtocolError, TransferError
from core.domain.models import Checksum, Resource, Validator
from core.domain.origins import SourceVersion
from core.domain.text import from_octets
from core.domain.value import Value, replace
from core.policy.transfer.challenges import SentLogin
from core.policy.transfer.digests import announced
from core.policy.transfer.filename import coding_of
from core.policy.transfer.http_dates import http_date
from core.policy.transfer.status_errors import status_error

OVERLAP_BEFORE = 64 * 1024
"""Bytes before a resume point that are fetched again and compared."""
OVERLAP_BEHIND = 16 * 1024
"""Bytes behind a stretch that are fetched too and compared with those of the next one."""

CHANGED = "the file changed on the server"
"""How the reasons begin that tell of two versions of the file."""
NO_RANGES = "the server cannot continue a file"

_NUMBER = rf"[0-9]{{1,{MAX_DIGITS}}}"
_CONTENT_RANGE = re.compile(rf"bytes ({_NUMBER})-({_NUMBER})/({_NUMBER}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(rf"bytes \*/({_NUMBER})", re.IGNORECASE)
_STRONG_AGE = 60
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


class RangeRequest(Value, frozen=True, kw_only=True):
    """A request for the bytes from `first` up to, not including, `end` (None: to the last).

    `position` is the first byte that is missing; those before it are asked for to be compared.
    With `whole` there is no Range in it: a server may stumble over one that covers the file.
    """

    first: int
    end: int | None = None
    if_range: str | None = None
    position: int = 0
    whole: bool = False

    def headers(self) -> dict[str, str]:
        """Return the header fields that ask for it."""
        fields = {"Accept-Encoding": "identity"}
        if self.whole:
            return fields
        last = "" if self.end is None else self.end - 1
        fields["Range"] = f"bytes={self.first}-{last}"
        if self.if_range is not None:
            fields["If-Range"] = from_octets(self.if_range)
        return fields

    def plainer(self, status: int, headers: Mapping[str, str]) -> RangeRequest | None:
        """Return how to ask again after a refusal that a simpler request may avoid, or None.

        A 304 mistakes If-Range for If-Modified-Since (RFC 9110 section 15.4.5); a range that covers
        the whole file is refused (416), or answered by what is no range (206), where that file has
        no byte or only one.
        """
        if status == 304 and self.if_range is not None:
            return replace(self, if_range=None)
        covers_all = self.first == 0 and self.position == 0 and self.end is None
        if not covers_all or self.whole:
            return None
        is_tiny = headers.get("content-range", "").strip().endswith(("/0", "/1"))
        is_tiny = is_tiny or headers.get("content-length") == "0"
        return replace(self, whole=True) if status == 416 or (status == 206 and is_tiny) else None


class Accept(Value, frozen=True, kw_only=True):
    """The body holds the file from `start` on, `length` bytes of it (None: until it ends).

    `same_version` tells that a strong validator proves these bytes to belong to what is here.
    """

    start: int
    length: int | None
    resource: Resource
    same_version: bool = False


class RestartWhole(Value, frozen=True, kw_only=True):
    """What is here cannot be continued; `usable` is set when this very body is the whole file.

    Where it `grew`, as a log does, what is here may still be the beginning of what is there now.
    """

    reason: str
    usable: Accept | None = None
    grew: bool = False


class Reject(Value, frozen=True, kw_only=True):
    """No byte of this answer may be used."""

    error: TransferError


class AskAgain(Value, frozen=True, kw_only=True):
    """The answer is of no use, but this simpler request may get one that is."""

    request: RangeRequest


Judgement = Accept | RestartWhole | Reject


def range_request(
    *, first: int, end: int | None = None, known: Resource | None = None, overlap: int = 0
) -> RangeRequest:
    """Ask for a stretch; of a version already known where a strong validator can say so.

    The first `overlap` bytes of it are here already. If-Range takes strong validators only
    (RFC 9110 section 13.1.5).
    """
    validator = strong_validator(known.validator) if known is not None else None
    return RangeRequest(first=first, end=end, if_range=validator, position=first + overlap)


def strong_validator(validator: Validator) -> str | None:
    """Return the value that If-Range may carry, or None.

    An ETag that is not weak, else a Last-Modified at least 60 s older than the Date it came with
    (RFC 9110 section 8.8.2.2): within that minute the file may have changed twice. What holds a
    control character cannot be sent back.
    """
    if validator.etag is not None:
        is_weak = validator.etag.startswith("W/") or _CONTROLS.search(validator.etag)
        return None if is_weak else validator.etag
    modified, date = http_date(validator.last_modified), http_date(validator.date)
    if modified is None or date is None:
        return None
    age = (date - modified).total_seconds()
    is_strong = age >= _STRONG_AGE and not _CONTROLS.search(validator.last_modified or "")
    return validator.last_modified if is_strong else None


def judge(
    request: RangeRequest,
    status: int,
    headers: Mapping[str, str],
    *,
    url: str,
    now: float,
    known: Resource | None = None,
    login: SentLogin = SentLogin.NONE,
) -> Judgement | AskAgain:
    """Decide what an answer's body is, given what is known of the file (None: nothing yet).

    `now` is the wall time in seconds since the epoch, for Retry-After dates. `login` is what the
    server was shown of who asks.
    """
    judgement: Judgement
    if len(headers.get("content-length", "")) > MAX_DIGITS:
        judgement = _reject("the server announces more bytes than any disk holds")
    elif status == 206 and request.whole:
        judgement = _reject("the server sent a part of the file, which nobody asked for")
    elif status in _JUDGES:
        judgement = _JUDGES[status](request, headers, url, known)
    else:
        judgement = Reject(error=status_error(status, headers, now, login))
    if isinstance(judgement, Reject) and (plainer := request.plainer(status, headers)) is not None:
        return AskAgain(request=plainer)
    return judgement


def _judge_partial(
    request: RangeRequest, headers: Mapping[str, str], url: str, known: Resource | None
) -> Judgement:
    """Judge a 206 (RFC 9110 sections 15.3.7 and 14.4): it has to be the very range asked for."""
    if headers.get("content-type", "").lower().startswith("multipart/byteranges"):
        return _reject("the server sent several ranges in one answer, which nobody asked for")
    field = headers.get("content-range")
    if field is None:
        return _reject("the server sent a part of the file without saying which")
    match = _CONTENT_RANGE.fullmatch(field.strip())
    if match is None:
        return _reject(f"the server's Content-Range '{field[:80]}' cannot be read")
    start, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if last < start or (total is not None and last >= total):
        return _reject(f"the server's Content-Range '{field[:80]}' contradicts itself")
    if start != request.first:
        return _reject(f"the server sent bytes from {start} instead of {request.first}")
    length = last + 1 - start
    if headers.get("content-length", str(length)) != str(length):
        return _reject("the server's Content-Length contradicts its Content-Range")
    digest = announced(headers, whole=start == 0 and last + 1 == total)
    ranges = _offers_ranges(headers)
    resource = _resource(url, headers, total=total, ranges=ranges, digest=digest)
    if known is not None and (error := coding_error(known, resource)):
        return Reject(error=error)
    if known is not None and (changed := _difference(known, resource)):
        return RestartWhole(reason=changed, grew=_grew(known, resource))
    if request.end is not None:
        length = min(length, request.end - start)
    same = known is not None and _same_version(known, resource)
    return Accept(start=start, length=length, resource=resource, same_version=same)


def _judge_whole(
    request: RangeRequest, headers: Mapping[str, str], url: str, known: Resource | None
) -> Judgement:
    """Judge a 200: the whole file, whatever was asked for (RFC 9110 section 14.2)."""
    total = _content_length(headers)
    digest, ranges = announced(headers, whole=True), _may_serve_ranges(request, headers)
    resource = _resource(url, headers, total=total, ranges=ranges, digest=digest)
    if total is None and known is not None and _same_version(known, resource):
        # The same bytes as before end where they did before, however this answer ends.
        total = known.total
        resource = replace(resource, total=total)
    whole = Accept(start=0, length=total, resource=resource)
    if known is None:
        return whole
    if _is_page(resource) and not _is_page(known):
        return Reject(
            error=FileChangedError(
                "the server answered with a web page in place of the file",
                hint="a login may have expired; open the address in a browser",
            )
        )
    if error := coding_error(known, resource):
        return Reject(error=error)
    if changed := _difference(known, resource):
        return RestartWhole(reason=changed, usable=whole, grew=_grew(known, resource))
    if request.if_range is not None and not _same_version(known, resource):
        return RestartWhole(reason=CHANGED, usable=whole)
    return RestartWhole(reason=NO_RANGES, usable=whole)


def _judge_unsatisfied(
    request: RangeRequest, headers: Mapping[str, str], url: str, known: Resource | None
) -> Judgement:
    """Judge a 416, which may tell the length (RFC 9110 section 15.5.17)."""
    match = _UNSATISFIED.fullmatch(headers.get("content-range", "").strip())
    total = int(match[1]) if match else None
    if request.first == 0 and total == 0:
        resource = _resource(url, headers, total=0, ranges=True)
        return Accept(start=0, length=0, resource=resource)
    if known is None:
        return _reject("the server refuses every range of the file (416)")
    resource = _resource(url, headers, total=total, ranges=True)
    if known.total is None and total == request.position and _same_version(known, resource):
        # Nobody knew the length, and all of it is here.
        return Accept(start=total, length=0, resource=resource, same_version=True)
    return RestartWhole(reason="the server no longer has the missing part")


_JUDGES = {200: _judge_whole, 206: _judge_partial, 416: _judge_unsatisfied}


def coding_error(known: Resource, answer: Resource) -> TransferError | None:
    """Return the error for an answer that is coded otherwise than the file that was begun.

    Its offsets are those of other bytes, and the name that the file has tells of its coding.
    """
    if known.coding == answer.coding:
        return None
    now, before = answer.coding or "plain", known.coding or "plain"
    return FileChangedError(
        f"the server sends the file coded as {now} now, and it was {before} before",
        hint="try again later, or remove it and begin anew",
    )


def changed_since_listed(
    listed: SourceVersion | None, status: int, headers: Mapping[str, str]
) -> FileChangedError | None:
    """Return the error for an answer with another version than its source has listed.

    ETags are compared weakly (RFC 9110 section 8.8.3.2); who does not tell contradicts nothing.
    """
    etag = headers.get("etag")
    if listed is None or listed.etag is None or etag is None or status not in (200, 206):
        return None
    if listed.etag.removeprefix("W/").strip('"') == etag.removeprefix("W/").strip('"'):
        return None
    return FileChangedError(
        "the file changed on the server since it was listed",
        hint="`winch sync` of its collection takes in what is there now",
    )


def _reject(message: str) -> Reject:
    return Reject(error=ProtocolError(message, hint="the server or a proxy in between is broken"))


def _resource(
    url: str,
    headers: Mapping[str, str],
    *,
    total: int | None,
    ranges: bool,
    digest: Checksum | None = None,
) -> Resource:
    return Resource(
        url=url,
        total=total,
        validator=Validator(
            etag=_modest(headers.get("etag")),
            last_modified=_modest(headers.get("last-modified")),
            date=_modest(headers.get("date")),
        ),
        ranges=ranges,
        disposition=_modest(headers.get("content-disposition")),
        coding=coding_of(headers.get("content-encoding", "")),
        media_type=headers.get("content-type", "").partition(";")[0].strip().lower() or None,
        digest=digest,
    )


def _modest(field: str | None) -> str | None:
    """Return a field unless it is too long to be kept with every record of the file."""
    return None if field is None or len(field) > MAX_URL else field


def _offers_ranges(headers: Mapping[str, str]) -> bool:
    """Tell whether more ranges may be asked for than the one that was just answered."""
    return headers.get("accept-ranges", "").strip().lower() != "none"


def _may_serve_ranges(request: RangeRequest, headers: Mapping[str, str]) -> bool:
    """Tell whether a server that sent the whole file may send ranges of it all the same.

    It may have ignored one that covers the file (RFC 9110 section 14.2 allows that), and says of
    itself that it knows others. After a real one it has shown that it does not.
    """
    covered_all = request.first == 0 and request.end is None
    return covered_all and headers.get("accept-ranges", "").strip().lower() == "bytes"


def _content_length(headers: Mapping[str, str]) -> int | None:
    """Return the length in bytes; a Transfer-Encoding overrides it (RFC 9112 section 6.3)."""
    if "transfer-encoding" in headers:
        return None
    return number(headers.get("content-length", ""))


def _is_page(resource: Resource) -> bool:
    return resource.media_type in ("text/html", "application/xhtml+xml")


def _difference(known: Resource, answer: Resource) -> str | None:
    """Return in what an answer contradicts what is known, or None.

    A validator that an answer does not repeat contradicts nothing; the overlap then decides.
    ETags are compared weakly (RFC 9110 section 8.8.3.2).
    """
    old, new = known.validator, answer.validator
    if known.total is not None and answer.total is not None and known.total != answer.total:
        return f"{CHANGED}: {answer.total} bytes instead of {known.total}"
    if old.etag is not None and new.etag is not None:
        if old.etag.removeprefix("W/") != new.etag.removeprefix("W/"):
            return f"{CHANGED}: another ETag"
        return None
    before, now = old.last_modified, new.last_modified
    if before is not None and now is not None and before != now:
        return f"{CHANGED}: another Last-Modified"
    return None


def _grew(known: Resource, answer: Resource) -> bool:
    return known.total is not None and (answer.total or 0) > known.total


def _same_version(known: Resource, answer: Resource) -> bool:
    old, new = strong_validator(known.validator), strong_validator(answer.validator)
    return old is not None and old == new
