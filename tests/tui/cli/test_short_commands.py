"""What the daemon does for a short command is what the command does itself, and starts at once."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.tui.cli.conftest import Winch
from tests.warm import warm_python
from tui.cli.main import SHORT
from tui.input.commands import COMMANDS

HERE = """
import sys
from tui.cli.dispatch import prepare_streams, run
prepare_streams()
sys.exit(run(sys.argv[1:]))
"""
ASKING = """
import atexit, sys
place = sys.argv.pop(1)
def note():
    with open(place, "w") as file:
        file.write(" ".join(sys.modules))
atexit.register(note)
from tui.cli.main import main
main()
"""
# What takes longer to load than the daemon to answer; json and re are of these.
SLOW = {
    *("argparse", "asyncio", "dataclasses", "enum", "inspect", "json", "msgspec", "pathlib"),
    *("platformdirs", "re", "rich", "signal", "socket", "typing", "core.domain.models"),
    *("core.domain.errors", "core.launcher", "core.rpc.codec", "tui.cli.dispatch"),
}


MEASURING = {"daemon", "log", "metrics", "status"}
"""Commands that print what no two daemons have in common."""

BY_CHANCE = re.compile(
    r"^(attempts|failures|waiting) .*\n|^winch_(attempts|failures|retries)_total\{.*\n"
    r'|"(attempts|failures|retries|waiting)": \{[^}]*\},',
    re.MULTILINE,
)
"""What is there or not as one of them came to its first attempt before it was cancelled."""


@dataclass
class End:
    """What came of a command, with ids, places and times taken out."""

    status: int
    stdout: str
    stderr: str
    is_short: bool = field(default=False, compare=False)


class Home:
    """A state directory with a daemon, and one of the two ways to ask it."""

    def __init__(self, place: Path, directory: Path, *, is_short: bool) -> None:
        self.winch = Winch(place, directory)
        self.is_short = is_short
        self.modules = place.parent / f"{place.name}.modules"
        self.names: dict[str, str] = {}

    def __call__(
        self, *words: str, env: dict[str, str] | None = None, terminal: bool = False
    ) -> End:
        words = tuple(word.format(**self.names) for word in words)
        if self.is_short:
            command = [sys.executable, "-P", "-c", ASKING, str(self.modules), *words]
        else:
            # One that has started already minds no encoding.
            python = sys.executable if env and "PYTHON" in "".join(env) else warm_python()
            command = [python, "-P", "-c", HERE, *words]
        self.modules.unlink(missing_ok=True)
        done = run(command, self.winch, self.winch.env | (env or {}), terminal=terminal)
        loaded = set(self.modules.read_text().split()) if self.modules.exists() else SLOW
        out, err = (self._plain(os.fsdecode(data)) for data in (done.stdout, done.stderr))
        if words[0] in MEASURING:
            out = re.sub(r"\d[\d.,:]*|\bnull\b", "<n>", BY_CHANCE.sub("", out))
        return End(done.returncode, out, err, is_short=not loaded & SLOW)

    def _plain(self, text: str) -> str:
        for name, id_ in self.names.items():
            text = text.replace(id_, f"<{name}>").replace(id_[:8], f"<{name}>")
        text = text.replace(self.winch.env["WINCH_HOME"], "<home>")
        text = re.sub(r"\d{4}-\d\d-\d\d[ T][\d:.]+Z?", "<time>", text)
        text = re.sub(r'(process |"pid": )\d+', r"\1<pid>", text)
        # What is added by the command itself.
        return re.sub(r"\b[0-9a-f]{8}(?:[0-9a-f]{8})?\b", "<id>", text)


def run(
    command: Sequence[str], winch: Winch, env: dict[str, str], *, terminal: bool
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end, its stdout a pipe or a terminal of 100 columns."""
    if not terminal:
        return subprocess.run(
            command,
            env=env,
            cwd=winch.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=50,
        )
    controller, other = pty.openpty()
    seen: list[bytes] = []

    def read() -> None:
        while True:
            try:
                seen.append(os.read(controller, 4096))
            except OSError:
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = subprocess.run(
            command,
            env=env,
            cwd=winch.directory,
            stdin=subprocess.DEVNULL,
            stdout=other,
            stderr=subprocess.PIPE,
            check=False,
            timeout=50,
        )
    finally:
        os.close(other)
        reader.join()
        os.close(controller)
    return subprocess.CompletedProcess(command, done.returncode, b"".join(seen), done.stderr)


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """Two daemons with the same downloads: one is asked in short, the other by a whole winch."""
    directory = tmp_path / "cwd"
    directory.mkdir()
    short = Home(tmp_path / "s", directory, is_short=True)
    whole = Home(tmp_path / "w", directory, is_short=False)
    urls = [f"http://127.0.0.1:1/{name}" for name in ("g", "h", "k", "m%1b[31m%e2%80%ae漢.iso")]
    for home in (short, whole):
        ids = home.winch("add", "--paused", *urls).stdout.split()
        found = {record["id"][:8]: record["id"] for record in home.winch.json("ls")}
        home.names = {name: found[id_] for name, id_ in zip("ghkm", ids, strict=True)}
    yield short, whole
    for home in (short, whole):
        home.winch("daemon", "stop")


