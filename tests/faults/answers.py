"""The answer that RFC 9110 wants for a request to a file, before anything is done to spoil it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from email.utils import formatdate

from tests.faults.model import Content, File, Headers, Request
from tui.demo.loopback_http import UnsatisfiableRangeError, head, requested_range


@dataclass(kw_only=True)
class Answer:
    """Status, headers and the stretch of the content that is the body."""

    status: int
    headers: dict[str, str]
    content: Content = b""
    start: int = 0
    end: int = 0

    def head(self) -> bytes:
        """Return the status line and the headers as they are sent."""
        return head(self.status, self.headers)


def answer_to(request: Request, file: File) -> Answer:
    """Return what to send: the scripted status, the redirect, the whole file or a part of it."""
    status, headers = file.status_for(request)
    if request.method not in ("GET", "HEAD"):
        status, headers = 405, {"Allow": "GET, HEAD"}
    if status != 200:
        return error(status, headers)
    if file.redirect_to is not None:
        return error(file.redirect_status, {**file.headers, "Location": file.redirect_to})
    return _content(request, file)


def error(status: int, headers: Headers) -> Answer:
    """Return an answer whose body says nothing but its status."""
    body = b"" if status < 200 or status in (204, 304) else b"status %d\n" % status
    fields = {"Date": formatdate(usegmt=True), "Content-Type": "text/plain"}
    if body:
        fields["Content-Length"] = str(len(body))
    return Answer(
        status=status, headers=_with(fields, headers), content=body, start=0, end=len(body)
    )


def _content(request: Request, file: File) -> Answer:
    body, etag = file.content, file.etag
    fields = {"Date": formatdate(usegmt=True), "Content-Type": file.content_type}
    if file.gzip and "gzip" in request.headers.get("accept-encoding", ""):
        # Another representation: it has its own bytes to count and its own validator.
        body = gzip.compress(body[:], mtime=0)
        etag = None if etag is None else f'{etag[:-1]}-gzip"'
        fields |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    if etag is not None:
        fields["ETag"] = etag
    if file.last_modified is not None:
        fields["Last-Modified"] = file.last_modified
    if file.disposition is not None:
        fields["Content-Disposition"] = file.disposition
    if _is_known(request, etag, file.last_modified):
        return Answer(status=304, headers=_with(fields, file.headers))
    fields["Accept-Ranges"] = "bytes" if file.ranges else "none"

    status, start, end = 200, 0, len(body)
    if file.ranges and request.method == "GET":
        try:
            asked = requested_range(request.headers, len(body), etag, file.last_modified)
        except UnsatisfiableRangeError:
            size = f"bytes */{len(body)}"
            validators = {"ETag": etag, "Last-Modified": file.last_modified}
            return error(416, validators | {"Content-Range": size} | dict(file.headers))
        if asked is not None:
            status, (start, end) = 206, asked
            fields["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    fields |= _framing(file, end - start)
    return Answer(
        status=status, headers=_with(fields, file.headers), content=body, start=start, end=end
    )


def _framing(file: File, size: int) -> dict[str, str]:
    if file.chunked:
        return {"Transfer-Encoding": "chunked"}
    return {"Connection": "close"} if file.until_close else {"Content-Length": str(size)}


def _is_known(request: Request, etag: str | None, last_modified: str | None) -> bool:
    """Tell whether the client has this very version (RFC 9110 section 13.2.2)."""
    if (known := request.headers.get("if-none-match")) is not None:
        return etag is not None and etag in [each.strip() for each in known.split(",")]
    since = request.headers.get("if-modified-since")
    return since is not None and since == last_modified


def _with(fields: dict[str, str], changes: Headers) -> dict[str, str]:
    """Return the fields with some replaced or, where the change is None, left out."""
    changed = {name.lower() for name in changes}
    kept = {name: value for name, value in fields.items() if name.lower() not in changed}
    return kept | {name: value for name, value in changes.items() if value is not None}
