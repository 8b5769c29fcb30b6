"""`winch top`: what costs, looked at again and again on a terminal, once anywhere else.

What is shown is of the time between two looks, so that the first takes one as well. It starts no
daemon: what somebody has stopped stays so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from core.domain.errors import ExitCode, UnreachableError
from core.domain.figures import Figures
from core.domain.service import DownloadService
from tui.cli.service_access import connected
from tui.cli.status import none_runs
from tui.cli.terminal import can_redraw, out
from tui.text import fmt
from tui.text.figures import Interval, top_lines, top_record
from tui.text.json_records import dump

_ONE_LOOK = 1.0
"""Seconds between the two readings that one look takes."""
_ENDING = frozenset(b"qQ\x03\x04")
"""Keys that end it: q, Ctrl-C and Ctrl-D."""
_SCREEN, _BACK = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _TO_THE_RIGHT, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"


async def top(args: argparse.Namespace) -> int:
    """Show what costs until somebody presses q, or once; 1 where no daemon runs."""
    try:
        return await _top(args)
    except UnreachableError:
        return none_runs(as_json=args.json)


async def _top(args: argparse.Namespace) -> int:
    async with connected(start=False) as service:
        before = await service.figures()
        if args.once or args.json or not (can_redraw(sys.stdout) and sys.stdin.isatty()):
            await asyncio.sleep(_ONE_LOOK)
            interval = Interval(before, await service.figures())
            if args.json:
                out(dump(top_record(interval), indent=2))
            else:
                out(*top_lines(interval))
            return ExitCode.OK
        with _screen() as pressed:
            await _look_on(service, before, pressed, args.delay)
    return ExitCode.OK


async def _look_on(
    service: DownloadService, before: Figures, pressed: asyncio.Event, delay: float
) -> None:
    wait = min(_ONE_LOOK, delay)
    while True:
        try:
            async with asyncio.timeout(wait):
                await pressed.wait()
            return
        except TimeoutError:
            now = await service.figures()
        _draw(top_lines(Interval(before, now)))
        before, wait = now, delay


def _draw(lines: list[str]) -> None:
    """Draw over what is there, in one write: nothing is ever blank in between."""
    width, height = shutil.get_terminal_size()
    shown = [fmt.fit(line, width).rstrip() for line in lines[:height]]
    text = f"{_TO_THE_RIGHT}\r\n".join(shown)
    sys.stdout.write(f"{_HOME}{text}{_TO_THE_RIGHT}{_BELOW}")
    sys.stdout.flush()


@contextmanager
def _screen() -> Iterator[asyncio.Event]:
    """Have the terminal's other screen, and an event that is set once a key ends it."""
    keyboard, loop, pressed = sys.stdin.fileno(), asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        typed = os.read(keyboard, 64)
        if not typed or not _ENDING.isdisjoint(typed):
            pressed.set()

    before = termios.tcgetattr(keyboard)
    # Ctrl-C comes as a key: it is how one ends this, and no failure.
    tty.setraw(keyboard, termios.TCSADRAIN)
    loop.add_reader(keyboard, read)
    try:
        sys.stdout.write(_SCREEN)
        yield pressed
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        sys.stdout.write(_BACK)
        sys.stdout.flush()
