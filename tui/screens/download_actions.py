"""The keys for the downloads that are chosen, and for the queue as a whole.

Most go straight to the service; some ask something first: how much, from where, whether really.
And some go elsewhere: to the clipboard, to the program that shows folders.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence

from core.domain.checks import check_url
from core.domain.errors import UsageError
from core.domain.models import Download, Status
from core.domain.redact import redact_url
from core.domain.service import MoveTo
from tui.input.curl import curl_command
from tui.screens.confirm_dialog import ConfirmDialog
from tui.screens.main_parts import MainParts
from tui.screens.rate_question import rate_question
from tui.text.fmt import clean, counted, cut_middle
from tui.text.removal import deleted_note, hidden_note, kept_note, merged
from tui.text.rsync_line import rsync_line
from tui.widgets.letter_bar import Letter
from tui.widgets.prompt import Question


class DownloadActions(MainParts):
    """The actions on downloads."""

    def action_toggle_pause(self) -> None:
        self.queue_requests.toggle_pause()

    def action_hold(self) -> None:
        self.queue_requests.hold()

    def action_retry(self) -> None:
        self.queue_requests.retry()

    def action_retry_all(self) -> None:
        self.queue_requests.retry_all()

    def action_start_now(self) -> None:
        self.queue_requests.start_now()

    def action_verify(self) -> None:
        self.queue_requests.verify()

    def action_undo(self) -> None:
        self.queue_requests.undo()

    def action_move_up(self) -> None:
        self.queue_requests.move_past(-1)

    def action_move_down(self) -> None:
        self.queue_requests.move_past(1)

    def action_move_front(self) -> None:
        self.queue_requests.move(MoveTo.TOP)

    def action_move_back(self) -> None:
        self.queue_requests.move(MoveTo.BOTTOM)

    def action_raise_priority(self) -> None:
        self.queue_requests.raise_priority(1)

    def action_lower_priority(self) -> None:
        self.queue_requests.raise_priority(-1)

    async def action_remove(self) -> None:
        """Take downloads off the list, once that is confirmed."""
        downloads = self.queue_requests.chosen
        whole, _ = self.queue_requests.parted(downloads)
        note = hidden_note(whole) + kept_note(downloads, self.store.collections)
        await self._confirm_removal("Remove", downloads, "from the list", note=note, files=False)

    async def action_remove_files(self) -> None:
        """Take downloads off the list and delete their files, once that is confirmed."""
        downloads = self.queue_requests.chosen
        whole, others = self.queue_requests.parted(downloads)

        async def look() -> str:
            plans = [
                await self.service.remove_collection(each.name, files=True, dry_run=True)
                for each in whole
                if each.name in self.store.collections
            ]
            if ids := [download.id for download in others if download.id in self.store]:
                plans.append(await self.service.remove(ids, files=True, dry_run=True))
            return deleted_note(merged(plans))

        await self._confirm_removal("Delete", downloads, "and delete the files", look=look)

    async def _confirm_removal(
        self,
        verb: str,
        downloads: Sequence[Download],
        how: str,
        *,
        note: str = "",
        files: bool = True,
        look: Callable[[], Awaitable[str]] | None = None,
    ) -> None:
        if hidden := self.selection.hidden:
            are = "1 of them is" if hidden == 1 else f"{hidden:,} of them are"
            note = f"{are} marked and not shown now.\n{note}"
        whole, others = self.queue_requests.parted(downloads)
        names = [each.name for each in whole]
        ids = [download.id for download in others]

        def act(confirmed: bool | None) -> None:
            if confirmed:
                self.queue_requests.remove(ids, files=files, collections=names)

        question = f"Remove {_called(downloads, collections=names)} {how}?"
        dialog = ConfirmDialog(verb, question, note=note, careful=files, look=look)
        await self.app.push_screen(dialog, act)

    def action_limit(self) -> None:
        downloads = self.queue_requests.chosen
        whole, others = self.queue_requests.parted(downloads)
        names = [each.name for each in whole]
        ids = [download.id for download in others]
        limits = {each.limit for each in whole} | {each.request.limit for each in others}
        self.prompt.ask(
            rate_question(
                f"Limit of {_called(downloads, 24, collections=names)}",
                limits.pop() if len(limits) == 1 else None,
                self.when_reached(lambda rate: self.queue_requests.set_limit(ids, rate, names)),
            )
        )

    def action_limit_all(self) -> None:
        use = self.when_reached(self.queue_requests.set_total_limit)
        self.prompt.ask(rate_question("Limit of all", self.store.limit, use))

    def action_replace_url(self) -> None:
        (download,) = self.queue_requests.chosen
        self.prompt.ask(
            Question(
                label=f"URL for {_called([download], 24)}",
                note=f"now {redact_url(download.request.url)}; its bytes are kept",
                typed=lambda text: check_url(text.strip()) if "://" in text else None,
                accept=self.when_reached(lambda text: self._replace_url(download.id, text.strip())),
            )
        )

    def _replace_url(self, download_id: str, url: str) -> None:
        check_url(url)
        self.queue_requests.replace_url(download_id, url)

    # What goes elsewhere.

    def action_copy(self) -> None:
        downloads = self.queue_requests.chosen
        letters = [
            Letter("u", "URL", lambda: self._copy("URL", [d.request.url for d in downloads])),
            Letter("p", "path", lambda: self._copy("path", [d.path for d in downloads])),
            Letter(
                "c", "curl command", lambda: self._copy("command", map(curl_command, downloads))
            ),
        ]
        if (host := self.host.host) is not None:
            finished = [d.path for d in downloads if d.status is Status.COMPLETED]
            letters.append(
                Letter("r", "rsync command", lambda: self._copy_rsync(host.ssh, finished))
            )
        self.letters.ask("Copy", letters)

    def _copy_rsync(self, ssh: Sequence[str], paths: Sequence[str]) -> None:
        """Copy the line that brings finished files of another machine here."""
        if not paths:
            self.say("Only a finished file can be brought here.", wrong=True)
            return
        try:
            self._copy("command", [rsync_line(ssh, paths)], secrets="")
        except UsageError as error:
            self.complain(error)

    def _copy(
        self, what: str, texts: Iterable[str], *, secrets: str = ", with all secrets"
    ) -> None:
        # Without controls: what is pasted into a terminal must not end the paste.
        lines = [clean(text) for text in texts]
        self.app.copy_to_clipboard("\n".join(lines))
        subject = f"The {what} is" if len(lines) == 1 else f"{len(lines):,} {what}s are"
        self.say(f"{subject} in the clipboard, if the terminal allows that{secrets}.")

    def action_open_folder(self) -> None:
        """Show the folder of the download in another program, or say where it is."""
        directory = self.queue_requests.chosen[0].request.directory
        on = f" on {self.host.name}" if self.host.is_remote else ""
        where = f"The file is in {directory}{on}"
        if self.host.is_remote or (opener := _opener()) is None:
            self.say(where)
            return
        try:
            subprocess.Popen(  # noqa: S603 - a program and a directory, no shell
                [opener, directory],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            self.say(where)


def _opener() -> str | None:
    """Return the program that opens folders, where there is a display to show them on."""
    if sys.platform == "darwin":
        return None if os.environ.get("SSH_CONNECTION") else shutil.which("open")
    has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return shutil.which("xdg-open") if has_display else None


def _called(
    downloads: Sequence[Download], width: int = 200, *, collections: Sequence[str] = ()
) -> str:
    """Return how what is chosen is called; `collections` are chosen as a whole."""
    count = counted(len(downloads))
    if len(collections) == 1:
        name = cut_middle(clean(collections[0]), min(width, 40))
        return f"{name} with {count}" if downloads else name
    if collections:
        return f"{len(collections):,} collections, {count} in all"
    if len(downloads) == 1:
        return cut_middle(clean(downloads[0].name), width)
    return count
