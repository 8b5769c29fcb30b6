"""What a source is: it names files, and says how to ask for one of them.

A package adds one by an entry point of the group `winch.sources`, whose name is the scheme or the
kind, and which is called without arguments to make the source.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.models import Validator
from core.domain.value import Value, field


class Document(Protocol):
    """A text that a source reads: a file, or the answer of a server.

    `url` is its address after redirects, with the login that was given for it, or its path;
    `headers` and `media_type` are what a server said of it, in lower case; `validator` tells its
    version.
    """

    url: str
    media_type: str
    headers: Mapping[str, str]
    validator: Validator

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield its bytes; raises WinchError where they end early or are more than was allowed."""
        ...


class Fetcher(Protocol):
    """The disk and the network, as far as a source may use them: bounded, and with logins."""

    def open(
        self, address: str, *, most: int, known: Validator | None = None
    ) -> AbstractAsyncContextManager[Document | None]:
        """Open an address, or the file of an absolute path, of at most `most` bytes.

        None where it is the version that is `known`. Raises WinchError, by cause.
        """
        ...


class Address(Value, frozen=True):
    """Where to ask for a file now, and what to send along; never stored, and never told.

    It is good until `expires`, in seconds since the epoch (None: as long as it is answered).
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    expires: float | None = None


class Source(Protocol):
    """One way to name files: lists, manifests, object stores, index pages, and those of packages.

    It is made once and asked by many at a time.
    """

    def expand(self, spec: SourceSpec, fetcher: Fetcher) -> AsyncIterator[Entry | Refused]:
        """Yield what it names, as it comes: nothing is held that a million entries would fill.

        What cannot be fetched is yielded as `Refused`; raises WinchError where it cannot be read
        at all, or not to its end.
        """
        ...

    async def refresh(self, entry: Entry) -> Address:
        """Return where to ask for one of its files now; raises WinchError.

        Asked before each request, unless the address before is good still.
        """
        ...
