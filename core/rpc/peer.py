"""The winch at the other end: which version it is, and what to say where that is another one.

What both know works between them. What one of them lacks is told in its own words, with the
version and the way out.
"""

from __future__ import annotations

import re

from core.domain.errors import RpcError
from core.domain.events import Event, Noticed, Snapshot
from core.domain.value import replace
from core.domain.version import VERSION

_NAME = re.compile(r"winch/((\d{1,9})\.(\d{1,9})[\w.+-]{0,40})", re.ASCII)


class Peer:
    """The server of a connection, by the name that it has greeted with; `place` is its machine.

    `notice` is a sentence for the person where it is of another version and could be another one:
    that of this machine. Without one, and where it is of this version, it is empty.
    """

    def __init__(self, server: str, place: str = "") -> None:
        found = _NAME.fullmatch(server)
        self.version = found[1] if found else VERSION
        self._place = place
        self._is_older = _numbers(self.version) < _numbers(VERSION)
        self.notice = ""
        if self.is_other and not place:
            self.notice = f"the daemon is winch {self.version}, this is {VERSION}: {self._way_out}"

    @property
    def is_other(self) -> bool:
        """Whether it is of another version than this side."""
        return self.version != VERSION

    def explained(self, error: RpcError) -> RpcError:
        """Return what to say where one side did not understand the other."""
        if not self.is_other:
            return error
        where = f"winch on {self._place}" if self._place else "the daemon"
        return RpcError(
            f"{where} is {self.version}, this winch is {VERSION}, and they do not understand each"
            f" other in this: {error.message}",
            hint=self._way_out,
        )

    def told(self, event: Event) -> Event:
        """Return an event with the notice among those that a person ought to read."""
        if self.notice and isinstance(event, Snapshot | Noticed):
            return replace(event, notices=(*event.notices, self.notice))
        return event

    @property
    def _way_out(self) -> str:
        if not self._is_older:
            return "update this one"
        return f"update it on {self._place}" if self._place else "`winch daemon restart` hands over"


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)[:4]]
