"""The queue as a JSON document: what `winch export` writes and `winch import` reads.

Pure. A document holds all it takes to ask for the same downloads again, in the order of the queue,
and nothing that is bound to this machine but their directories. Fields that no version of the
format knows are refused rather than ignored: a misspelt `limit` would be no limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated
from urllib.parse import urldefrag

import msgspec

from core.domain.checks import (
    check_group,
    check_header,
    check_name,
    check_path,
    check_store_options,
)
from core.domain.collections import Collection
from core.domain.errors import UsageError
from core.domain.models import Checksum, Conflict, DownloadRequest, DownloadView, Status
from core.domain.origins import Origin
from core.domain.redact import redact_url
from core.domain.setting_checks import check_limit
from tui.input.arguments import check_url
from tui.text.json_records import dump

FORMAT = 1
DOCUMENT_BYTES = 64 * 1024 * 1024
"""Bytes that a document may have."""
PORTION_BYTES = 1024 * 1024
"""Bytes of requests that are handed over at once: in between, the daemon has time for others."""

ENDED = frozenset({Status.COMPLETED, Status.CANCELLED})
"""Those that are in a document for the record only."""
_STOPPED = frozenset({Status.PAUSED, Status.FAILED})
_AT = re.compile(r" - at `\$\.?(?P<field>.*)`$")

_Amount = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Positive = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class Entry(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One download; what is as usual is left out. `name` is there only if a person gave it.

    `store` are the options of what is in an object store, such as its profile; no secrets. The last
    three fields are for the reader and are not taken in.
    """

    url: str
    directory: str
    status: Status
    name: str | None = None
    checksum: str | None = None
    conflict: Conflict | None = None
    connections: _Positive | None = None
    limit: _Positive | None = None
    retries: _Amount | None = None
    restart: bool = True
    wait_for_host: bool = False
    priority: _Integer = 0
    group: str | None = None
    mirrors: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    cookies: str | None = None
    store: Mapping[str, str] = {}
    total_bytes: _Amount | None = None
    bytes_downloaded: _Amount = 0
    created_at: datetime | None = None


