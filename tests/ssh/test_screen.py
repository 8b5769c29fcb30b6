"""The screen of another machine over a link: what it answers at once, what it asks, its loss."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.pty import Pty
from tests.ssh.laptop import Laptop
from tests.ssh.link import Link
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

FILES = [DemoFile(f"file-{number}.iso", 64 * MIB, rate=100 * KIB) for number in range(3)]
_STYLE = re.compile(r"\x1b\[[\d;]*m")
DOWN, RECONNECT, BACK = b"j", b"\x12", b"\x1b"


@pytest.fixture
def screen(far_laptop: Laptop, link: Link) -> Iterator[Pty]:
    """A screen that shows what runs on the server, to which 100 ms lie each way."""
    with DemoServer(FILES) as web:
        added = far_laptop.winch("-H", "server", "add", *map(web.url, FILES))
        assert added.returncode == 0, added.stderr
        with far_laptop.screen("-H", "server") as screen:
            screen.read_until("@server", *(file.name for file in FILES))
            link.delay = 0.1
            yield screen


def test_a_key_is_answered_here_and_an_action_takes_one_way_there_and_one_back(
    screen: Pty, link: Link, far_laptop: Laptop
) -> None:
    # While nothing comes through, the cursor and the filter move.
    link.stall()
    screen.type(DOWN)
    screen.read_until(FILES[0].name, FILES[1].name)
    screen.type(b"?")
    screen.read_until("pasted URLs are added at once")
    screen.type(BACK)
    screen.read_until(FILES[0].name)
    link.mend()

    asked = []
    for name in ("one", "two"):
        before = len(link.pieces)
        screen.type(b"p")
        screen.read_until("paused")
        asked.append(sum(piece.is_sent for piece in link.pieces[before:]))
        # What is shown of this comes behind what is shown of that.
        assert far_laptop.winch("-H", "server", "resume", "--all").returncode == 0
        added = far_laptop.winch("-H", "server", "add", "--paused", f"http://127.0.0.1:9/{name}")
        assert added.returncode == 0, added.stderr
        screen.read_until(f"{name} ", "paused")
    # Now and then it asks for the free space there as well.
    assert min(asked) == 1


def test_a_link_that_is_lost_and_back_takes_nothing_away_that_a_person_did(
    screen: Pty, link: Link, far_laptop: Laptop
) -> None:
    screen.type(b" /fil")
    screen.read_until("negates")
    link.cut()
    lost = _STYLE.sub("", screen.read_until("as of ", "tries now").decode())
    assert re.search(r"as of \d\d:\d\d:\d\d", lost)
    screen.type(b"e")
    link.mend()
    screen.type(RECONNECT)
    screen.read_until("KiB/s")
    # The filter as it was typed before and meanwhile; then the last row, and what is marked.
    screen.type(b"\r")
    screen.read_until("/file")
    screen.type(b"Gp")
    screen.read_until("paused")
    states = {each["name"]: each["status"] for each in far_laptop.json("-H", "server", "ls")}
    assert states == {"file-0.iso": "paused", "file-1.iso": "active", "file-2.iso": "active"}
