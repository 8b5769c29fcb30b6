"""Manifests: lists of files by others, with what each must have, told apart by what is in them.

Checksums as `sha256sum` writes them (`sums.py`), bags (`bagit.py`) and Metalink (`metalink.py`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from urllib.parse import urlsplit

from core.domain.bounds import cut
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import UsageError
from core.sources.bagit import FETCH_LINE, TAG_FILE, read_bag
from core.sources.base import Address, Fetcher
from core.sources.byte_lines import text_of
from core.sources.metalink import read_metalink
from core.sources.relative import base_of
from core.sources.sums import parse_line, read_sums

FORMATS = ("sums", "bagit", "metalink")
MOST_TEXT = 1024**3
"""Bytes of a manifest: ten million lines."""
_HEAD = 16 * 1024
"""Bytes that are looked at to tell what a manifest is."""
_COMMENT = re.compile(r"\s*(?:#|-----BEGIN PGP|Hash:|$)")


class ManifestSource:
    """The source of the kind `manifest`."""

    async def expand(self, spec: SourceSpec, fetcher: Fetcher) -> AsyncIterator[Entry | Refused]:
        """Yield the files that a manifest names.

        Raises UsageError for a text that is none, WinchError where it cannot be read to its end.
        """
        if spec.format is not None and spec.format not in FORMATS:
            raise UsageError(
                f"'{cut(spec.format, 80)}' is no format of manifests",
                hint=f"it is one of {', '.join(FORMATS)}, or left out",
            )
        if (directory := _directory_of_bag(spec)) is not None:
            async with aclosing(read_bag(directory, fetcher, base_of(spec, directory))) as items:
                async for item in items:
                    yield item
            return
        async with fetcher.open(spec.address, most=MOST_TEXT) as document:
            if document is None:
                return
            head, chunks = await _peek(document.chunks())
            kind = spec.format or recognised(head)
            base = base_of(spec, document.url)
            if kind == "sums":
                items = read_sums(chunks, base, algorithm=_algorithm_in_name(spec.address))
            elif kind == "metalink":
                items = read_metalink(
                    chunks, base, document.url, location=spec.options.get("location")
                )
            else:
                # A fetch.txt under a name of its own: what belongs to it is beside it.
                items = read_bag(_parent(document.url), fetcher, base)
            async with aclosing(items):
                async for item in items:
                    yield item

    async def refresh(self, entry: Entry) -> Address:
        """Return the address that the manifest named: it needs nothing more."""
        return Address(entry.url, entry.headers)


def recognised(head: bytes) -> str:
    """Tell which format a manifest begins in; raises UsageError for none that is known."""
    text = text_of(head).removeprefix("\ufeff").lstrip()
    start = text[:1024].lower()
    if start.startswith(("<!doctype html", "<html")):
        raise UsageError(
            "that is a web page, and no manifest",
            hint="an address of the file itself is needed; `winch add -r` reads index pages",
        )
    if text.startswith("<"):
        return "metalink"
    if text.startswith("BagIt-Version:"):
        return "bagit"
    for line in map(str.rstrip, text.split("\n")):
        if _COMMENT.match(line):
            continue
        if _is_sum(line):
            return "sums"
        if (match := FETCH_LINE.fullmatch(line)) is not None and "://" in match[1]:
            return "bagit"
    raise UsageError(
        "that is no manifest that winch knows",
        hint=f"it reads checksums, bags and Metalink; --format ({', '.join(FORMATS)}) decides",
    )


def _is_sum(line: str) -> bool:
    try:
        parse_line(line)
    except ValueError:
        return False
    return True


async def _peek(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """Return how a text begins, and all of it."""
    head = b""
    async for chunk in chunks:
        head += chunk
        if len(head) >= _HEAD:
            break

    async def whole() -> AsyncIterator[bytes]:
        yield head
        async for chunk in chunks:
            yield chunk

    return head[:_HEAD], whole()


def _directory_of_bag(spec: SourceSpec) -> str | None:
    """Return where the files of a bag are, whichever of them was named; None for what is none."""
    address = spec.address.partition("#")[0].partition("?")[0]
    if TAG_FILE.fullmatch(address.rpartition("/")[2]) and spec.format in (None, "bagit"):
        return _parent(spec.address)
    if spec.format == "bagit":
        return address if address.endswith("/") else f"{address}/"
    return None


def _parent(address: str) -> str:
    return address.partition("#")[0].partition("?")[0].rpartition("/")[0] + "/"


def _algorithm_in_name(address: str) -> str | None:
    """Return whose the digits are where their number leaves it open, by the name of their list."""
    try:
        name = urlsplit(address).path.rpartition("/")[2].lower()
    except ValueError:
        return None
    return "blake2b" if "b2sum" in name or "blake2" in name else None
