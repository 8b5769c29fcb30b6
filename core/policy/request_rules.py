"""What can be asked for at all, and what a request becomes when a person changes it.

For the engine, which says what is wrong before anything is queued.
"""

from __future__ import annotations

import re

from core.domain.bounds import overlong
from core.domain.checks import (
    check_component,
    check_group,
    check_header,
    check_name,
    check_path,
    check_store_options,
    check_url,
)
from core.domain.errors import DestinationError, UsageError
from core.domain.history import HistoryQuery
from core.domain.models import Checksum, DownloadRequest
from core.domain.origins import PieceHashes
from core.domain.redact import redact_url
from core.domain.service import Changes
from core.domain.setting_checks import check_limit
from core.domain.value import replace
from core.policy.transfer.redirects import Hop, headers_for, is_same_origin

_NOT_HEX = re.compile(r"[^0-9a-f]")


def check_request(request: DownloadRequest) -> None:
    """Raise UsageError or DestinationError for a request that cannot be worked off."""
    if (trouble := overlong(request)) is not None:
        raise UsageError(trouble)
    _check_own(request)
    if request.retries is not None and request.retries < 0:
        raise UsageError("the number of retries is 0 or more")
    # A limit of 0 lifts the one that a download in the list may have.
    _check_wishes(connections=request.connections, limit=request.limit or None, group=request.group)
    if request.cookies is not None:
        check_path(request.cookies, "the cookies' path")


def check_member(request: DownloadRequest) -> None:
    """Raise as `check_request` does, of a request that shares with others what was checked of them.

    There may be very many: only what its entry says is looked at, and where it leads.
    """
    own = request.url, request.directory, request.name, request.checksum, request.priority
    if (trouble := overlong((*own, request.mirrors, request.headers, request.origin))) is not None:
        raise UsageError(trouble)
    _check_own(request)


def _check_own(request: DownloadRequest) -> None:
    check_url(request.url)
    try:
        check_path(request.directory, "the directory")
    except UsageError as error:
        raise DestinationError(error.message, hint=error.hint) from None
    if request.name is not None:
        # What a source names is called by others of the set: its name is its own to choose.
        (check_name if request.origin is None else check_component)(request.name)
    _check_checksum(request.checksum)
    if request.origin is not None and request.origin.pieces is not None:
        _check_pieces(request.origin.pieces)
    for mirror in request.mirrors:
        check_url(mirror)
    for name, value in request.headers.items():
        check_header(name, value)
    if request.origin is not None:
        check_store_options(request.origin.options)


def check_query(query: HistoryQuery) -> None:
    """Raise UsageError for a question about the history that has no one answer."""
    if query.since is not None and query.since.utcoffset() is None:
        raise UsageError(
            "the time since when says not where it holds",
            hint="end it with its offset: 2026-03-01T18:30:00+00:00",
        )


def _check_checksum(checksum: Checksum | None) -> None:
    if checksum is not None and Checksum.parse(str(checksum)) != checksum:
        raise UsageError("a checksum's algorithm and digits are written in small letters")


def _check_pieces(pieces: PieceHashes) -> None:
    """Raise UsageError for digests of pieces that no file can have."""
    if pieces.length < 1 or not pieces.hexdigests:
        raise UsageError("the pieces of a file have a length, and there is one at least")
    first = Checksum.parse(f"{pieces.algorithm}:{pieces.hexdigests[0]}")
    digits = len(first.hexdigest)
    together = "".join(pieces.hexdigests)
    all_alike = all(len(hexdigest) == digits for hexdigest in pieces.hexdigests)
    if first.algorithm != pieces.algorithm or not all_alike or _NOT_HEX.search(together):
        raise UsageError("the digests of a file's pieces are of one known algorithm")


def apply_changes(request: DownloadRequest, changes: Changes) -> DownloadRequest:
    """Return a request with changes made to it; raises UsageError where one cannot be meant."""
    changed: dict[str, object] = {}
    if changes.priority is not None:
        changed["priority"] = changes.priority
    for name in ("limit", "connections", "group"):
        if (value := getattr(changes, name)) is not None:
            changed[name] = value or None
    changed_request = replace(request, **changed)
    if (trouble := overlong(changed_request)) is not None:
        raise UsageError(trouble)
    _check_wishes(
        connections=changed_request.connections, limit=changed_request.limit, group=changes.group
    )
    return changed_request


def with_url(request: DownloadRequest, url: str) -> DownloadRequest:
    """Return a request for the same file at another URL; raises UsageError where it is none.

    Headers and cookies were given for the old address: abroad, none that could be a secret goes
    along. Which version its source has listed says nothing of another address.
    """
    check_url(url)
    origin = request.origin
    return replace(
        request,
        url=url,
        headers=dict(headers_for(url, Hop(request.url, request.headers))),
        cookies=request.cookies if is_same_origin(url, request.url) else None,
        mirrors=tuple(mirror for mirror in request.mirrors if mirror != url),
        origin=None if origin is None else replace(origin, version=None),
    )


def without_secrets(request: DownloadRequest) -> DownloadRequest:
    """Forget what only getting on with the download needed."""
    has_pieces = request.origin is not None and request.origin.pieces is not None
    if not (request.mirrors or request.headers or has_pieces) and (
        redact_url(request.url) == request.url
    ):
        return request
    return replace(
        request,
        url=redact_url(request.url),
        mirrors=tuple(map(redact_url, request.mirrors)),
        headers={},
        origin=None if request.origin is None else replace(request.origin, pieces=None),
    )


def _check_wishes(*, connections: int | None, limit: int | None, group: str | None) -> None:
    if connections is not None:
        check_limit("connections", connections)
    if limit is not None and limit < 1:
        raise UsageError("a limit is 1 byte/s or more", hint="leave it out for no limit")
    if group is not None:
        check_group(group)
