"""Downloads and resume records to store, by hand and by Hypothesis, and ways to store them."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from core.adapters.state.catalog import Catalog, LoadResult
from core.domain.models import (
    DownloadRecord,
    DownloadRequest,
    PartIdentity,
    Resource,
    ResumeRecord,
    Segment,
    Validator,
)
from core.domain.value import Value

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def a_download(download_id: str = "a1", **changes: object) -> DownloadRecord:
    """Return a download of `<id>.bin`."""
    request = DownloadRequest(url=f"https://example.org/{download_id}.bin", directory="/downloads")
    download = DownloadRecord(
        id=download_id, request=request, name=f"{download_id}.bin", order=1.0, created_at=NOW
    )
    return download.replace(**changes)


def a_record(download_id: str = "a1", *, done: int = 1000, version: int = 2) -> ResumeRecord:
    """Return the record of a download whose first `done` bytes are on disk."""
    return ResumeRecord(
        id=download_id,
        name=f"{download_id}.bin",
        resource=Resource(
            url=f"https://example.org/{download_id}.bin",
            total=5000,
            validator=Validator(etag='"v1"', last_modified="Sun, 01 Mar 2026 11:00:00 GMT"),
            ranges=True,
        ),
        part=PartIdentity(device=1, inode=2),
        done=(Segment(0, done),),
        version=version,
    )


async def store(directory: Path, *records: DownloadRecord) -> None:
    """Save the records in one generation on top of what is there."""
    catalog = Catalog(directory)
    await catalog.load()
    for record in records:
        catalog.put(record)
    await catalog.close()


async def reload(directory: Path) -> LoadResult:
    """Return what the next start would find."""
    return await Catalog(directory).load()


def ids(result: LoadResult) -> set[str]:
    """Return the ids of the downloads that were loaded."""
    return {download.id for download in result.downloads}


def generation(path: Path) -> int:
    """Return the generation of a list on disk."""
    return int(json.loads(path.read_bytes())["meta"]["1"]["generation"])


# Everything but lone surrogates, which no JSON text can hold.
_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_plain: dict[Any, st.SearchStrategy[Any]] = {
    str: _texts,
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    types.NoneType: st.none(),
}


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for a type of the domain, so that a new field is tried without a word."""
    if hint in _plain:
        return _plain[hint]
    if isinstance(hint, type) and issubclass(hint, Value):
        return instances(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    arguments = get_args(hint)
    if get_origin(hint) is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if get_origin(hint) is Mapping:
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    return st.one_of([values(argument) for argument in arguments])


def instances(kind: Any, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for a value with every one of its fields drawn."""
    hints = get_type_hints(kind)
    drawn = {name: values(hint) for name, hint in hints.items() if name not in fixed}
    return st.builds(kind, **drawn, **fixed)


hex_ids = st.text("0123456789abcdef", min_size=1, max_size=32)
downloads: st.SearchStrategy[DownloadRecord] = instances(DownloadRecord, id=hex_ids)
records: st.SearchStrategy[ResumeRecord] = instances(ResumeRecord, id=hex_ids, version=st.just(2))
