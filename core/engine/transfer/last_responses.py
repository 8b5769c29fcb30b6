"""The head of the last answer to each download, for whoever looks closely."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from core.domain.bounds import MAX_SHOWN

FIELDS = 40
"""Header fields that are shown of an answer, each cut to 300 characters."""
REMEMBERED = 200
"""Downloads whose last answer is kept: an answer may have many long fields."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer as it came, secrets included; `at` is the wall time."""

    at: datetime
    url: str
    status: int
    reason: str
    headers: Mapping[str, str]


class Heads:
    """The last answer to each of the downloads that were answered lately."""

    def __init__(self) -> None:
        self._heads: OrderedDict[str, Head] = OrderedDict()

    def put(self, owner: str, head: Head) -> None:
        """Remember an answer to a download, as much of it as is ever shown."""
        shown = list(head.headers.items())[:FIELDS]
        # One character more than that: whoever cuts then knows that it is not all.
        fields = {name[:MAX_SHOWN]: value[: MAX_SHOWN + 1] for name, value in shown}
        self._heads[owner] = replace(head, reason=head.reason[:MAX_SHOWN], headers=fields)
        self._heads.move_to_end(owner)
        if len(self._heads) > REMEMBERED:
            self._heads.popitem(last=False)

    def get(self, owner: str) -> Head | None:
        """Return the last answer to a download, None where it is forgotten."""
        return self._heads.get(owner)
