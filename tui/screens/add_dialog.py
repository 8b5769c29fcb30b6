"""The dialog for new downloads: URLs, one per line, where they go, and how.

What is wrong is said in place while it is typed, and nothing is sent before it is right. Reading
the lines happens in steps and looking at disks in threads, so that neither 10,000 lines nor a mount
that hangs holds up a key. What was typed stays until it is accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import Suggester, SuggestFromList
from textual.widgets import Button, Input, Label, Static, TextArea

from core.domain.errors import DaemonError, DestinationError, DiskError, HostError, WinchError
from core.domain.models import Status
from tui.control.feed import Reconnected, StoreChanged
from tui.control.queue_requests import AddCall
from tui.input.add_parser import list_names
from tui.input.add_validation import AddForm, AddValidation, ValidationResult
from tui.input.disk import Disk
from tui.input.places import Places
from tui.model.store import DownloadStore
from tui.screens.dialog import Dialog
from tui.text.fmt import clean, sentence, size
from tui.text.vocabulary import STATES
from tui.widgets.form import Field, LineArea, Remarks, Toggle

_PAUSE = 0.15
"""Seconds without a key before what was typed is looked at."""
_EVERY = 5.0
"""Seconds between two looks at the free space."""
_ROOMY = 36
"""From which height of the window on every field is shown from the start."""
_NAME = "as the server says"
_EXTRAS = ("checksum", "connections", "limit", "priority", "group")
_FIELDS = {
    "directory": ("", 4096),
    "name": (_NAME, 255),
    "checksum": ("sha256:HEX", 160),
    "connections": ("as many as help", 6),
    "limit": ("500k, 2.5M", 16),
    "priority": ("0", 7),
    "group": ("", 200),
}
"""The fields below the URLs, with what stands in them while they are empty, and their lengths."""


class AddDialog(Dialog[AddForm | None]):
    """Asks what to add; closes with the form where it was not sent, with None once it is queued.

    `places` are the directories of the machine where the files go, which `machine` names where it
    is another one; lists are read on this one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the key after Tab must find the next field, however fast it comes.
        Binding("escape", "close", show=False, priority=True),
        Binding("tab", "app.focus_next", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    DEFAULT_CSS = """
    AddDialog {
        & > VerticalScroll { max-width: 100; max-height: 100%; }
        & Label { color: $foreground-muted; }
        & #heading { height: 1; }
        & #count { width: 1fr; text-align: right; color: $foreground-muted; }
        & TextArea {
            height: 7; padding: 0; border: none; background: $panel; scrollbar-size-vertical: 1;
        }
        & TextArea:focus { background: $foreground 14%; }
        & #extras { height: auto; }
        & #extras.-folded { display: none; }
        & #directory-field { margin-top: 1; }
        & #last { dock: bottom; height: auto; min-height: 1; padding-top: 1; background: $surface; }
        & #last > Static { width: 1fr; height: auto; color: $foreground-muted; }
        & #last > Static.-wrong { color: $error; }
        & Button { margin-left: 2; min-width: 9; }
    }
    AddDialog.-tight { & #directory-field { margin-top: 0; } & #last { padding-top: 0; } }
    """

    def __init__(
        self,
        submit: AddCall,
        store: DownloadStore,
        *,
        places: Places,
        form: AddForm,
        machine: str = "",
    ) -> None:
        super().__init__()
        self._submit = submit
        self._store = store
        self._places = places
        self._machine = machine
        self._lists = Disk(str(Path.cwd()))
        self._result: ValidationResult | None = None
        self._is_sending = False
        self._was_unfolded = False
        self._urls = LineArea("urls", form.urls)
        self._count = Static(id="count", markup=False)
        self._outlook = Static(id="outlook", markup=False)
        self._remarks = Remarks()
        self._is_cut_off = False
        """Whether what is said is that there was no connection."""
        groups = {download.request.group for download in store.downloads()}
        known_groups = sorted(group for group in groups if group and clean(group) == group)
        suggesters: dict[str, Suggester] = {
            "directory": _Directories(self._places),
            "group": SuggestFromList(known_groups, case_sensitive=True),
        }
        self._fields = {
            name: Field(
                name,
                name.capitalize(),
                getattr(form, name),
                placeholder=placeholder,
                suggester=suggesters.get(name),
                longest=longest,
            )
            for name, (placeholder, longest) in _FIELDS.items()
        }
        self._more = Toggle("more", "More", bool(form.extras), marks="+-")
        self._paused = Toggle("paused", f"Start {STATES[Status.PAUSED]}", form.paused)

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False) as box:
            where = f" on {clean(self._machine)}" if self._machine else ""
            box.border_title = Text(f"Add downloads{where}")
            with Horizontal(id="heading"):
                yield Label("URLs, one per line")
                yield self._count
            yield self._urls
            yield self._remarks
            yield self._fields["directory"]
            yield self._fields["name"]
            yield self._more
            with Vertical(id="extras"):
                for name in _EXTRAS:
                    yield self._fields[name]
                yield self._paused
            with Horizontal(id="last"):
                yield self._outlook
                yield Button("Add", id="add", compact=True, variant="primary")
                yield Button("Close", id="close", compact=True)

    def on_mount(self) -> None:
        self.set_focus(self._urls)
        self._urls.move_cursor(self._urls.document.end)
        self._look_again()
        self.set_interval(_EVERY, self._look_at_place)

    def on_resize(self) -> None:
        width, height = self.app.size
        if height >= _ROOMY and not self._was_unfolded:
            self._more.value = self._was_unfolded = True
        self._fold()
        self.set_class(height < 20, "-tight")
        self._urls.styles.height = min(max(height // 4, 3), 12)
        self._remarks.most = min(max(height // 6, 2), 10)
        self._remarks.refresh(layout=True)
        self.query_one(VerticalScroll).border_subtitle = (
            "Tab: next field   Enter below the URLs: add   Esc closes"
            if width >= 70
            else "Tab next  Enter adds  Esc closes"
            if width >= 40
            else ""
        )

    def on_paste(self, event: events.Paste) -> None:
        """Keep what is pasted in the dialog; while no line has the focus, it is URLs."""
        event.stop()
        if not isinstance(self.focused, TextArea | Input):
            self._urls.move_cursor(self._urls.document.end)
            self._urls.post_message(events.Paste(event.text))

    @on(TextArea.Changed)
    @on(Input.Changed)
    @on(Toggle.Turned, "#paused")
    def _look_again(self) -> None:
        self._start(self._look, "look")

    @on(Input.Changed, "#directory")
    def _look_at_place(self) -> None:
        if self.is_current:
            self._start(self._tell_place, "place")

    @on(StoreChanged)
    def _follow(self, message: StoreChanged) -> None:
        if self._result is not None and not self._result.known.isdisjoint(message.ids):
            self._look_again()

    @on(Reconnected)
    def _try_again(self) -> None:
        """Take back that it cannot be sent, which stood there while there was no connection."""
        if self._is_cut_off:
            self._look_again()

    @on(Toggle.Turned, "#more")
    def _fold(self) -> None:
        self.query_one("#extras").set_class(not self._more.value, "-folded")
        self._more.note(self._summary())

    @on(Input.Submitted)
    def _send(self) -> None:
        if not self._is_sending:
            self._is_sending = True
            self._start(self._add, "send")

    @on(Button.Pressed)
    async def _press(self, event: Button.Pressed) -> None:
        if event.button.id == "add":
            self._send()
        else:
            await self.action_close()

    async def action_close(self) -> None:
        """Close, and hand back what was not sent."""
        await self._urls.settled()
        self.dismiss(self._form)

    def _start(self, work: Callable[[], Awaitable[None]], group: str) -> None:
        """Let something be done in place of what is under way for the same purpose.

        As a function, so that one that is replaced before it began leaves no coroutine behind.
        """
        self.run_worker(work, group=group, exclusive=True)

    @property
    def _form(self) -> AddForm:
        texts = {name: field.input.value for name, field in self._fields.items()}
        return AddForm(urls=self._urls.text, paused=self._paused.value, **texts)

    async def _look(self) -> None:
        await asyncio.sleep(_PAUSE)
        self._show(await self._validate())

    async def _validate(self) -> ValidationResult:
        await self._urls.settled()
        form = self._form
        lists = await self._lists.lists(list_names(form.urls), self._lists.base)
        validation = AddValidation(form, lists, self._store.downloads(), self._places)
        for _ in validation.steps():
            await asyncio.sleep(0)
        return validation.result

    def _show(self, result: ValidationResult) -> None:
        self._result = result
        self._remarks.show(result.remarks)
        self._count.update(result.count)
        for name, field in self._fields.items():
            if name != "directory":
                field.note(result.wrong.get(name, ""), wrong=True)
        self._fields["name"].input.placeholder = clean(result.name) or _NAME
        self._look_at_place()
        self._more.note(self._summary())
        self._say(result.outlook)

    def _summary(self) -> str:
        if self._more.value:
            return ""
        words = "checksum, connections, limit, priority, group"
        return self._form.extras or f"({words}, {STATES[Status.PAUSED]})"

    async def _tell_place(self) -> None:
        field = self._fields["directory"]
        text = field.input.value
        if self._result is not None and "directory" in self._result.wrong:
            field.note(self._result.wrong["directory"], wrong=True)
            return
        place = await self._places.directory(text)
        if place.trouble:
            likely = await self._places.completions(text)
            names = ", ".join(path.rstrip("/").rpartition("/")[2] for path in likely[:8])
            more = f"; Right completes: {names}" if names else ""
            field.note(f"{place.trouble}{more}", wrong=True)
        else:
            field.note(f"{size(place.free)} free")

    async def _add(self) -> None:
        try:
            # What comes of an earlier key must not wipe out what is said now.
            self.workers.cancel_group(self, "look")
            result = await self._validate()
            self._show(result)
            if result.is_right:
                await self._submit(result.requests())
                self.dismiss(None)
            else:
                self._point_at(result)
        except (DestinationError, DiskError) as error:
            self._complain(error)
            self._fields["directory"].input.focus()
        except WinchError as error:
            self._complain(error)
        finally:
            self._is_sending = False

    def _point_at(self, result: ValidationResult) -> None:
        """Go to the first mistake, and say what is missing as a mistake too."""
        self._say(result.outlook, wrong=True)
        if result.has_wrong_lines or not result.wrong:
            self._urls.focus()
            return
        name = next(name for name in _FIELDS if name in result.wrong)
        if name in _EXTRAS:
            self._more.value = True
            self._fold()
        self._fields[name].input.focus()

    def _complain(self, error: WinchError) -> None:
        self._say(sentence(error), wrong=True)
        self._is_cut_off = isinstance(error, DaemonError | HostError)

    def _say(self, text: str, *, wrong: bool = False) -> None:
        self._is_cut_off = False
        # Not looked up: a validation may end when the dialog is just being taken down.
        self._outlook.update(clean(text))
        self._outlook.set_class(wrong, "-wrong")


class _Directories(Suggester):
    """Completes the name of a directory; `->` at its end takes the suggestion."""

    def __init__(self, places: Places) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._places = places

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first directory whose name begins so."""
        found = await self._places.completions(value) if value else []
        return found[0] if found else None