def both(homes: tuple[Home, Home], *words: str, **given: Any) -> End:
    """Return what a command came to, which is the same in both ways."""
    short, whole = (home(*words, **given) for home in homes)
    assert short == whole, words
    return short


DONE_BY_THE_DAEMON = [
    "ls",
    "ls --json",
    "ls g",
    "ls 漢 --json",
    "ls nothing",
    "ls nothing --json",
    "ls status:paused !g --sort name --reverse",
    "ls --status failed",
    "ls iso stat:failed",
    "ls size:>5x",
    "ls --sort mood",
    "show {g}",
    "show {m} --json",
    "show g",
    "show zzz",
    "show ffffff",
    "show status:paused",
    "pause {g}",
    "pause {g} h name:k",
    "pause ffffff",
    "pause --all",
    "pause",
    "pause {g} --all",
    "pause --queue",
    "ls",
    "add http://127.0.0.1:1/held --json",
    "pause --queue --all",
    "resume --queue",
    "cancel {h} {k}",
    "cancel {h}",
    "cancel --all",
    "retry status:failed",
    "move {g} --bottom",
    "move {g} {m} --to 1",
    "move name:k --up",
    "ls",
    "set {g} --limit 500k --priority 3 -x 2 --group g",
    "set {g} --url ftp://127.0.0.1/x",
    "set {g} {h} --url http://127.0.0.1:1/y",
    "set {g} -x 99",
    "set {g}",
    "set {g} --priority 99999999999999999999",
    "resume --failed",
    "resume --all --older-than soon",
    "resume --all --older-than 90d",
    "limit",
    "limit 1M --active 3 --json",
    "limit fast",
    "limit auto",
    "add http://127.0.0.1:1/x --paused -d sub/../dir -o mine --json",
    "add http://127.0.0.1:1/x http://127.0.0.1:1/y -o mine",
    "add ftp://127.0.0.1/x",
    "add example.org/file",
    "add",
    "add http://127.0.0.1:1/v --paused --checksum md5:zz",
    "add http://127.0.0.1:1/u --paused --user me:secret --header K:V",
    "add http://127.0.0.1:1/u --paused --header secret",
    "add http://127.0.0.1:1/w --paused -d <home>/state",
    "add --collection many --paused http://127.0.0.1:1/1 http://127.0.0.1:1/2",
    "add --collection many --together --json",
    "collections",
    "show many",
    "set many --priority 2 --limit 1M",
    "report many",
    "report many --csv",
    "report nothing",
    "pause many {k}",
    "retry many",
    "sync many --dry-run",
    "sync many --delete-extra -y --json",
    "rm many --files --dry-run",
    "rm many",
    "collections --json",
    "add --manifest http://127.0.0.1:1/set/SHA256SUMS --paused",
    "rm {h} --dry-run",
    "rm --files --dry-run --all",
    "rm {h} --files -y",
    "rm name:nothing",
    "rm status:cancelled",
    "rm x",
    "rm --all",
    "rm --all",
    "ls",
    "daemon status",
    "daemon status --json",
    "status",
    "status --json",
    "metrics",
    "log -n 1",
    "log -n 1 --raw",
]

DONE_HERE = [
    "ls --help",
    "ls --bogus",
    "ls --status sleeping",
    "rm -yh",
    "pause --debug",
    "show",
    "move {g} --to 0",
    "add -i missing.txt",
    "add http://127.0.0.1:1/x --cookies missing.txt",
    "add http://127.0.0.1:1/x --user me --paused",
    "add http://127.0.0.1:1/x --priority high",
    "rm {g} --files",
    "rm {g} --files --all",
    "add --manifest missing.txt",
    "sync many --delete-extra",
    "report",
    "daemon",
    "daemon dance",
    "ls \udcff",
    # Would be read for seconds, while downloads wait.
    f"rm zzz -{'y' * 3000}",
    f"add ftp://127.0.0.1/x {'--header K:V ' * 500}",
]


