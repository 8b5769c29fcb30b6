"""A guest on somebody's terminal: leaves it as it was found, however it leaves.

Told to end, stopped with Ctrl-Z, crashed, or left behind by a terminal that is gone: what Textual
(8.2) does on each of these was tried on a real terminal, and what it gets wrong is put right here,
by what App keeps to itself: its batch of repaints, the error that ended it, and how it prints that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.driver import Driver

from tui.terminal.driver import TerminalDriver

_GONE = (signal.SIGTERM, signal.SIGHUP)


class TerminalApp(App[int], inherit_bindings=False):
    """An app that ends in good order when told to, with an exit status, and survives Ctrl-Z.

    Textual's own keys are not inherited: Ctrl-Q would be the terminal's flow control.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # The terminal's own key, before any field makes it an undo.
        Binding("ctrl+z", "suspend_process", show=False, system=True, priority=True),
    ]
    _is_away = False

    @property
    def crash(self) -> Exception | None:
        """The error that ended the app, if one did."""
        return self._exception

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not taken yet what was drawn before."""
        return isinstance(self._driver, TerminalDriver) and self._driver.is_behind

    def get_driver_class(self) -> type[Driver]:
        """Write to the terminal without waiting for it."""
        return TerminalDriver

    def write(self, sequence: str) -> None:
        """Write a control sequence to the terminal, between two frames."""
        if self._driver is not None and not self._is_away:
            self._driver.write(sequence)

    def arrive(self) -> None:
        """Do what is to be done each time the terminal has been taken over."""

    def leave(self) -> None:
        """Do what is to be done each time before the terminal is given back."""

    def on_mount(self) -> None:
        """Listen to the signals, in the loop: Textual's handlers would run in the midst of it."""
        loop = asyncio.get_running_loop()
        # Not the main thread (tests), or no signals at all: then nobody sends them either.
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            for number in _GONE:
                loop.add_signal_handler(number, self._end_on, number)
            loop.add_signal_handler(signal.SIGTSTP, self.action_suspend_process)
            loop.add_signal_handler(signal.SIGCONT, self._come_back)
        self.arrive()

    def on_unmount(self) -> None:
        """Give the signals back."""
        self.leave()
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
            for number in (*_GONE, signal.SIGTSTP, signal.SIGCONT):
                loop.remove_signal_handler(number)

    def _end_on(self, number: signal.Signals) -> None:
        self.exit(128 + number)

    @on(TerminalDriver.Lost)
    def _end_without_terminal(self) -> None:
        """End as on SIGHUP: there is nobody any more to show anything to."""
        self._end_on(signal.SIGHUP)

    @on(TerminalDriver.Failed)
    def _fail(self, event: TerminalDriver.Failed) -> None:
        raise event.error

    def action_suspend_process(self) -> None:
        """Give the terminal back and stop, as Ctrl-Z does everywhere; SIGCONT undoes both."""
        if self._driver is not None and self._driver.can_suspend:
            self._go_away()
            os.kill(os.getpid(), signal.SIGSTOP)

    def _go_away(self) -> None:
        if self._driver is not None and not self._is_away:
            self.leave()
            self._is_away = True
            # Nothing is drawn meanwhile: there is nothing that would write it.
            self._begin_batch()
            self._driver.suspend_application_mode()

    def _come_back(self) -> None:
        """Take the terminal over again and draw everything anew."""
        if not isinstance(self._driver, TerminalDriver):
            return
        # Stopped by a SIGSTOP, that is without a word, the terminal has still been another's.
        self._go_away()
        self._driver.resume_application_mode()
        if not self._driver.has_started:
            return
        self._is_away = False
        self._end_batch()
        self.arrive()
        self.refresh(layout=True)

    def _print_error_renderables(self) -> None:
        """Leave it to the caller to say what happened: Textual prints the values of variables."""
        self._exit_renderables.clear()
