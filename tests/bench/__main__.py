"""`python -m tests.bench`: fetch the same files with winch and with others, in turn, and compare.

Every round runs each program once, so that what else the machine does falls on all of them alike.
Wall clock includes the start of the process. The last table has every goal and what became of it;
with `--against PATH` it also says what the winch of that checkout makes of the same, in turn with
this one, and whether anything is worse. Nothing here decides whether a test passes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import clients, commands, link, listed, screen, soak, state
from tests.bench.cases import CASES, Case
from tests.bench.goals import MISSED, Line
from tests.bench.measure import FailedError, Usage, middle
from tests.bench.servers import Nginx
from tests.bench.table import render, summary
from tests.bench.tools import Job, Tool

_OWN = (commands, listed, state, screen, link, clients)

_ROOM = 6 * 1024**3
_PIECE = 1024 * 1024


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases that were asked for and print a table for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [*(case.name for case in CASES), *(case.NAME for case in _OWN)]
    choices = [*names, soak.NAME]
    parser.add_argument("--case", nargs="+", choices=choices, default=names, metavar="NAME")
    parser.add_argument("--tool", nargs="+", default=[""], help="only tools that are called so")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--minutes",
        type=float,
        default=soak.MINUTES,
        help="how long the soak is, which is asked for",
    )
    parser.add_argument("--against", type=Path, metavar="PATH", help="another checkout of winch")
    parser.add_argument("--list", action="store_true", help="name the cases and end")
    args = parser.parse_args(argv)
    if args.list:
        for case in CASES:
            print(f"{case.name:12}{case.title}")
        for own in (*_OWN, soak):
            print(f"{own.NAME:12}{own.TITLE}")
        return 0
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors,"
        f" Python {platform.python_version()}, medians of {args.runs} runs"
    )
    lines: dict[str, list[Line]] = {}
    missed = False
    for case in CASES:
        if case.name in args.case:
            with tempfile.TemporaryDirectory(prefix="wb", dir=_place(on_disk=False)) as temp:
                text, found = _measure(case, args.runs, args.tool, args.against, Path(temp))
            print(f"\n{text}", flush=True)
            lines[f"{case.name}: {case.title}"] = found
    for own in _OWN:
        if own.NAME in args.case:
            _show(own.NAME)
            rows, found = own.measure(args.runs, _place(on_disk=True), args.against)
            print("\n" + "\n".join(rows), flush=True)
            lines[f"{own.NAME}: {own.TITLE}"] = found
    if soak.NAME in args.case:
        rows, found = soak.measure(args.minutes, _place(on_disk=True))
        print("\n" + "\n".join(rows), flush=True)
        lines[f"{soak.NAME}: {soak.TITLE}"] = found
        missed = any(line.verdict == MISSED for line in found)
    print(f"\n{summary(lines)}")
    return int(missed)


def _measure(
    case: Case, runs: int, wanted: Sequence[str], against: Path | None, temp: Path
) -> tuple[str, list[Line]]:
    if case.server.missing:
        return f"{case.name}: not run, {case.server.missing} is not installed", []
    if against is not None:
        case = case.beside(against)
    files = _make_files(case, temp / "files")
    used: dict[str, list[Usage]] = {}
    remarks = {tool.name: "not installed" for tool in case.tools if tool.missing}
    for number in range(-1 if case.warm_up else 0, runs):
        for tool in case.tools:
            if tool.name in remarks or not any(word in tool.name for word in wanted):
                continue
            _show(f"{case.name} {number + 1}/{runs} {tool.name}")
            try:
                usage = _run(case, tool, files, thorough=tool.name not in used)
            except FailedError as error:
                remarks[tool.name] = str(error)
                continue
            used.setdefault(tool.name, [])
            if number >= 0:
                used[tool.name].append(usage)
    _show("")
    found = {name: middle(usages) for name, usages in used.items() if usages}
    judged = [line for goal in case.goals for line in goal.judge(found)]
    return render(case, used, remarks), judged


def _show(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{what:60}\r", end="", file=sys.stderr, flush=True)


def _make_files(case: Case, root: Path) -> Path:
    root.mkdir()
    for number in range(case.count):
        with (root / f"file{number:05}").open("wb") as file:
            for start in range(0, case.size, _PIECE):
                file.write(os.urandom(min(_PIECE, case.size - start)))
    return root


def _run(case: Case, tool: Tool, files: Path, *, thorough: bool) -> Usage:
    """Let a tool fetch everything from a server of its own and look at what it made."""
    with tempfile.TemporaryDirectory(prefix="wb", dir=_place(on_disk=case.on_disk)) as made:
        scratch = Path(made)
        directory = scratch / "got"
        directory.mkdir()
        with case.server.serve(files, scratch) as url:
            usage = tool.fetch(
                Job(
                    urls=tuple(f"{url}/{path.name}" for path in sorted(files.iterdir())),
                    directory=directory,
                    scratch=scratch,
                    connections=case.connections,
                    parallel=case.parallel,
                    timeout=case.timeout,
                    authority=_authority(case, scratch),
                )
            )
        for path in sorted(files.iterdir()):
            _compare(path, directory / path.name, thorough=thorough)
        return usage


def _authority(case: Case, scratch: Path) -> Path | None:
    tls = isinstance(case.server, Nginx) and case.server.tls
    return scratch / "cert.pem" if tls else None


def _compare(original: Path, copy: Path, *, thorough: bool) -> None:
    if not copy.exists() or copy.stat().st_size != original.stat().st_size:
        raise FailedError(f"{copy.name} is not there whole")
    if thorough and _digest(original) != _digest(copy):
        raise FailedError(f"{copy.name} has other bytes")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _place(*, on_disk: bool) -> str:
    """Return a directory on a disk, or in memory where there is room for it."""
    if on_disk:
        return "/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > _ROOM:
        return str(memory)
    return tempfile.gettempdir()


if __name__ == "__main__":
    sys.exit(main())