def test_what_the_daemon_says_is_what_the_command_says(homes: tuple[Home, Home]) -> None:
    for line in DONE_BY_THE_DAEMON:
        assert both(homes, *line.split()).is_short, line


def test_what_needs_its_own_process_has_it(homes: tuple[Home, Home]) -> None:
    for line in DONE_HERE:
        assert not both(homes, *line.split()).is_short, line
    assert [record["name"] for record in homes[0].winch.json("ls")][4:] == ["x"]


def test_every_short_command_is_compared() -> None:
    assert {line.split()[0] for line in DONE_BY_THE_DAEMON} == SHORT <= set(COMMANDS)


@pytest.mark.parametrize(
    "env",
    [
        {"WINCH_DOWNLOADS_DIRECTORY": "~/elsewhere"},
        {"WINCH_DOWNLOADS_DIRECTORY": "relative"},
        {"WINCH_LIMITS_ACTIVE": "many"},
        {"WINCH_DOWNLOADS_NOTHING": "1"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_the_callers_environment_counts(homes: tuple[Home, Home], env: dict[str, str]) -> None:
    for line in ("add http://127.0.0.1:1/n --paused --json", "ls", "daemon status", "show name:m*"):
        assert both(homes, *line.split(), env=env).is_short


@pytest.mark.parametrize(
    "env", [{"TZ": "Asia/Kathmandu"}, {"HOME": "/nonexistent"}, {"XDG_STATE_HOME": "/nonexistent"}]
)
def test_where_the_daemon_would_say_something_else_it_is_not_asked(
    homes: tuple[Home, Home], env: dict[str, str]
) -> None:
    assert not both(homes, "show", "g", env=env).is_short


def test_a_broken_config_is_told_by_each_command(homes: tuple[Home, Home]) -> None:
    for home in homes:
        Path(home.winch.env["WINCH_HOME"], "config.toml").write_text("[limits]\nactiv = 1\n")
    assert "activ" in both(homes, "ls").stderr
    assert both(homes, "add", "http://127.0.0.1:1/n").status == 2


def test_a_place_that_others_can_write_in_is_refused(homes: tuple[Home, Home]) -> None:
    for home in homes:
        Path(home.winch.env["WINCH_HOME"], "state").chmod(0o777)
    try:
        end = both(homes, "ls")
    finally:
        for home in homes:
            Path(home.winch.env["WINCH_HOME"], "state").chmod(0o700)
    assert end.status == 1
    assert "can be written by everybody" in end.stderr


@pytest.mark.parametrize("columns", [None, "60", "20", "0", "x", "-5"])
def test_a_terminal_is_as_wide_as_it_is(homes: tuple[Home, Home], columns: str | None) -> None:
    env = {} if columns is None else {"COLUMNS": columns}
    end = both(homes, "ls", env=env, terminal=True)
    assert end.is_short
    assert "0 of 4 whole" in end.stderr


def test_a_deleted_directory_is_no_place_to_begin_from(homes: tuple[Home, Home]) -> None:
    directory = homes[0].winch.directory
    script = f'cd "{directory}" && rmdir "{directory}" && exec "$@"'
    ends = []
    for home in homes:
        directory.mkdir(exist_ok=True)
        code = ASKING if home.is_short else HERE
        words = [str(home.modules)] if home.is_short else []
        command = ["sh", "-c", script, "sh", sys.executable, "-P", "-c", code, *words]
        ends.append(
            subprocess.run(
                [*command, "ls", "--json", "nothing"],
                env=home.winch.env | {"PYTHONPATH": str(Path(__file__).parents[3])},
                cwd="/",
                capture_output=True,
                check=False,
            )
        )
    directory.mkdir()
    assert [(end.returncode, end.stdout) for end in ends] == [(0, b"[]\n")] * 2


def test_a_long_list_comes_whole(homes: tuple[Home, Home]) -> None:
    urls = "".join(f"http://127.0.0.1:1/{number}\n" for number in range(3000))
    for home in homes:
        home.winch("add", "--paused", "-i", "-", stdin=urls)
    assert len(json.loads(both(homes, "ls", "--json").stdout)) == 3004
    for words in (["ls"], ["ls", "--sort", "name"], ["ls", "1", "--reverse"]):
        assert both(homes, *words).is_short
