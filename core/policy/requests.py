"""Whether a request can be meant at all: what is wrong is said before anything is queued."""

from __future__ import annotations

import dataclasses
import re

from core.domain.bounds import cut, overlong
from core.domain.checks import check_header, check_name, check_url
from core.domain.errors import DestinationError, UsageError
from core.domain.models import Checksum, DownloadRequest
from core.domain.redact import redact_url
from core.domain.service import Changes
from core.domain.settings import check_limit
from core.policy.redirects import Hop, headers_for, is_same_origin

_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def check_request(request: DownloadRequest) -> None:
    """Raise UsageError or DestinationError for a request that cannot be worked off."""
    if (trouble := overlong(request)) is not None:
        raise UsageError(trouble)
    check_url(request.url)
    if not request.directory.startswith("/"):
        raise DestinationError(f"the directory '{request.directory}' is not absolute")
    if _CONTROLS.search(request.directory) or _SURROGATES.search(request.directory):
        raise DestinationError("the directory's name holds control characters or is not UTF-8")
    if request.name is not None:
        check_name(request.name)
    if request.retries is not None and request.retries < 0:
        raise UsageError("the number of retries is 0 or more")
    # A limit of 0 lifts the one that a download in the list may have.
    _check_wishes(connections=request.connections, limit=request.limit or None)
    for mirror in request.mirrors:
        check_url(mirror)
    for name, value in request.headers.items():
        check_header(name, value)
    _check_checksum(request.checksum)
    _check_cookies(request.cookies)
    for text in (request.group, request.cookies):
        if text is not None and _SURROGATES.search(text):
            raise UsageError("the group's name or the cookies' path is not UTF-8 text")


def _check_checksum(checksum: Checksum | None) -> None:
    if checksum is not None and Checksum.parse(str(checksum)) != checksum:
        raise UsageError("a checksum's algorithm and digits are written in small letters")


def _check_cookies(path: str | None) -> None:
    if path is not None and not path.startswith("/"):
        raise UsageError(f"the path of the cookies, '{cut(path, 80)}', is not absolute")
    if path is not None and _CONTROLS.search(path):
        raise UsageError("the path of the cookies holds control characters")


def apply_changes(request: DownloadRequest, changes: Changes) -> DownloadRequest:
    """Return a request with changes made to it; raises UsageError where one cannot be meant."""
    changed: dict[str, object] = {}
    if changes.priority is not None:
        changed["priority"] = changes.priority
    for name in ("limit", "connections", "group"):
        if (value := getattr(changes, name)) is not None:
            changed[name] = value or None
    changed_request = dataclasses.replace(request, **changed)  # type: ignore[arg-type]
    if (trouble := overlong(changed_request)) is not None:
        raise UsageError(trouble)
    _check_wishes(connections=changed_request.connections, limit=changed_request.limit)
    return changed_request


def with_url(request: DownloadRequest, url: str) -> DownloadRequest:
    """Return a request for the same file at another URL; raises UsageError where it is none.

    Headers and cookies were given for the old address: abroad, none that could be a secret goes
    along.
    """
    check_url(url)
    return dataclasses.replace(
        request,
        url=url,
        headers=dict(headers_for(url, Hop(request.url, request.headers))),
        cookies=request.cookies if is_same_origin(url, request.url) else None,
        mirrors=tuple(mirror for mirror in request.mirrors if mirror != url),
    )


def without_secrets(request: DownloadRequest) -> DownloadRequest:
    """Forget what only getting on with the download needed."""
    return dataclasses.replace(
        request,
        url=redact_url(request.url),
        mirrors=tuple(map(redact_url, request.mirrors)),
        headers={},
    )


def _check_wishes(*, connections: int | None, limit: int | None) -> None:
    if connections is not None:
        check_limit("connections", connections)
    if limit is not None and limit < 1:
        raise UsageError("a limit is 1 byte/s or more", hint="leave it out for no limit")
