"""A record as text: how each store writes one, and what becomes of one by an older winch.

A migration takes a document decoded to builtins and returns the one of the next schema, never
backwards. It belongs to the files that are out there and is not changed any more, whatever becomes
of the models.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from core.domain.text import mended

_log = logging.getLogger(__name__)

Migration = Callable[[dict[str, Any]], dict[str, Any]]


def encode(record: object) -> bytes:
    """Return a record as JSON, with its text made valid where that is needed.

    Text is made valid where it enters; what got past that is logged, once for each id, because a
    list that cannot be saved costs more than a name with a wrong letter.
    """
    try:
        return msgspec.json.encode(record)
    except ValueError:  # text that is no Unicode, a number without end
        _tell(str(getattr(record, "id", "")) or type(record).__name__)
        return msgspec.json.encode(mended(record))


def migrate(document: dict[str, Any], schema: int, steps: Sequence[Migration]) -> dict[str, Any]:
    """Return a document of `schema` (1 is the first) after all steps that it has not had."""
    for step in steps[schema - 1 :]:
        document = step(document)
    return document


@lru_cache(maxsize=1000)
def _tell(owner: str) -> None:
    _log.warning("the record of %s held text that is not valid Unicode; it was made valid", owner)


def _queue_gets_a_table(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 2: what a person set for the queue leaves `meta`, which is about the file alone."""
    meta = document["meta"]["1"]
    queue = {"limits": meta.get("limits", {}), "paused": meta.get("paused", False)}
    return {**document, "queue": {"1": queue}}


def _commits_and_collections_get_tables(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 3: files about to get their names, and collections; the time of a save is of `meta`.

    Downloads get numbers for ids in the file, which are given when it is written.
    """
    meta, queue = document["meta"]["1"], dict(document["queue"].get("1", {}))
    meta = {**meta, "saved_at": queue.pop("saved_at", None)}
    return {
        **document,
        "meta": {"1": meta},
        "queue": {"1": queue},
        "commits": {},
        "collections": {},
    }


def _hooks_get_a_table(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 4: hooks that are to run, of which an older winch would lose those that wait."""
    return {**document, "hooks": {}}


def _history_gets_a_journal(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 2: nothing else. An older winch does not read the journal, nor the time in `meta`.

    It has to leave such a file alone: to it that would be a damaged one.
    """
    return document


def _record_may_hold_its_request(record: dict[str, Any]) -> dict[str, Any]:
    """Version 2: request, timeline and times, of which a record of version 1 knows nothing."""
    return {**record, "version": 2}


DOWNLOADS: tuple[Migration, ...] = (
    _queue_gets_a_table,
    _commits_and_collections_get_tables,
    _hooks_get_a_table,
)
"""downloads.json"""

HISTORY: tuple[Migration, ...] = (_history_gets_a_journal,)
"""history.json"""

RESUME_RECORD: tuple[Migration, ...] = (_record_may_hold_its_request,)
"""The record in resume_data/<id>.json"""
