"""`-H`: commands for the daemons of other machines, which here are other homes behind a shell.

What OpenSSH has to do with it is proved elsewhere, over a real server.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.domain.version import VERSION
from tests.tui.cli.conftest import MAIN, Winch
from tests.warm import warm_python
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

FILE = DemoFile("file.bin", 10 * KIB)
SLOW = DemoFile("slow.bin", 3 * MIB, rate=MIB)


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE, SLOW]) as running:
        yield running


class Elsewhere:
    """Two other machines: a home each, with a directory of downloads in it."""

    def __init__(self, base: Path, winch: Winch) -> None:
        self.here = winch
        self.base = base
        self.homes = {name: base / name for name in ("alpha", "beta")}
        program = shlex.join((warm_python(), *MAIN))
        lines = []
        for name, home in self.homes.items():
            (home / "Downloads").mkdir(parents=True)
            (home / "winch").mkdir(mode=0o700)
            (home / "winch/config.toml").write_text('[downloads]\ndirectory = "~/Downloads"\n')
            enter = f"export HOME={home} WINCH_HOME={home}/winch; cd; : > asked"
            ssh = ["sh", "-c", f'{enter}; eval "$1"', "-"]
            lines += [f"[hosts.{name}]", f"ssh = {json.dumps(ssh)}", f"winch = '''{program}'''"]
        dead = json.dumps(["sh", "-c", "echo no route to it >&2; exit 255"])
        lines += ["[hosts.dead]", f"ssh = {dead}"]
        config = Path(winch.env["WINCH_HOME"], "config.toml")
        config.parent.mkdir(mode=0o700, exist_ok=True)
        config.write_text("\n".join(lines))

    def downloads(self, name: str) -> Path:
        return self.homes[name] / "Downloads"

    def of(self, name: str) -> Winch:
        """The command as somebody types it on that machine."""
        there = Winch(self.homes[name] / "winch", self.homes[name])
        there.env["HOME"] = str(self.homes[name])
        return there

    def is_untouched(self) -> bool:
        """Tell whether nothing has come of a command on the machine where it was typed."""
        is_empty = not [*self.here.directory.glob("[!.]*")]
        return is_empty and not Path(self.here.env["WINCH_HOME"], "run/winch.sock").exists()


@pytest.fixture
def elsewhere(tmp_path: Path, winch: Winch) -> Iterator[Elsewhere]:
    yield (machines := Elsewhere(tmp_path, winch))
    for name in machines.homes:
        assert machines.of(name)("daemon", "stop").returncode == 0


def test_paths_are_those_of_the_other_machine(elsewhere: Elsewhere, server: DemoServer) -> None:
    winch, there = elsewhere.here, elsewhere.downloads("alpha")
    (there / "sub").mkdir()
    for number, (directory, wanted) in enumerate(
        [((), there), (("-d", "sub"), there / "sub"), (("-d", "~"), there.parent)]
    ):
        added = winch("-H", "alpha", "add", "--paused", server.url(FILE), *directory)
        assert added.returncode == 0, added.stderr
        listed = winch.json("ls", "-H", "alpha")
        assert listed[number]["download_path"] == str(wanted / FILE.name)
    wrong = winch("-H", "alpha", "add", server.url(FILE), "-d", "~other")
    assert wrong.returncode == 2
    assert "write it in full" in wrong.stderr
    # What the shell has made of an unquoted ~ is a home of this machine.
    winch.env["HOME"] = "/home/of-nobody"
    for hosts in ("alpha", "alpha,beta"):
        expanded = winch("-H", hosts, "add", server.url(FILE), "-d", "/home/of-nobody/d")
        assert expanded.returncode == 2
        assert "none like it on alpha; quote it" in expanded.stderr
    # What is to be made first is to be made there.
    for hosts in ("alpha", "alpha,dead"):
        missing = winch("-H", hosts, "add", server.url(FILE), "-d", "~/not there")
        first, hint = missing.stderr.splitlines()[0].split("; ", 1)
        assert first == f"winch: on alpha: {there.parent / 'not there'} does not exist"
        assert subprocess.run(shlex.split(hint), check=False).returncode == 0
        assert (there.parent / "not there").is_dir()
        (there.parent / "not there").rmdir()
    got = winch("-Halpha", "get", server.url(FILE), "-d", "sub", "-q")
    assert (got.returncode, got.stderr) == (0, "")
    assert (there / "sub" / FILE.name).stat().st_size == FILE.size
    assert elsewhere.is_untouched()


def test_what_a_command_reads_and_writes_is_here(
    elsewhere: Elsewhere, server: DemoServer, tmp_path: Path
) -> None:
    winch, there = elsewhere.here, elsewhere.downloads("alpha")
    listed, sums = tmp_path / "list.csv", tmp_path / "SHA256SUMS"
    listed.write_text(f"url,path\n{server.url(FILE)},x/y/z.bin\n")
    sums.write_text(f"{FILE.sha256}  {FILE.name}\n")
    base = server.url(FILE).removesuffix(FILE.name)
    assert winch("-H", "alpha", "add", "-i", str(listed)).returncode == 0
    made = winch("-H", "alpha", "add", "--manifest", str(sums), "--base", base, "--collection", "c")
    assert (made.returncode, made.stdout) == (0, "c\n"), made.stderr
    assert winch("-H", "alpha", "wait", "--all").returncode == 0
    assert (there / "x/y/z.bin").stat().st_size == FILE.size
    assert winch("-H", "alpha", "report", "c").stdout.split() == ["whole", FILE.name]
    assert winch("-H", "alpha", "add", "--paused", server.url(SLOW)).returncode == 0
    queue = tmp_path / "queue.json"
    assert winch("--host", "alpha", "export", str(queue)).returncode == 0
    # It names a directory of the one, which is nothing to the other.
    asked = winch("-H", "beta", "import", str(queue))
    assert asked.returncode == 2
    assert f"not all goes to {elsewhere.downloads('beta')}" in asked.stderr
    hidden = queue.read_text().replace(str(there), f"{elsewhere.downloads('beta')}/.x")
    refused = winch("-H", "beta", "import", "-", stdin=hidden)
    assert refused.returncode == 2
    assert "which is hidden" in refused.stderr
    brought = winch("--host=beta", "import", str(queue), "-d", "~/Downloads")
    assert brought.returncode == 0, brought.stderr
    (record,) = winch.json("-H", "beta", "ls")
    assert record["download_path"] == str(elsewhere.downloads("beta") / SLOW.name)
    refused = winch("-H", "alpha", "add", server.url(FILE), "--cookies", str(sums))
    assert refused.returncode == 2
    assert "they are here" in refused.stderr
    assert elsewhere.is_untouched()


def test_several_answer_in_the_order_in_which_they_are_named(
    elsewhere: Elsewhere, server: DemoServer
) -> None:
    winch = elsewhere.here
    assert winch("-H", "alpha", "add", "--paused", server.url(SLOW)).returncode == 0
    both = winch("-H", "beta,alpha", "add", "--paused", server.url(FILE))
    assert [line.split()[0] for line in both.stdout.splitlines()] == ["beta", "alpha"]

    records = winch("-H", "all", "ls", "--json")
    assert records.returncode == 6
    assert [record["host"] for record in json.loads(records.stdout)] == ["alpha", "alpha", "beta"]
    assert records.stderr == (
        "winch: dead cannot be reached: no route to it; see whether this works:"
        " sh -c 'echo no route to it >&2; exit 255'\n"
    )

    lines = winch("-H", "beta,alpha", "ls").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["beta"] * 2 + ["alpha"] * 3
    objects = winch("-H", "alpha,beta", "limit", "1M", "--json").stdout.splitlines()
    limits = [json.loads(line) for line in objects]
    assert [(limit["host"], limit["rate"]) for limit in limits] == [("alpha", MIB), ("beta", MIB)]

    # One has it, and that is enough; where none has, it is said once.
    on_one = winch("-H", "alpha,beta", "resume", SLOW.name)
    assert (on_one.returncode, on_one.stderr) == (0, "winch: alpha: resumed 1 download\n")
    mixed = winch("-H", "alpha,beta", "cancel", SLOW.name, FILE.name)
    assert mixed.returncode == 0
    assert mixed.stderr == (
        "winch: alpha: cancelled 2 downloads\nwinch: beta: cancelled 1 download\n"
    )
    on_none = winch("-H", "alpha,beta", "pause", "ffffffff")
    assert on_none.returncode == 2
    assert on_none.stderr.count("\n") == 1
    matched = winch("-H", "alpha,beta", "rm", "status:cancelled")
    assert matched.returncode == 0
    assert winch.json("-H", "alpha,beta", "ls") == []
    assert elsewhere.is_untouched()


def test_the_daemon_that_is_started_and_stopped_is_that_of_the_other_machine(
    elsewhere: Elsewhere,
) -> None:
    winch = elsewhere.here
    assert winch("daemon", "start").returncode == 0
    here = winch.json("daemon", "status")["pid"]
    assert winch("-H", "alpha", "daemon", "start").returncode == 0
    there = winch.json("-H", "alpha", "daemon", "status")["pid"]
    assert there != here
    stopped = winch("-H", "alpha", "daemon", "stop")
    assert (stopped.returncode, stopped.stderr) == (0, "winch: the daemon has ended\n")
    assert not (elsewhere.homes["alpha"] / "winch/run/winch.sock").exists()
    assert winch.json("daemon", "status")["pid"] == here


def test_what_no_daemon_does_to_itself_the_winch_of_the_other_machine_does(
    elsewhere: Elsewhere,
) -> None:
    winch = elsewhere.here
    assert winch("-H", "alpha", "daemon", "start").returncode == 0
    before = winch.json("-H", "alpha", "daemon", "status")["pid"]
    done = winch("-H", "alpha", "daemon", "restart")
    assert done.returncode == 0, done.stderr
    after = winch.json("-H", "alpha", "daemon", "status")["pid"]
    first, *_, last = done.stderr.splitlines()
    assert first == f"winch: winch {VERSION}, process {before}, stops at a checkpoint"
    assert last == f"winch: winch {VERSION} runs, process {after}"
    assert winch.json("-H", "alpha", "daemon", "restart")["version"] == VERSION
    # Of one that cannot be reached, and of what is wrong there, the others hear nothing.
    (elsewhere.homes["beta"] / "winch/config.toml").write_text("[limits]\nactiv = 3\n")
    several = winch("-H", "alpha,beta,dead", "daemon", "restart", "--json")
    assert several.returncode == 2
    assert json.loads(several.stdout)["host"] == "alpha"
    said = several.stderr.splitlines()
    assert said[0].startswith(f"winch: alpha: winch {VERSION}, process ")
    assert any(line.startswith("winch: beta: ") and "activ" in line for line in said)
    assert said[-1].startswith("winch: dead cannot be reached: no route to it; ")
    shown = winch("-H", "alpha", "daemon", "install", "--print", "--manager", "systemd")
    assert (shown.returncode, shown.stdout.splitlines()[2]) == (0, "[Unit]")
    assert winch("-H", "dead", "daemon", "restart").returncode == 6
    assert elsewhere.is_untouched()


def test_asking_starts_no_daemon_that_was_stopped(elsewhere: Elsewhere) -> None:
    winch = elsewhere.here
    for words in (("status",), ("daemon", "status"), ("metrics",), ("top",), ("events",), ("log",)):
        asked = winch("-H", "alpha", *words)
        assert asked.returncode == 1, asked
    # Why none runs stands in the log, for which no daemon is needed there.
    assert asked.stderr.startswith("winch: no daemon is running on alpha; type: sh -c ")
    assert asked.stderr.endswith(" log\n")
    assert winch("-H", "alpha", "status").stdout == "not running\n"
    both = winch("-H", "alpha,beta", "status", "--json")
    assert both.returncode == 1
    assert [json.loads(line) for line in both.stdout.splitlines()] == [
        {"host": "alpha", "running": False},
        {"host": "beta", "running": False},
    ]
    stopped = winch("-H", "alpha", "daemon", "stop")
    assert (stopped.returncode, stopped.stderr) == (0, "winch: no daemon was running\n")
    assert not [*elsewhere.base.rglob("winch.sock")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-H", "-oProxyCommand=id", "ls"), "ssh would take it for an option"),
        (("-H", "a b", "ls"), "is no host"),
        (("ls", "-H", "alpha,"), "there is no host"),
        (("ls", "-H", "alpha,all"), "no others beside it"),
        (("-H", "alpha", "config", "show"), "type: sh -c"),
        (("-H", "alpha", "doctor"), "about the machine that it runs on"),
        (("-H", "alpha", "daemon", "run"), "about the machine that it runs on"),
        (("-H", "alpha", "demo"), "leave out -H"),
        (("-H", "alpha", "completions", "bash"), "leave out -H"),
        (("-H", "alpha", "get", "http://a/", "--embedded"), "leave out one of them"),
        (("-H", "alpha,beta", "get", "http://a/"), "one host at a time"),
        (("-H", "alpha,beta", "add", "-i", "-"), "stdin can be read once"),
        (("-H", "alpha,beta", "add", "http://a/", "--user", "me"), "no password is asked"),
        (("-H",), "expected a host"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_run(
    tmp_path: Path, winch: Winch, words: tuple[str, ...], said: str
) -> None:
    machines = Elsewhere(tmp_path, winch)
    result = winch(*words)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (machines.homes["alpha"] / "asked").exists()


def test_nobody_is_asked_for_several(elsewhere: Elsewhere) -> None:
    refused = elsewhere.here("-H", "alpha,beta", "rm", "--all", "--files")
    assert refused.returncode == 2
    assert refused.stderr.startswith("winch: nobody is asked for several hosts")
    assert refused.stderr.count("\n") == 1


def test_who_waits_goes_on_with_the_next_daemon_there_and_starts_none_that_was_stopped(
    elsewhere: Elsewhere, server: DemoServer
) -> None:
    winch, alpha = elsewhere.here, elsewhere.of("alpha")
    assert winch("-H", "alpha", "pause", "--queue").returncode == 0
    assert winch("-H", "alpha", "add", server.url(FILE)).returncode == 0
    with winch.start("-H", "alpha", "wait", "--all") as waiting:
        assert waiting.stderr is not None
        # Said once it follows.
        assert "the queue is held" in waiting.stderr.readline()
        assert alpha("daemon", "restart").returncode == 0
        assert waiting.stderr.readline() == (
            "winch: the daemon on alpha was gone; another one goes on\n"
        )
        assert alpha("daemon", "stop").returncode == 0
        _, said = waiting.communicate(timeout=30)
    assert waiting.returncode == 7
    assert "'winch -H alpha wait'" in said
    assert not [*elsewhere.homes["alpha"].rglob("winch.sock")]
