"""Records as JSON text, for every store: one that JSON cannot hold never fails the others."""

from __future__ import annotations

import logging
from functools import lru_cache

import msgspec

from core.domain.text import mended

_log = logging.getLogger(__name__)


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


@lru_cache(maxsize=1000)
def _tell(owner: str) -> None:
    _log.warning("the record of %s held text that is not valid Unicode; it was made valid", owner)
