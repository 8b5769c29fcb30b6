"""How what an older winch wrote becomes what this one reads: one step per schema, never backwards.

A step takes a document decoded to builtins and returns the one of the next schema. It belongs to
the files that are out there and is not changed any more, whatever becomes of the models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Migration = Callable[[dict[str, Any]], dict[str, Any]]


def migrate(document: dict[str, Any], schema: int, steps: Sequence[Migration]) -> dict[str, Any]:
    """Return a document of `schema` (1 is the first) after all steps that it has not had."""
    for step in steps[schema - 1 :]:
        document = step(document)
    return document


def _queue_gets_a_table(document: dict[str, Any]) -> dict[str, Any]:
    """Schema 2: what a person set for the queue leaves `meta`, which is about the file alone."""
    meta = document["meta"]["1"]
    queue = {"limits": meta.get("limits", {}), "paused": meta.get("paused", False)}
    return {**document, "queue": {"1": queue}}


def _record_may_hold_its_request(record: dict[str, Any]) -> dict[str, Any]:
    """Version 2: request, timeline and times, of which a record of version 1 knows nothing."""
    return {**record, "version": 2}


DOWNLOADS: tuple[Migration, ...] = (_queue_gets_a_table,)
"""downloads.json"""

RESUME_RECORD: tuple[Migration, ...] = (_record_may_hold_its_request,)
"""The record in resume_data/<id>.json"""
