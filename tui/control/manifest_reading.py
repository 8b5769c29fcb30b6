"""A manifest that lies here, read for the daemon of another machine, which cannot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from core.domain.entries import Refused, SourceSpec
from core.domain.errors import UsageError
from core.domain.models import Validator
from core.sources.base import Document
from core.sources.file_document import opened_file
from core.sources.registry import SourceRegistry
from tui.input.url_lists import ListPortion

_AT_ONCE = 1000
_PATIENCE = 60.0
"""Seconds for the next part of a file."""


class _Files:
    """What a manifest may read beside itself: files of this machine, and nothing of the network."""

    def open(
        self, address: str, *, most: int, known: Validator | None = None
    ) -> AbstractAsyncContextManager[Document | None]:
        if not address.startswith("/"):
            raise UsageError(
                "a manifest that lies here leads to another one on a server",
                hint="name the one on the server: --manifest URL",
            )
        return opened_file(address, most=most, known=known, patience=_PATIENCE)


async def manifest_portions(source: SourceSpec) -> AsyncIterator[ListPortion]:
    """Yield what a manifest names, as it is read; raises WinchError where it cannot be."""
    portion = ListPortion()
    async for item in SourceRegistry().expand(source, _Files()):
        if isinstance(item, Refused):
            portion.refused.append(item)
        else:
            portion.entries.append(item)
        if len(portion.entries) + len(portion.refused) >= _AT_ONCE:
            yield portion
            portion = ListPortion()
    yield portion
