"""How the screen reaches its terminal: without ever waiting for it, or looking for keys in vain.

Textual (8.2) hands what it draws to a thread through a queue of thirty, and its event loop waits
where that is full. A terminal that is not read (a stalled SSH link) then stops the loop, and one
that is gone stops it for ever: nobody empties the queue any more, and no signal is heard. Here the
queue has no end; who draws asks `is_behind` first, so that little ever waits in it.

Textual also looks for keys ten times a second, which is all that a screen at rest would do. Here
the thread that reads them sleeps until there is one.

It rests on what LinuxDriver keeps to itself: its file and writer thread, the method by which it
reads keys in a thread, and the one that lets go of the mouse. So Textual has an upper bound.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TextIO

from textual import constants
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event

from tui.terminal.keyboard import Keyboard

PATIENCE = 2.0
"""Seconds without a byte taken after which a terminal is given up at the end."""
_SILENCE = constants.ESCAPE_DELAY * 1.1
"""Seconds after which nothing more belongs to what was typed; the parser needs a little less."""


class Writer(Thread):
    """Writes to a terminal, in order; `lost` is called once, here, when that cannot be any more."""

    def __init__(self, file: TextIO, lost: Callable[[], object]) -> None:
        super().__init__(daemon=True, name="winch-output")
        self._fd = file.fileno()
        self._encoding = file.encoding
        self._lost = lost
        self._texts: SimpleQueue[str | None] = SimpleQueue()
        self._queued = 0
        self._written = 0
        self._taken = 0

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not taken all of it yet."""
        return self._written < self._queued and self.is_alive()

    def write(self, text: str) -> None:
        """Queue text; it is dropped where the terminal is gone."""
        self._queued += 1
        self._texts.put(text)

    def run(self) -> None:
        try:
            while (text := self._texts.get()) is not None:
                # Not through the stream: its lock, held by a write that never returns, would keep
                # the interpreter from ending.
                rest = memoryview(text.encode(self._encoding, "replace"))
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
                    self._taken += 1
                self._written += 1
        except OSError:
            self._lost()

    def stop(self) -> None:
        """Wait until all is written, as long as the terminal goes on taking it."""
        self._texts.put(None)
        before = -1
        while self.is_alive() and self._taken != before:
            before = self._taken
            self.join(PATIENCE)


class Stop(threading.Event):
    """An event that `select` can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)

    def fileno(self) -> int:
        """Return what can be read from while the event is set."""
        return self._reader

    def set(self) -> None:
        super().set()
        os.write(self._writer, b"\0")

    def clear(self) -> None:
        super().clear()
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)


class TerminalDriver(LinuxDriver):
    """Textual's driver with a writer and a reader that do not hold up the program.

    When the terminal is gone the app ends as on SIGHUP, whether or not that signal comes.
    """

    class Lost(Event):
        """The terminal is gone."""

    class Failed(Event):
        """What reads the keys has ended by an error."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    exit_event: Stop
    _writer: Writer | None = None
    _watcher: Thread | None = None
    has_started = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exit_event = Stop()

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not taken yet what was drawn before."""
        return self._writer is not None and self._writer.is_behind

    def write(self, data: str) -> None:
        if self._writer is not None:
            self._writer.write(data)

    def start_application_mode(self) -> None:
        """Take the terminal over; `has_started` is false while that is for another job's doing."""
        assert self._file is not None
        self._writer = Writer(self._file, self._report_loss)
        self._writer.start()
        if self._watcher is None:
            self._watcher = Thread(target=self._watch, daemon=True, name="winch-hangup")
            self._watcher.start()
        before = self._writer_thread
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # It gives up where the shell let the program go on in the background (`bg`).
        self.has_started = self._writer_thread is not before
        if not self.has_started:
            self._writer.stop()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.stop()
        super().close()

    def _disable_mouse_support(self) -> None:
        super()._disable_mouse_support()
        if self._mouse_pixels:
            # Textual leaves it on: the next program would be told pixels for cells.
            self.write("\x1b[?1016l")

    def _watch(self) -> None:
        """Wait for the terminal to hang up: its end can be read for ever, and Textual would."""
        poll = select.poll()
        poll.register(self.fileno, 0)
        if any(happened & select.POLLHUP for _, happened in poll.poll()):
            self._report_loss()

    def _run_input_thread(self) -> None:
        try:
            self.run_input_thread()
        except OSError:
            self._report_loss()
        except Exception as error:
            self._tell(self.Failed(error))

    def run_input_thread(self) -> None:
        """Hand on what is typed, until told to stop."""
        parser = Keyboard(self._debug)
        # What another encoding sends is no reason to end.
        decode = getincrementaldecoder("utf-8")("replace").decode
        sources = (self.fileno, self.exit_event.fileno())
        patience: float | None = None
        while not self.exit_event.is_set():
            ready, _, _ = select.select(sources, (), (), patience)
            text = decode(os.read(self.fileno, 4096)) if self.fileno in ready else ""
            # Silence makes a key of an Escape that might have begun a sequence; after it there is
            # nothing left that time could change.
            for event in parser.feed(text) if text else parser.tick():
                self.process_message(event)
            patience = _SILENCE if ready else None

    def _report_loss(self) -> None:
        # Whatever becomes of the app, nothing is to be read any more: the thread that reads would
        # otherwise go round at the end of the terminal, and keep the process alive with it.
        self.exit_event.set()
        self._tell(self.Lost())

    def _tell(self, event: Event) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the app with it
            self._loop.call_soon_threadsafe(self._app.post_message, event)
