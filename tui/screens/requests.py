"""Asks the service, and says in one line what it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from textual.screen import Screen

from core.domain.errors import ErrorInfo, WinchError
from core.domain.service import DownloadService, Outcome, Refusal
from tui.text.fmt import clean

Call = Callable[[DownloadService], Awaitable[object]]

_LONG = 8.0
"""Seconds for which it is said that something went wrong."""


def tell(screen: Screen[None], text: str, *, wrong: bool = False) -> None:
    """Say something in passing, cleaned line by line."""
    shown = "\n".join(map(clean, text.split("\n")))
    if wrong:
        screen.notify(shown, severity="error", timeout=_LONG, markup=False)
    else:
        screen.notify(shown, markup=False)


class Requests:
    """Sends requests from a screen, one beside the other; what comes of them the events tell."""

    def __init__(self, screen: Screen[None], service: Callable[[], DownloadService]) -> None:
        self._screen = screen
        self._service = service

    def send(self, call: Call) -> None:
        """Ask the service for something, and say it when that is refused."""
        self._screen.run_worker(self._ask(call))

    async def _ask(self, call: Call) -> None:
        try:
            outcome = await call(self._service())
        except WinchError as error:
            self._complain(error.info())
        else:
            if not isinstance(outcome, Outcome):
                return
            if outcome.refused:
                self._complain(_together(outcome.refused))
            if outcome.notes:
                tell(self._screen, "\n".join(outcome.notes))

    def _complain(self, error: ErrorInfo) -> None:
        tell(self._screen, f"{error.message}\n{error.hint}".strip(), wrong=True)


def _together(refused: Sequence[Refusal]) -> ErrorInfo:
    """Return one error for many refusals: the first, and how many there are."""
    first = refused[0].error
    if len(refused) == 1:
        return first
    message = f"{len(refused):,} downloads refused, the first of them: {first.message}"
    return ErrorInfo(code=first.code, message=message, hint=first.hint)
