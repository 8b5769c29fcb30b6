"""What servers answered last, for who inspects a download: bounded, and in memory alone."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime

from core.domain.bounds import MAX_SHOWN
from core.domain.value import Value, replace

_FIELDS = 40
"""Header fields that are kept of an answer."""
REMEMBERED = 200
"""Downloads whose last answer is kept: an answer may have many long fields."""


class LastResponse(Value, frozen=True):
    """The head of an answer as it came, secrets included; `at` is the wall time."""

    at: datetime
    url: str
    status: int
    reason: str
    headers: Mapping[str, str]


class LastResponses:
    """The last answer to each of the downloads that were answered lately."""

    def __init__(self) -> None:
        self._responses: OrderedDict[str, LastResponse] = OrderedDict()

    def put(self, owner: str, response: LastResponse) -> None:
        """Remember an answer to a download, as much of it as is ever shown."""
        self._responses[owner] = response if _is_modest(response) else _cut(response)
        self._responses.move_to_end(owner)
        if len(self._responses) > REMEMBERED:
            self._responses.popitem(last=False)

    def get(self, owner: str) -> LastResponse | None:
        """Return the last answer to a download, None where it is forgotten."""
        return self._responses.get(owner)


def _is_modest(response: LastResponse) -> bool:
    """Tell whether all of it may be kept: nearly always, and asked for each small file."""
    headers = response.headers
    texts = (response.reason, *headers, *headers.values())
    return len(headers) <= _FIELDS and max(map(len, texts)) <= MAX_SHOWN


def _cut(response: LastResponse) -> LastResponse:
    shown = list(response.headers.items())[:_FIELDS]
    # One character more than that: whoever cuts then knows that it is not all.
    fields = {name[:MAX_SHOWN]: value[: MAX_SHOWN + 1] for name, value in shown}
    return replace(response, reason=response.reason[:MAX_SHOWN], headers=fields)
