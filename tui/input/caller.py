"""For whom a command is done: for this process, or for one that had the daemon do it.

What a command takes from its own process it asks for here, so that in the daemon it is the other
one's: where relative paths begin, which settings its environment names, what it printed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from core.domain.service import DownloadService


@dataclass(slots=True)
class Caller:
    """Somebody in another process, for whom a command is done in this one.

    `service` is None where it is done for another machine: `tui.input.remote` has that one's.
    `columns` is how wide a line on their stdout may be, None where it is no terminal. `printed` is
    what is not sent to them yet, with whether it is for stderr; `said` what need not be said again.
    `write` sends text, and waits for a reader that is slow.
    """

    service: DownloadService | None
    write: Callable[[str, bool], Awaitable[None]]
    directory: str
    environment: Mapping[str, str]
    columns: int | None
    printed: list[tuple[str, bool]] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    async def send(self) -> None:
        """Send what was printed by now, in the order in which it was."""
        printed, self.printed = self.printed, []
        for is_error, texts in groupby(printed, key=itemgetter(1)):
            await self.write("".join(text for text, _ in texts), is_error)


CALLER: ContextVar[Caller | None] = ContextVar("CALLER", default=None)
"""None: the command runs in the process of whoever asked for it."""
