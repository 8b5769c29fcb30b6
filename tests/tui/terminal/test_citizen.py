"""The screen as a guest on a real terminal: however it ends, the terminal is left as it was found.

Asserted on the bytes that the terminal got.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pty import LIMIT, ROOT, Pty
from tests.unix import short_directory

SHOWN = ("file-11.iso", "\x1b[?2004h")
WINCH = ("-c", "from tui.cli.main import main; main()")
GOODBYE = "12 downloads go on in the background; come back with: winch"


@pytest.fixture
def home() -> object:
    with short_directory() as directory:
        yield str(directory)


def screen(kind: str, home: str, *options: str, **environment: str | None) -> Pty:
    """Open the screen on a terminal, with a service in memory that is calm, busy or broken."""
    environment = {"WINCH_HOME": home, "WINCH_SCREEN_REFRESH": "30"} | environment
    return Pty("-m", "tests.tui.screen_on_pty", kind, *options, **environment)


@pytest.mark.parametrize("kind", ["calm", "busy"])
def test_q_gives_the_terminal_back_and_says_how_to_come_back(kind: str, home: str) -> None:
    with screen(kind, home) as pty:
        pty.read_until(*SHOWN)
        assert pty.modes()["1049"]
        assert not pty.modes()["25"]
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert pty.is_as_it_was()
        _, _, last = pty.output.rpartition(b"\x1b[?1049l")
        assert GOODBYE.encode() in last


def test_what_only_newer_terminals_have_is_given_back_too(home: str) -> None:
    with screen("calm", home) as pty:
        pty.read_until(*SHOWN)
        # "I can report my size": it is asked to, and the mouse is to count in pixels from then on.
        pty.type(b"\x1b[?2048;2$y")
        pty.read_until("\x1b[?2048h", "\x1b[?1016h")
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert pty.is_as_it_was()


def test_an_escape_alone_is_a_key_once_nothing_follows_it(home: str) -> None:
    with screen("calm", home) as pty:
        pty.read_until(*SHOWN)
        for _ in range(3):
            pty.type(b"?")
            pty.read_until("Esc closes")
            pty.type(b"\x1b")
            pty.read_until("Detach")


def test_a_sequence_that_comes_in_pieces_is_one_key(home: str) -> None:
    # So long that no slow machine makes a key of its beginning.
    with screen("calm", home, ESCDELAY="60000") as pty:
        pty.read_until(*SHOWN)
        pty.type(b"j\x1b")
        pty.read_until("file-01.iso")  # that has been read
        pty.type(b"[63u")  # a question mark
        pty.read_until("Esc closes")


@pytest.mark.parametrize("way", ["by a signal", "in band"])
def test_a_new_size_is_followed_while_nothing_is_typed(way: str, home: str) -> None:
    with screen("calm", home) as pty:
        pty.read_until(*SHOWN)
        if way == "in band":
            pty.type(b"\x1b[?2048;2$y")
            pty.read_until("\x1b[?2048h")
            pty.type(b"\x1b[48;30;100;600;1000t")
        else:
            pty.resize(100, 30)
        pty.read_until("\x1b[30;1H", "Detach")


def test_what_looks_like_keys_in_a_paste_is_pasted(home: str) -> None:
    with screen("calm", home) as pty:
        pty.read_until(*SHOWN)
        pty.type(b"\x1b[200~no URL \x1b]1;Xy?q\x07\x1b[201~")
        shown = pty.read_until("There is no http")
        assert b"Delete" not in shown
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert GOODBYE.encode() in pty.output


def test_what_is_typed_in_another_encoding_is_no_reason_to_end(home: str) -> None:
    with screen("calm", home) as pty:
        pty.read_until(*SHOWN)
        pty.type("/é".encode("latin-1") + b"\r?")
        pty.read_until("Esc closes")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(number: signal.Signals, home: str) -> None:
    with screen("busy", home) as pty:
        pty.read_until(*SHOWN)
        pty.signal(number)
        assert pty.read_to_the_end() == 128 + number
        assert pty.is_as_it_was()


@pytest.mark.parametrize("way", ["ctrl-z", "ctrl-z in a dialog", "SIGTSTP", "SIGSTOP"])
def test_a_stop_gives_the_terminal_back_and_fg_draws_everything_anew(way: str, home: str) -> None:
    with screen("busy", home) as pty:
        pty.read_until(*SHOWN)
        if way == "ctrl-z in a dialog":
            pty.type(b"a")
            pty.read_until("Directory")
        if way.startswith("ctrl-z"):
            pty.type(b"\x1a")
        else:
            pty.signal(signal.Signals[way])
        pty.read_until_stopped()
        if way != "SIGSTOP":
            assert pty.is_as_it_was()
        pty.signal(signal.SIGCONT)
        below = "Directory" if "dialog" in way else "file-11.iso"
        pty.read_until("\x1b[?1049h", "file-00.iso", below, "Detach")
        assert pty.modes()["1049"]
        if way == "ctrl-z in a dialog":
            pty.type(b"\x1b")
        # It lives on: figures move, and so do keys.
        pty.read_until("MiB/s")
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert pty.is_as_it_was()


def test_nothing_is_drawn_from_the_background(home: str) -> None:
    shell = "import os; os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])"
    with Pty("-c", shell, WINCH_HOME=home, PS1="$ ") as pty:
        pty.type(f"{sys.executable} -m tests.tui.screen_on_pty calm\n".encode())
        pty.read_until(*SHOWN)
        pty.type(b"\x1a")
        pty.read_until("Stopped")
        pty.type(b"bg; until jobs -s | grep -q on_pty; do :; done; echo back''ground\n")
        pty.read_until("background")
        pty.type(b"fg\n")
        shown = pty.read_until("file-11.iso", "Detach")
        before, _, after = shown.partition(b"\x1b[?1049h")
        assert b"file-" not in before
        assert b"file-11.iso" in after
        pty.type(b"q")
        pty.read_until("come back with: winch")
        pty.type(b"exit\n")
        assert pty.read_to_the_end() == 0
        assert pty.modes()["1049"] is False


def test_a_terminal_that_is_gone_ends_the_screen_even_without_a_signal(home: str) -> None:
    # As under nohup: nothing tells it but the terminal itself.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        pty = screen("calm", home)
    finally:
        signal.signal(signal.SIGHUP, before)
    with pty:
        pty.read_until(*SHOWN)
        pty.hang_up()
        assert pty.process.wait(LIMIT) == 128 + signal.SIGHUP


def test_a_terminal_that_is_gone_while_it_was_not_read_ends_the_screen(home: str) -> None:
    with screen("busy", home) as pty:
        pty.read_until(*SHOWN)
        pty.fill()
        pty.hang_up()
        assert pty.process.wait(LIMIT) in (128 + signal.SIGHUP, 129)


def test_a_terminal_that_is_not_read_holds_nobody_up_and_gets_the_present_then(home: str) -> None:
    with screen("busy", home, WINCH_SCREEN_REFRESH="60") as pty:
        pty.read_until(*SHOWN)
        pty.fill()
        # Keys are heard, and what is drawn next is the present and not all that was missed: that
        # is a few pictures of the whole, and not one for each sixtieth of the time.
        pty.type(b"?")
        shown = pty.read_until("Esc closes")
        assert len(shown) < 60_000
        pty.type(b"q")
        pty.read_until("Detach")
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert pty.is_as_it_was()


def test_sigterm_ends_a_screen_whose_terminal_is_not_read(home: str) -> None:
    with screen("busy", home) as pty:
        pty.read_until(*SHOWN)
        pty.fill()
        pty.signal(signal.SIGTERM)
        assert pty.process.wait(LIMIT) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    ("options", "environment"), [(["--no-mouse"], {}), ([], {"WINCH_SCREEN_MOUSE": "false"})]
)
def test_without_the_mouse_its_reports_are_never_switched_on(
    options: list[str], environment: dict[str, str], home: str
) -> None:
    with screen("calm", home, *options, **environment) as pty:
        pty.read_until(*SHOWN)
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        for mode in ("1000", "1002", "1003", "1006", "1015", "1016"):
            assert f"\x1b[?{mode}h".encode() not in pty.output


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_a_crash_gives_the_terminal_back_and_is_one_line(options: list[str], home: str) -> None:
    with screen("broken", home, *options) as pty:
        pty.read_until(*SHOWN)
        pty.type(b"?")
        assert pty.read_to_the_end() == 1
        assert pty.is_as_it_was()
        _, _, last = pty.output.rpartition(b"\x1b[?1004l")
        assert b"winch: unexpected ValueError: a fault of the screen itself" in last
        assert (b"Traceback" in last) == bool(options)
        assert options or last.count(b"\n") == 1


@pytest.mark.parametrize("url", [[], ["https://example.org/a.iso"]])
def test_a_dumb_terminal_gets_a_hint_and_no_escapes(url: list[str], home: str) -> None:
    with screen("calm", home, *url, TERM="dumb") as pty:
        assert pty.read_to_the_end() == 2
        assert b"terminal of type 'dumb'" in pty.output
        assert b"'winch get URL'" in pty.output
        assert b"\x1b" not in pty.output


def test_without_a_terminal_there_is_a_hint_and_no_escapes(home: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.tui.screen_on_pty", "calm"],
        env=os.environ | {"WINCH_HOME": home},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=LIMIT,
    )
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.startswith(b"winch: the screen needs a terminal; use 'winch ls'")
    assert ended.stderr.count(b"\n") == 1
    assert b"\x1b" not in ended.stderr


def test_the_title_says_what_moves_and_is_put_back(home: str) -> None:
    with screen("busy", home) as pty:
        pty.read_until(*SHOWN, "\x1b[22;2t")
        pty.read_until("\x1b]2;winch 12 ▸ ")
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert pty.output.count(b"\x1b[22;2t") == pty.output.count(b"\x1b[23;2t") == 1


def test_no_title_is_written_where_that_is_switched_off(home: str) -> None:
    with screen("busy", home, WINCH_SCREEN_TITLE="false", WT_SESSION="1") as pty:
        pty.read_until(*SHOWN, "\x1b]9;4;1;")
        pty.type(b"q")
        assert pty.read_to_the_end() == 0
        assert b"\x1b]2;" not in pty.output
        assert b";2t" not in pty.output
        assert pty.output.rindex(b"\x1b]9;4;0;0") > pty.output.rindex(b"\x1b]9;4;1;")


def test_no_color_sends_no_colours_and_an_empty_one_says_nothing(home: str) -> None:
    with screen("calm", home, NO_COLOR="1") as pty:
        pty.read_until(*SHOWN)
        pty.type(b"?")
        pty.read_until("Esc closes")
        assert not pty.colours()
    with screen("calm", home, NO_COLOR="") as pty:
        pty.read_until(*SHOWN)
        assert pty.colours()


def test_a_locale_without_utf_8_gets_plain_characters(home: str) -> None:
    with screen("busy", home, LC_ALL="C") as pty:
        pty.read_until(*SHOWN, "#-")
        for key, text, close in ((b"?", "Esc closes", b"q"), (b"x", "y  Remove", b"n")):
            pty.type(key)
            pty.read_until(text)
            pty.type(close)
            pty.read_until("Detach")
        assert pty.output.isascii()


def test_the_daemon_goes_on_when_the_terminal_is_gone(home: str) -> None:
    environment = os.environ | {"WINCH_HOME": home, "PYTHONPATH": str(ROOT)}

    def winch(*words: str) -> bytes:
        command = [sys.executable, *WINCH, *words]
        return subprocess.run(
            command, env=environment, cwd=ROOT, check=True, capture_output=True, timeout=LIMIT
        ).stdout

    winch("add", "--paused", "http://127.0.0.1:9/later.iso", "-d", home)
    try:
        pid = json.loads(winch("daemon", "status", "--json"))["pid"]
        with Pty(*WINCH, WINCH_HOME=home) as pty:
            pty.read_until("later.iso")
            pty.hang_up()
            pty.process.wait(LIMIT)
        assert json.loads(winch("daemon", "status", "--json"))["pid"] == pid
        assert Path(home, "run", "winch.sock").exists()
    finally:
        winch("daemon", "stop")
