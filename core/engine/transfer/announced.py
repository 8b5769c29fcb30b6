"""What a server says of a file beside sending it: where else it is, and what is in it (RFC 6249).

Mirrors that nobody asked for are used only where something strong says what the whole file must
be: the server's own Digest, the person's checksum, or the Metalink document that it points to. A
document that cannot be had, or is about another file, changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import unquote, urlsplit

from core.adapters.net.response import Response
from core.domain.bounds import cut
from core.domain.entries import Entry
from core.domain.errors import WinchError
from core.domain.models import Checksum, DownloadRequest
from core.domain.redact import redact_url
from core.domain.value import replace
from core.engine.transfer.context import TransferContext
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.source import Sources
from core.policy.transfer.digests import STRONG, announced
from core.policy.transfer.links import description, duplicates
from core.policy.transfer.pieces import mismatch
from core.policy.transfer.redirects import Hop, headers_for, is_public

log = logging.getLogger(__name__)

MOST_TEXT = 4 * 1024 * 1024
"""Bytes of a document about one file."""
PATIENCE = 10.0
"""Seconds for all of it: a file does not wait for what is said of it."""
_MOST_ENTRIES = 1000
_BUFFER = 64 * 1024


class AnnouncedByServer:
    """What the answers to one download announce. `adopt` hears of a file that a document names."""

    def __init__(
        self,
        request: DownloadRequest,
        context: TransferContext,
        sources: Sources,
        note: Callable[[str], None],
        adopt: Callable[[Entry], None],
    ) -> None:
        self._request = request
        self._context = context
        self._sources = sources
        self._note = note
        self._adopt = adopt
        self._document: str | None = None
        self._reading: asyncio.Task[None] | None = None

    def read(self, file: UnfinishedFile, response: Response) -> None:
        """Take in the head of an answer, and of the redirects that led to it."""
        heads = [*response.passed, (response.url, response.headers)]
        heads = [(url, headers) for url, headers in heads if headers.get("link")]
        if not heads or not file.resource.ranges or file.resource.total is None:
            return
        public = response.peer is None or is_public(response.peer)
        for url, headers in heads:
            self._believe(file, headers)
            self._join(file, duplicates(headers["link"], url), public=public)
        found = [(description(headers["link"], url), url) for url, headers in heads]
        for document, url in found:
            if document is not None and self._document is None:
                self._document = document
                work = self._read_document(file, document, url, public=public)
                self._reading = asyncio.create_task(work)

    async def settle(self) -> None:
        """Return once what is being read about the file is read, or is given up."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def stop(self) -> None:
        """Read no longer, and return once nothing runs."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _believe(self, file: UnfinishedFile, headers: Mapping[str, str]) -> None:
        """Take a digest from the answer that names mirrors, which may be a redirect to one."""
        digest = announced(headers, whole=False)
        if (
            digest is not None
            and digest.algorithm in STRONG
            and not _is_strong(file.resource.digest)
        ):
            file.resource = replace(file.resource, digest=digest)

    def _is_proved(self, file: UnfinishedFile) -> bool:
        """Tell whether something that nobody can forge says what the whole file must be."""
        return _is_strong(file.resource.digest) or _is_strong(self._request.checksum)

    def _join(self, file: UnfinishedFile, mirrors: list[str], *, public: bool) -> None:
        if self._is_proved(file) and (count := self._sources.join(mirrors, public=public)):
            self._note(f"its server names {count} mirror{'s' * (count > 1)}")

    async def _read_document(
        self, file: UnfinishedFile, document: str, url: str, *, public: bool
    ) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                entry = await self._find(file, document, url, public=public)
        except (WinchError, TimeoutError) as error:
            reason = cut(str(error), 200) or "it took too long"
            self._note(
                f"what its server says of it at {redact_url(document)} was not read: {reason}"
            )
            return
        except Exception:
            log.exception("a Metalink document failed")
            return
        if entry is None or entry.size not in (None, file.resource.total):
            return
        known, found = file.resource.digest, entry.checksum
        for digest in (known, self._request.checksum):
            if digest and found and digest.algorithm == found.algorithm and digest != found:
                return  # it is about another version of the file
        if entry.pieces is not None and mismatch(entry.pieces, file.resource.total or 0):
            entry = replace(entry, pieces=None)
        if found is not None and _is_strong(found) and not _is_strong(known):
            file.resource = replace(file.resource, digest=found)
        if not self._is_proved(file):
            return
        self._adopt(entry)
        is_secure = url.startswith("https://")
        mirrors = [
            m for m in (entry.url, *entry.mirrors) if m.startswith("https://") or not is_secure
        ]
        self._join(file, mirrors, public=public)

    async def _find(
        self, file: UnfinishedFile, document: str, url: str, *, public: bool
    ) -> Entry | None:
        """Return what a document says of the file, None where that is not to be told."""
        from core.sources.metalink import read_metalink  # noqa: PLC0415 (seldom needed)

        asked = Hop(self._request.url, self._request.headers)
        headers = {**headers_for(document, asked), "Accept-Encoding": "identity"}
        cookies = self._request.cookies
        async with await self._context.http.get(
            document, headers, cookies=cookies, buffer=_BUFFER, public=public
        ) as response:
            if response.status != 200:
                raise WinchError(f"the server answered {response.status}")
            entries: list[Entry] = []
            chunks = _bounded(response)
            async for item in read_metalink(chunks, None, response.url, location=None):
                if isinstance(item, Entry) and len(entries) < _MOST_ENTRIES:
                    entries.append(item)
        name = unquote(urlsplit(url).path.rpartition("/")[2])
        fitting = [entry for entry in entries if (entry.path or "").rpartition("/")[2] == name]
        return fitting[0] if len(fitting) == 1 else entries[0] if len(entries) == 1 else None


def _is_strong(digest: Checksum | None) -> bool:
    return digest is not None and digest.algorithm in STRONG


async def _bounded(response: Response) -> AsyncIterator[bytes]:
    size = 0
    while piece := await response.read():
        size += len(piece)
        if size > MOST_TEXT:
            raise WinchError(f"it has more than {MOST_TEXT:,} bytes")
        yield bytes(piece)
