"""What becomes of an entry: the request of a member, and where that lies below the destination."""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.collections import Collection
from core.domain.entries import Entry
from core.domain.models import Conflict, Download, DownloadRequest
from core.domain.origins import Origin
from core.domain.redact import redact_url
from core.domain.stores import is_store
from core.domain.value import replace
from core.policy.collections.paths import relative_path
from core.policy.request_rules import check_member
from core.policy.transfer.redirects import Hop, headers_for, is_same_origin


def root_of(collection: Collection) -> str:
    """Return the directory that members lie below while they are fetched."""
    return collection.staging or collection.directory


def gathered(collection: Collection, request: DownloadRequest) -> DownloadRequest:
    """Return a request for a place below the destination as one for where members gather now."""
    before = len(collection.directory.rstrip("/"))
    directory = root_of(collection) + request.directory[before:].rstrip("/")
    return replace(request, directory=directory)


def in_its_place(collection: Collection, request: DownloadRequest) -> DownloadRequest:
    """Return a request of a member with the place that members have, or gather in, by now."""
    if f"{request.directory}/".startswith(root_of(collection).rstrip("/") + "/"):
        return request
    return gathered(collection, request)


def member_place(collection: Collection, request: DownloadRequest) -> str:
    """Return where a member is to lie, or its address where its server decides that."""
    if request.name is None:
        return redact_url(request.url)
    return collection.path_below(f"{request.directory.rstrip('/')}/{request.name}")


def member_request(collection: Collection, entry: Entry) -> DownloadRequest:
    """Return what is asked for to have an entry; raises UsageError, DestinationError.

    What a file has under a given path is not renamed: others refer to it. Where one exists, that
    fails unless somebody said to overwrite or skip it, and nobody's file is lost.
    """
    shared = collection.request
    directory, name = root_of(collection), None
    if entry.path is not None:
        above, _, name = relative_path(entry.path).rpartition("/")
        directory = f"{directory.rstrip('/')}/{above}" if above else directory
    conflict = shared.conflict
    if conflict in (None, Conflict.RENAME) and name is not None:
        conflict = Conflict.FAIL
    request = replace(
        shared,
        url=entry.url,
        directory=directory,
        name=name,
        conflict=conflict,
        checksum=entry.checksum,
        mirrors=entry.mirrors,
        headers={**headers_of(collection, entry.url), **entry.headers},
        priority=collection.priority if entry.priority is None else entry.priority,
        group=collection.name,
        paused=collection.paused,
        origin=Origin(
            size=entry.size,
            version=entry.version,
            pieces=entry.pieces,
            options=_options(collection, entry),
        ),
    )
    check_member(request)
    return request


def headers_of(collection: Collection, url: str) -> Mapping[str, str]:
    """Return those of the collection's headers that may go to the server of one of its members.

    They may be secrets, and whoever wrote the source says which servers are asked: they go to where
    the person said that the source is, or its files are. A list of addresses the person hands over.
    """
    shared, source = collection.request.headers, collection.source
    if not shared or source is None or source.kind == "list":
        return shared
    asked = Hop(url, shared)
    for told in filter(None, (source.base, source.address)):
        try:
            if is_same_origin(url, told):
                return shared
        except ValueError:
            continue
    return headers_for("", asked)


def _options(collection: Collection, entry: Entry) -> Mapping[str, str]:
    """Return how to ask for an entry: as its source says, or else as that itself is asked for."""
    if entry.options or not any(map(is_store, (entry.url, *entry.mirrors))):
        return entry.options
    if (origin := collection.request.origin) is not None:
        return origin.options
    return {} if collection.source is None else collection.source.options


def path_of(collection: Collection, download: Download) -> str:
    """Return where a member lies below the destination, as its report says it."""
    return collection.path_of(download)
