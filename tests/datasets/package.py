"""The source of a package, as somebody else would write it: it is installed beside winch."""

import json

from core.domain.entries import Entry
from core.domain.models import Checksum
from core.sources.base import Address


class Lake:
    """Files that a catalogue names, at addresses that only this source can tell."""

    async def expand(self, spec, fetcher):
        address = f"{_http(spec.address)}catalogue"
        async with fetcher.open(address, most=2**24) as document:
            text = b"".join([chunk async for chunk in document.chunks()])
        for row in json.loads(text):
            checksum = Checksum.parse(f"sha256:{row['is']}")
            yield Entry(url=row["at"], path=row["path"], size=row["size"], checksum=checksum)

    async def refresh(self, entry):
        return Address(_http(entry.url), {"X-Lake": "1"})


def _http(address):
    return address.replace("lake:", "http:", 1)
