"""Whether a request can be meant at all: what is wrong is said before anything is queued."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import urlsplit

from core.domain.errors import DestinationError, UsageError
from core.domain.models import DownloadRequest
from core.domain.redact import redact_url
from core.domain.service import Changes
from core.domain.settings import check_limit
from core.policy.filename import LIMIT, safe_name

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_OWN_HEADERS = frozenset(
    {"range", "if-range", "accept-encoding", "host", "content-length", "transfer-encoding"}
)


def check_request(request: DownloadRequest) -> None:
    """Raise UsageError or DestinationError for a request that cannot be worked off."""
    _check_url(request.url)
    if not request.directory.startswith("/"):
        raise DestinationError(f"the directory '{request.directory}' is not absolute")
    if _CONTROLS.search(request.directory) or _SURROGATES.search(request.directory):
        raise DestinationError("the directory's name holds control characters or is not UTF-8")
    if request.name is not None and safe_name(request.name) != request.name:
        raise UsageError(
            f"'{request.name[:80]}' is no safe file name",
            hint=f"a name has no '/', no control characters and at most {LIMIT} bytes",
        )
    if request.retries is not None and request.retries < 0:
        raise UsageError("the number of retries is 0 or more")
    _check_wishes(connections=request.connections, limit=request.limit)
    for mirror in request.mirrors:
        _check_url(mirror)
    for name, value in request.headers.items():
        _check_header(name, value)


def apply_changes(request: DownloadRequest, changes: Changes) -> DownloadRequest:
    """Return a request with changes made to it; raises UsageError where one cannot be meant."""
    changed: dict[str, object] = {}
    if changes.priority is not None:
        changed["priority"] = changes.priority
    for name in ("limit", "connections", "group"):
        if (value := getattr(changes, name)) is not None:
            changed[name] = value or None
    changed_request = dataclasses.replace(request, **changed)  # type: ignore[arg-type]
    _check_wishes(connections=changed_request.connections, limit=changed_request.limit)
    return changed_request


def _check_wishes(*, connections: int | None, limit: int | None) -> None:
    if connections is not None:
        check_limit("connections", connections)
    if limit is not None and limit < 1:
        raise UsageError("a limit is 1 byte/s or more", hint="leave it out for no limit")


def _check_url(url: str) -> None:
    shown = redact_url(url)[:200]
    if not url or url != url.strip() or _CONTROLS.search(url):
        raise UsageError(
            f"'{shown}' is not a URL", hint="give an address such as https://host/file"
        )
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise UsageError(f"'{shown}' is not a URL", hint="check its host and port") from None
    if not parts.scheme:
        raise UsageError(f"'{shown}' is not a URL", hint=f"did you mean https://{shown}?")
    if parts.scheme not in ("http", "https"):
        raise UsageError(
            f"winch does not fetch {parts.scheme}: addresses", hint="give an http or https address"
        )
    if not parts.hostname:
        raise UsageError(
            f"'{shown}' names no host", hint="give an address such as https://host/file"
        )


def _check_header(name: str, value: str) -> None:
    if not _HEADER_NAME.fullmatch(name) or _CONTROLS.search(value):
        raise UsageError(f"'{name[:80]}' is no valid header", hint="write 'Name: value'")
    if name.lower() in _OWN_HEADERS:
        raise UsageError(f"the header {name} is winch's own to set", hint="leave it out")
