"""What a terminal is told beside the picture, and which terminal is told what."""

from collections.abc import Mapping

import pytest

from core.domain.hooks import QueueRun
from core.domain.models import Status
from core.domain.settings import FinishedAlert, ScreenSettings
from tests.fakes import FakeService
from tests.tui.samples import NOW, app_for, queue
from tui.terminal.features import Alert, Terminal, detect, through_tmux
from tui.terminal.window_title import WindowTitle
from tui.text.sums import Sums

TITLED = Terminal(has_title=True, has_progress=True)


class Written(list[str]):
    """What a window wrote; `take` hands it out and forgets it."""

    def take(self) -> list[str]:
        taken = self[:]
        self.clear()
        return taken


def totals(*, rate: float = 0.0, done: int = 0, known: bool = True, **counts: int) -> Sums:
    """Return totals with so many `active`, `pending`, `completed` and so on."""
    return Sums(
        counts={Status(name): count for name, count in counts.items()},
        rate=rate,
        bytes_done=done,
        bytes_total=1000,
        known=known,
    )


def window(terminal: Terminal = TITLED, **settings: object) -> tuple[WindowTitle, Written]:
    written = Written()
    return WindowTitle(written.append, terminal, ScreenSettings(**settings)), written  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("environment", "has_progress"),
    [
        ({}, False),
        ({"WT_SESSION": "7c2"}, True),
        ({"WT_SESSION": ""}, False),
        ({"ConEmuANSI": "ON"}, True),
        ({"ConEmuANSI": "OFF"}, False),
        ({"TERM_PROGRAM": "ghostty"}, True),
        ({"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20250801-1234"}, True),
        # These showed a notification for every step.
        ({"TERM_PROGRAM": "WezTerm", "TERM_PROGRAM_VERSION": "20240203-110809-5046fc22"}, False),
        ({"TERM_PROGRAM": "WezTerm"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxF"}, False),
        ({"TERM_PROGRAM": "iTerm.app", "TERM_FEATURES": "T3CwLrMSc7UUw9Ts3BFGsSyHNoSxFP"}, True),
        ({"PTYXIS_VERSION": "47.9"}, False),
        ({"PTYXIS_VERSION": "48.0"}, True),
        ({"KONSOLE_VERSION": "240800", "TERM": "xterm-256color"}, False),
        ({"TERM": "xterm-kitty", "KITTY_WINDOW_ID": "1"}, False),
    ],
)
def test_progress_goes_only_where_it_is_known_to_be_shown(
    environment: Mapping[str, str], has_progress: bool
) -> None:
    assert detect(environment, "utf-8").has_progress is has_progress


@pytest.mark.parametrize(
    ("environment", "alert"),
    [
        ({"TERM": "xterm-256color"}, Alert.BELL),
        ({"WT_SESSION": "7c2"}, Alert.BELL),
        ({"TERM": "xterm-kitty"}, Alert.OSC_99),
        ({"TERM": "tmux-256color", "TMUX": "/t", "KITTY_WINDOW_ID": "1"}, Alert.OSC_99),
        ({"TERM": "screen", "STY": "1.pts", "KITTY_WINDOW_ID": "1"}, Alert.BELL),
        ({"TERM": "xterm-ghostty"}, Alert.OSC_9),
        ({"TERM": "foot-extra"}, Alert.OSC_9),
        ({"TERM": "tmux-256color", "TMUX": "/t", "ITERM_SESSION_ID": "w0"}, Alert.OSC_9),
        ({"TERM": "rxvt-unicode-256color"}, Alert.OSC_777),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, Alert.OSC_777),
    ],
)
def test_a_notification_goes_the_way_the_terminal_takes(
    environment: Mapping[str, str], alert: Alert
) -> None:
    assert detect(environment, "utf-8").alert is alert


@pytest.mark.parametrize(
    ("environment", "encoding", "is_ascii"),
    [
        ({}, "utf-8", False),
        ({"LANG": "en_US.UTF-8"}, "UTF8", False),
        ({"LANG": "de_DE.ISO-8859-1"}, "iso8859-1", True),
        ({"LANG": "C"}, "ascii", True),
        ({"LC_ALL": "POSIX"}, "utf-8", True),
        ({"LC_ALL": "C.UTF-8"}, "utf-8", False),
    ],
)
def test_plain_characters_go_where_utf_8_does_not_arrive(
    environment: Mapping[str, str], encoding: str, is_ascii: bool
) -> None:
    assert detect(environment, encoding).is_ascii is is_ascii


def test_an_empty_no_color_says_nothing() -> None:
    assert detect({"NO_COLOR": "1"}, "utf-8").is_plain
    assert not detect({"NO_COLOR": ""}, "utf-8").is_plain


def test_the_console_of_linux_gets_no_title() -> None:
    assert detect({"TERM": "xterm"}, "utf-8").has_title
    assert not detect({"TERM": "linux"}, "utf-8").has_title


def test_tmux_is_handed_a_sequence_with_every_escape_doubled() -> None:
    assert through_tmux("\x1b]9;x\x1b\\") == "\x1bPtmux;\x1b\x1b]9;x\x1b\x1b\\\x1b\\"


