"""What the machine downloads: files that change, some of them without a word, and a bad server.

Every version is of random bytes of its own, so that two of them are never to be confused.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from functools import cache

from core.domain.models import Checksum
from tests.faults.model import File, Request, content
from tests.faults.server import FaultServer

KIB = 1024
RATE = 700_000.0
"""Bytes per second on each connection, so that most of what happens finds downloads under way."""

VERSIONS = 4
"""How many there are of each file: what it once was may come back."""


class Fault(StrEnum):
    """What a server does to a file until it is healed."""

    DOWN = "down"
    MISSING = "missing"
    CUTS = "cuts"
    NO_RANGES = "no ranges"
    NO_LENGTH = "no length"
    STALLS = "stalls"


class Tells(StrEnum):
    """By what a file tells its versions apart."""

    ETAG = "etag"
    DATE = "date"
    NOTHING = "nothing"


@dataclass(slots=True)
class Page:
    """One address: what is there now, and all that has ever been."""

    size: int
    tells: Tells
    version: int = 0
    """Which bytes it has."""
    label: int = 0
    """Which version it says it has."""
    fault: Fault | None = None
    healed: bool = False
    served: set[bytes] = field(default_factory=set)
    answers: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def content(self) -> bytes:
        """What it holds at present."""
        return _version(self.size, self.version)

    @property
    def checksum(self) -> Checksum:
        """The digest of the present version."""
        return Checksum("sha256", hashlib.sha256(self.content).hexdigest())

    def has(self, content: bytes, checksum: Checksum) -> bool:
        """Tell whether some content has a digest."""
        return hashlib.new(checksum.algorithm, content).hexdigest() == checksum.hexdigest

    def file(self) -> File:
        """Return how the present version is answered with."""
        etag = modified = None
        if self.tells is Tells.ETAG:
            etag = f'"{self.label}"'
        elif self.tells is Tells.DATE:
            modified = formatdate(1_600_000_000 + 1000 * self.label, usegmt=True)
        statuses = {Fault.DOWN: 503, Fault.MISSING: 404}
        status = statuses.get(self.fault, 200) if self.fault is not None else 200
        return File(
            content=self.content,
            etag=etag,
            last_modified=modified,
            ranges=self.fault is not Fault.NO_RANGES,
            chunked=self.fault is Fault.NO_LENGTH,
            statuses=lambda _: status,
            fail_after=150 * KIB if self.fault is Fault.CUTS else None,
            rate=None if self.healed else RATE,
        )


class Web:
    """The pages of one run, on a server that obeys them."""

    def __init__(self, server: FaultServer) -> None:
        self._server = server
        self.pages = {
            "small": Page(90 * KIB + 1, Tells.ETAG),
            "dated": Page(600 * KIB + 13, Tells.DATE),
            "mute": Page(700 * KIB, Tells.NOTHING),
            "large": Page(1500 * KIB + 7, Tells.ETAG),
        }
        for name, page in self.pages.items():
            page.served.add(page.content)
            page.answers.set()
            server.script(name, self._answer)

    @property
    def bytes_sent(self) -> int:
        """How many bytes of bodies have left so far."""
        return sum(request.body_bytes for request in self._server.requests)

    def url(self, name: str) -> str:
        """Return the address of a page."""
        return self._server.url_of(name)

    def page(self, url: str) -> Page:
        """Return what is at an address."""
        return self.pages[url.rpartition("/")[2]]

    def change(self, name: str, on: int, *, quietly: bool) -> None:
        """Go `on` to another version, and tell by the validator or, `quietly`, by nothing."""
        page = self.pages[name]
        page.version = (page.version + on) % VERSIONS
        if not quietly:
            page.label = page.version
        page.served.add(page.content)

    def spoil(self, name: str, fault: Fault | None) -> None:
        """Do this to a page from its next answer on; None lets it be."""
        page = self.pages[name]
        page.fault = fault
        if fault is Fault.STALLS:
            page.answers.clear()
        else:
            page.answers.set()

    async def cut_all(self) -> None:
        """Cut every connection in the middle of what it does."""
        await self._server.drop_connections()

    def heal(self) -> None:
        """Serve everything as it ought to be, and fast."""
        for name, page in self.pages.items():
            page.healed = True
            self.spoil(name, None)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        page = self.pages[request.path]
        await page.answers.wait()
        return await self._server.answer(request, writer, page.file())


@cache
def _version(size: int, number: int) -> bytes:
    # Every third version has another length as well.
    return content(size + (number % 3 == 2) * 1000, seed=size * 10 + number)
