"""The machines as tabs, each with its figures; there only where more than one is known."""

from __future__ import annotations

from textual import events
from textual.message import Message

from tui.control.hosts import DrivenHost, HostList
from tui.terminal.theme import is_ascii
from tui.text.cells import Line
from tui.text.host_tabs import host_tabs
from tui.widgets.cell_line import CellLine


class HostsBar(CellLine):
    """One line; a click on a machine shows it."""

    DEFAULT_CSS = "HostsBar { display: none; &.-shown { display: block; } }"

    class Chosen(Message):
        """A machine was clicked."""

        def __init__(self, host: DrivenHost) -> None:
            super().__init__()
            self.host = host

    def __init__(self, hosts: HostList) -> None:
        super().__init__(classes="-shown" if hosts.are_many else None)
        self._hosts = hosts
        self._places: tuple[tuple[int, int, int], ...] = ()

    def show(self) -> None:
        """Bring the figures up to date; the same is not drawn again."""
        self.set_class(self._hosts.are_many, "-shown")
        self.follow()

    def cells(self, width: int) -> Line:
        tabs = [host.tab for host in self._hosts.known]
        found = host_tabs(tabs, self._hosts.index, width, ascii_only=is_ascii(self))
        self._places = found.places
        return found.line

    def on_click(self, event: events.Click) -> None:
        for begin, end, number in self._places:
            if begin <= event.x < end:
                self.post_message(self.Chosen(self._hosts.known[number]))
