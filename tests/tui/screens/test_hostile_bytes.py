"""Text from outside reaches the terminal as text and as nothing else, whatever shows it.

Asserted on the bytes that the terminal got, on a walk through everything that shows something.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from signal import SIGTERM
from unicodedata import category

from core.adapters.config.config_edit import write
from tests.pty import Pty
from tests.tui.hostile import evil
from tests.unix import short_directory

# All that the screen itself has to say to a terminal but text: places, colours, modes, the shape of
# the pointer, a title and how far all is. A line ends where the next begins.
_OWN = re.compile(
    rb"\x1b\[(?!31m)[?<>]?[\d;]*(?:[Hhlmtu]|\$p)"
    rb"|\x1b\]22;\w*\x07|\x1b\]2;(?:winch[\w ./\xe2\x96\xb8]*)?\x1b\\|\x1b\]9;4;[\d;]+\x1b\\"
    rb"|\r\n(?=\x1b\[[\d;]+H)"
)
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def pasted(text: str) -> bytes:
    """Return what a terminal sends for a paste."""
    return f"\x1b[200~{text}\x1b[201~".encode()


TYPED = evil("Qtyped").replace("\x1b", "").replace("\r\n", "")
"""What can come in a paste: no terminal hands on an escape."""

ESCAPE = b"\x1b[27u"
# What is shown, the keys that lead there from where one was, and words that are there then.
WALK: tuple[tuple[str, bytes, tuple[str, ...]], ...] = (
    ("no connection", b"", ("Qlost",)),
    ("header and notices", b"", ("Qhost", "Qnotice")),
    ("list and groups", b"", ("Qgroup", "Qfailed", "Qerror", "Qruns", "Qhalf")),
    ("recovery", b"", ("Interrupted downloads", "View details")),
    ("its files", b"d", ("last moved",)),
    ("details of what failed", b"dqj\r", ("Qhint", "Qreason", "Qheader", "Qvalue", "Qhappened")),
    ("details of what runs", b"j", ("Qwhy", "Qlimited", "Qsource", "Qpeer", "Qverdict")),
    ("notification", b"k\rr", ("Qrefused", "Qadvice")),
    ("question", b"x", ("Remove Qfailed", "y  Remove")),
    ("question about files", b"nX", ("Remove Qfailed", "y  Delete")),
    ("line for a limit", b"nt", ("Limit of Qfailed",)),
    ("folder", ESCAPE + b"o", ("/data",)),
    ("collection", ESCAPE + b"G\r", ("Qzoo", "Qkind", "Qlist", "Qset", "Qerror", "Qplace")),
    ("what was refused", b"jj", ("Qbad", "Qvanished")),
    ("sync", b"s", ("Qnew", "Qless", "y  Sync")),
    ("what it deletes", b"y", ("Delete 1 file", "Qless")),
    ("removal of it", ESCAPE + b"x", ("Remove the collection", "Qmember")),
    ("its member", ESCAPE + ESCAPE + b"l", ("Qmember",)),
    ("filter", b"hg/" + pasted(TYPED), ("Qtyped",)),
    ("tabs", b"\r", ("/Qtyped",)),
    ("dialog", b"a", ("URLs, one per line",)),
    ("remarks", pasted(f"https://h/known\n@/{TYPED}"), ("in the list", "Qknown", "cannot be read")),
    ("suggested directory", b"\t\x15" + pasted("HOME/"), ("best/",)),
    ("suggested group", b"\t" * 7 + pasted("Q"), ("lain",)),
    ("history", ESCAPE + b"H", ("Qattempt", "Qmessage", "Qhostname", "Qproof", "Qinto", "Qwhere")),
    ("its filter", b"/" + pasted(TYPED), ("/Qtyped",)),
    ("all of it", ESCAPE, ("Qattempt",)),
    ("log", b"qL", ("Qsilent", "Qlogged", "Qraw")),
    ("its filter", b"/" + pasted(TYPED), ("/Qtyped",)),
    ("all of it", ESCAPE, ("Qlogged",)),
    ("statistics", b"qS", ("Qattempt", "Qmessage", "Qhostname")),
    ("notices", b"q!", ("Qnotice", "Esc closes")),
    ("palette", b"q\x10" + pasted(TYPED), ("Qtyped", "Nothing fits.")),
    (
        "verb line",
        ESCAPE + b":" + pasted(f"pause '{TYPED}'") + b"\r",
        ("no download has the id",),
    ),
    ("its next line", b"\x15" + pasted("show "), ("show ",)),
    ("completions", b"\t", ("Qfailed", "Qknown")),
    ("answer", b"\r", ("Qfailed", "Esc closes")),
    ("refusal", b"q\\:" + pasted("cancel") + b"\r", ("Qcannot", "Qinstead")),
    ("its question", b":" + pasted("clean") + b"\r", ("Remove 1 file", "Qleft")),
    (
        "its question about files",
        b"n" + ESCAPE + b":" + pasted("rm --files") + b"\r",
        ("delete the data?",),
    ),
    ("settings", b"n" + ESCAPE + b",", ("Qset", "Qhome")),
    ("a setting", b"\r", ("the default is",)),
)


def test_no_text_from_outside_is_more_than_text() -> None:
    with short_directory() as home:
        for name in (evil("Qa"), "Qbest"):
            (home / name).mkdir()
        own = home / evil("Qhome")
        own.mkdir()
        write(own / "config.toml", {}, "downloads", "directory", evil("/Qset"))
        argv = ("-m", "tests.tui.screen_on_pty", "hostile")
        environment = {"WINCH_HOME": str(own), "DISPLAY": "", "WAYLAND_DISPLAY": ""}
        with Pty(*argv, size=(160, 60), **environment) as pty:
            walk(pty, home)
            pty.signal(SIGTERM)
            pty.read_to_the_end()
            rest = _OWN.sub(b"", pty.output).decode()
        unseen = [m.start() for m in re.finditer(r"(?s).", rest) if category(m[0]) in _UNSEEN]
        assert not unseen, [rest[at - 40 : at + 20] for at in unseen[:3]]


def walk(pty: Pty, home: Path) -> None:
    """Go through all of it, each step once what the one before leads to is there."""
    words: list[str] = []
    for _, keys, found in WALK:
        if keys:
            pty.read_until(*words)
            words = []
            pty.type(keys.replace(b"HOME", os.fsencode(home)))
        words += found
    pty.read_until(*words)