class Export(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The document; `paused` tells that the queue as a whole was held."""

    winch_export: int = FORMAT
    exported_at: datetime
    paused: bool = False
    downloads: tuple[Entry, ...]


class Import(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document as it comes in; its downloads are decoded one by one, because they may be many."""

    winch_export: int
    exported_at: datetime
    paused: bool = False
    downloads: tuple[msgspec.Raw, ...]

    def entries(self, shown: str) -> Iterator[Entry]:
        """Yield the downloads of a document that came from `shown`.

        Raises UsageError that names the download (from 1) and the field.
        """
        for number, raw in enumerate(self.downloads, start=1):
            try:
                yield _ENTRIES.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise UsageError(f"{shown}, download {number}{_where(str(error))}") from None


_ENTRIES = msgspec.json.Decoder(Entry)


class _Header(msgspec.Struct):
    winch_export: int


def entry(view: DownloadView, collection: Collection | None = None) -> Entry:
    """Return a download as it stands in a document.

    Of a member of a `collection` the directory is where it is to be, also while it gathers
    elsewhere; the collection itself is left to whoever adds its source again.
    """
    download, request = view.download, view.download.request
    directory = request.directory if collection is None else collection.final(request.directory)
    return Entry(
        url=request.url,
        directory=directory,
        status=download.status,
        name=request.name,
        checksum=str(request.checksum) if request.checksum is not None else None,
        conflict=request.conflict,
        connections=request.connections,
        limit=request.limit,
        retries=request.retries,
        restart=request.restart,
        wait_for_host=request.wait_for_host,
        priority=request.priority,
        group=request.group,
        mirrors=request.mirrors,
        headers=request.headers,
        cookies=request.cookies,
        store={} if request.origin is None else request.origin.options,
        total_bytes=download.total_bytes,
        bytes_downloaded=view.progress.bytes_downloaded,
        created_at=download.created_at,
    )


def holds_secrets(item: Entry) -> bool:
    """Tell whether a download has headers, or userinfo or tokens in an address."""
    return bool(item.headers) or any(_is_secret(url) for url in (item.url, *item.mirrors))


def without_secrets(item: Entry) -> Entry:
    """Return a download without them; an address that needs its token works no longer."""
    return msgspec.structs.replace(
        item,
        url=_bare(item.url),
        mirrors=tuple(map(_bare, item.mirrors)),
        headers={},
    )


def to_text(export: Export) -> str:
    """Return the document, in ASCII, with a line break at its end."""
    return dump(msgspec.to_builtins(export), indent=2) + "\n"


def is_export(data: bytes) -> bool:
    """Tell whether these bytes are a document of this or another version."""
    try:
        msgspec.json.decode(data, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def from_bytes(data: bytes, shown: str) -> Import:
    """Return the document in `data`, which came from `shown`.

    Raises UsageError that says where and what is wrong. Its downloads are not looked at yet.
    """
    if len(data) > DOCUMENT_BYTES:
        raise UsageError(
            f"{shown} is larger than {DOCUMENT_BYTES >> 20} MiB", hint="import it in parts"
        )
    try:
        version = msgspec.json.decode(data, type=_Header).winch_export
        if version > FORMAT:
            raise UsageError(
                f"{shown} was written by a newer winch (format {version}, this one reads {FORMAT})",
                hint="import it with a winch of that version",
            )
        if version == FORMAT:
            return msgspec.json.decode(data, type=Import)
    except msgspec.ValidationError as error:
        if is_export(data):
            raise UsageError(
                f"{shown}{_where(str(error))}", hint="'winch export' writes whole documents"
            ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{shown} is not JSON: {error}", hint="see 'winch export'") from None
    raise UsageError(f"{shown} is no export of winch", hint="'winch export' writes one")


def to_requests(
    document: Import, shown: str, *, directory: str | None
) -> Iterator[DownloadRequest | None]:
    """Yield what to ask for, None for each that ended; `directory` replaces all of theirs.

    Raises UsageError that names the download (from 1) and the field.
    """
    for number, item in enumerate(document.entries(shown), start=1):
        try:
            # Those that ended are looked at as well: a document is right as a whole or not at all.
            request = _request(item, directory)
        except UsageError as error:
            raise UsageError(
                f"{shown}, download {number}, {error.message}", hint=error.hint
            ) from None
        yield None if item.status in ENDED else request


def batches(
    requests: Iterable[DownloadRequest], most: int = PORTION_BYTES
) -> Iterator[list[DownloadRequest]]:
    """Yield the requests in order, in lists of at most about `most` bytes."""
    portion: list[DownloadRequest] = []
    size = 0
    for request in requests:
        length = len(msgspec.json.encode(request))
        if portion and size + length > most:
            yield portion
            portion, size = [], 0
        portion.append(request)
        size += length
    if portion:
        yield portion


def _request(item: Entry, directory: str | None) -> DownloadRequest:
    checksum = None
    with _field("url"):
        url = check_url(item.url)
    with _field("directory"):
        check_path(directory or item.directory, "the path")
    with _field("mirrors"):
        mirrors = tuple(map(check_url, item.mirrors))
    with _field("headers"):
        for name, value in item.headers.items():
            check_header(name, value)
    if item.connections is not None:
        with _field("connections"):
            check_limit("connections", item.connections)
    if item.name is not None:
        with _field("name"):
            check_name(item.name)
    if item.group is not None:
        with _field("group"):
            check_group(item.group)
    if item.checksum is not None:
        with _field("checksum"):
            checksum = Checksum.parse(item.checksum)
    if item.cookies is not None:
        with _field("cookies"):
            check_path(item.cookies, "the path")
    if item.store:
        with _field("store"):
            check_store_options(item.store)
    return DownloadRequest(
        url=url,
        directory=directory or item.directory,
        name=item.name,
        checksum=checksum,
        conflict=item.conflict,
        connections=item.connections,
        limit=item.limit,
        retries=item.retries,
        restart=item.restart,
        wait_for_host=item.wait_for_host,
        priority=item.priority,
        group=item.group,
        mirrors=mirrors,
        headers=item.headers,
        cookies=item.cookies,
        origin=Origin(options=item.store) if item.store else None,
        paused=item.status in _STOPPED,
    )


@contextmanager
def _field(name: str) -> Iterator[None]:
    """Say in which field it is that something is wrong."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", hint=error.hint) from None


def _where(message: str) -> str:
    """Return msgspec's words with the place before them: `, limit: expected int`."""
    words = message
    place = ""
    if (at := _AT.search(message)) is not None:
        words = message[: at.start()]
        place = f", {at['field']}" if at["field"] else ""
    words = words.replace("`", "'")
    return f"{place}: {words[:1].lower()}{words[1:]}"


def _is_secret(url: str) -> bool:
    return redact_url(url) != urldefrag(url).url


def _bare(url: str) -> str:
    return redact_url(url) if _is_secret(url) else url