def test_title_and_progress_are_sent_when_they_change_and_not_again() -> None:
    shown, written = window()
    shown.show(totals(active=3, rate=12.4 * 2**20, done=500), 0.0)
    assert written.take() == ["\x1b]2;winch 3 ▸ 12.4 MiB/s\x1b\\", "\x1b]9;4;1;50\x1b\\"]
    shown.show(totals(active=3, rate=12.4 * 2**20, done=504), 1.0)
    assert written.take() == []
    shown.show(totals(active=3, rate=12.4 * 2**20, done=510), 2.0)
    assert written.take() == ["\x1b]9;4;1;51\x1b\\"]
    shown.show(totals(active=3, rate=0.0, done=510), 3.0)
    assert written.take() == ["\x1b]2;winch 3\x1b\\"]
    shown.show(totals(completed=3, done=1000), 4.0)
    assert written.take() == ["\x1b]2;winch\x1b\\", "\x1b]9;4;0;0\x1b\\"]
    shown.show(totals(completed=3, done=1000), 60.0)
    assert written.take() == []


def test_progress_is_said_again_before_a_terminal_forgets_it() -> None:
    shown, written = window()
    shown.show(totals(active=1, done=500), 0.0)
    written.clear()
    shown.show(totals(active=1, done=501), 9.0)
    assert written.take() == []
    shown.show(totals(active=1, done=501), 10.0)
    assert written.take() == ["\x1b]9;4;1;50\x1b\\"]


def test_progress_towards_an_unknown_end_has_no_percentage() -> None:
    shown, written = window()
    shown.show(totals(pending=1, known=False), 0.0)
    assert written[-1] == "\x1b]9;4;3;0\x1b\\"


def test_what_was_shown_is_taken_back_and_can_be_shown_again() -> None:
    shown, written = window()
    shown.open()
    shown.show(totals(active=1, done=500), 0.0)
    before = written.take()
    shown.close()
    assert written.take() == ["\x1b]2;\x1b\\\x1b[23;2t", "\x1b]9;4;0;0\x1b\\"]
    shown.close()
    assert written.take() == []
    shown.open()
    shown.show(totals(active=1, done=500), 1.0)
    assert written.take() == before


def test_a_title_that_is_switched_off_is_left_alone() -> None:
    shown, written = window(Terminal(has_title=True), title=False)
    shown.open()
    shown.show(totals(active=1, done=500), 0.0)
    shown.close()
    assert written == []


def test_the_title_is_plain_in_ascii_mode() -> None:
    shown, written = window(ascii=True)
    shown.show(totals(active=1, rate=1.0), 0.0)
    assert written[0] == "\x1b]2;winch 1 > 1 B/s\x1b\\"


SAID = "All downloads have ended: 2 done, 1 failed, 3.00 MiB in 1:05"
RUN = QueueRun(began_at=NOW, seconds=65.0, done=2, failed=1, bytes=3 * 2**20)


@pytest.mark.parametrize(
    ("finished", "alert", "is_tmux", "expected"),
    [
        (FinishedAlert.OFF, Alert.OSC_9, False, []),
        (FinishedAlert.BELL, Alert.OSC_9, True, ["\x07"]),
        (FinishedAlert.NOTIFY, Alert.BELL, False, ["\x07"]),
        (FinishedAlert.NOTIFY, Alert.OSC_9, False, [f"\x1b]9;winch: {SAID}\x1b\\"]),
        (
            FinishedAlert.NOTIFY,
            Alert.OSC_99,
            False,
            [f"\x1b]99;i=winch:d=0;winch\x1b\\\x1b]99;i=winch:d=1:p=body;{SAID}\x1b\\"],
        ),
        # Where tmux hands nothing on, the bell is heard.
        (
            FinishedAlert.NOTIFY,
            Alert.OSC_777,
            True,
            [through_tmux(f"\x1b]777;notify;winch;{SAID}\x1b\\"), "\x07"],
        ),
    ],
)
def test_the_end_of_a_run_is_announced_as_the_terminal_can(
    finished: FinishedAlert, alert: Alert, is_tmux: bool, expected: list[str]
) -> None:
    shown, written = window(Terminal(alert=alert, is_tmux=is_tmux), finished=finished)
    shown.announce(RUN)
    assert written == expected


def test_another_machine_is_named_and_nothing_of_its_name_ends_the_sequence() -> None:
    shown, written = window(Terminal(alert=Alert.OSC_9), finished=FinishedAlert.NOTIFY)
    shown.announce(QueueRun(began_at=NOW, done=1), "box\x1b\\")
    (told,) = written
    assert told.startswith("\x1b]9;winch @box")
    assert told.count("\x1b") == 2


async def test_the_screen_announces_what_the_service_says_has_ended() -> None:
    service = FakeService()
    app = app_for(service, terminal=Terminal(), finished=FinishedAlert.BELL)
    written = Written()
    await queue(service, "a.iso")
    async with app.run_test() as pilot:
        app._driver.write = written.append  # type: ignore[method-assign, union-attr]
        while not len(app.main.store):
            await pilot.pause()
        service.end_run(RUN)
        while "\x07" not in written:
            await pilot.pause()
        service.end_run(None)
        await pilot.pause()
    assert written.count("\x07") == 1


async def test_the_app_tells_the_terminal_at_most_once_a_second_and_the_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tui.app._WINDOW_EVERY", 3600.0)  # a busy machine takes long for a second
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service, terminal=Terminal(has_title=True))
    written = Written()
    async with app.run_test() as pilot:
        app._driver.write = written.append  # type: ignore[method-assign, union-attr]
        while not len(app.main.store):
            await pilot.pause()
        for status in (Status.ACTIVE, Status.PENDING, Status.ACTIVE, Status.COMPLETED):
            service.change(id_, status=status)
            while app.main.store.download(id_).status is not status:
                await pilot.pause()
        service.end_run(RUN)
        while "\x07" not in written:
            await pilot.pause()
        # The first was sent when the screen opened; the rest falls into the same second.
        assert [text for text in written if text.startswith("\x1b]2;winch 1")] == []
    assert written[-1] == "\x1b]2;\x1b\\\x1b[23;2t"
