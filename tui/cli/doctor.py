"""`winch doctor`: whether all is well, in words, also where no daemon can start.

It asks the daemon that runs and starts none: a look begins no work that somebody has stopped. What
only a daemon knows is named where there is none.
"""

from __future__ import annotations

import argparse
import locale
import os
import sys
from collections.abc import Iterator

from core import launcher, unattended
from core.domain.errors import ConfigError, ExitCode, WinchError
from core.domain.service import ServiceStatus
from core.domain.upkeep import Checkup, DiskUsage, Finding
from core.domain.value import asdict
from core.domain.version import VERSION
from core.rpc.client import UnreachableError
from tui.cli.terminal import out, say
from tui.control.configuration import load_configuration
from tui.text import fmt
from tui.text.json_records import dump

_PROBLEM, _NOTICE = "problem", "notice"


async def run(args: argparse.Namespace) -> int:
    """Print what was looked at and what was found; 1 where there is a problem."""
    findings = [*map(_with_keys, launcher.examine())]
    findings += await _ask_daemon()
    findings += _terminal()
    _print(findings, as_json=args.json)
    return ExitCode.OTHER if _count(findings, _PROBLEM) else ExitCode.OK


def _with_keys(finding: Finding) -> Finding:
    """Return what was found of config.toml with the judgement on the screen's keys."""
    if finding.subject == "config" and finding.level == "ok":
        try:
            load_configuration()
        except ConfigError as error:
            return _finding("config", error.message, _PROBLEM, error.hint)
    return finding


def _print(findings: list[Finding], *, as_json: bool) -> None:
    problems, notices = _count(findings, _PROBLEM), _count(findings, _NOTICE)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        out(dump({"problems": problems, "notices": notices, "checks": checks}, indent=2))
        return
    for finding in findings:
        out(*_lines(finding))
    say(f"{_counted(problems, _PROBLEM)}, {_counted(notices, _NOTICE)}")


async def _ask_daemon() -> list[Finding]:
    try:
        async with await launcher.connect(start=False) as service:
            status, checkup = await service.status(), await service.checkup()
    except UnreachableError:
        return [*_without_daemon(), *_machine(launcher.shortcomings())]
    except WinchError as error:
        problem = _finding("daemon", error.message, _PROBLEM, error.hint)
        return [problem, *_machine(launcher.shortcomings())]
    return [
        *_daemon(status),
        *_start(checkup),
        *_room(checkup),
        *_leftovers(checkup),
        *_machine(checkup.platform),
    ]


def _daemon(status: ServiceStatus) -> Iterator[Finding]:
    what = "a command" if status.embedded else "the daemon"
    text = f"{what} runs, process {status.pid}, winch {status.version}"
    if status.version == VERSION:
        yield _finding("daemon", text)
    else:
        text += f", but this is winch {VERSION}"
        hint = "`winch daemon restart` hands over to this one"
        yield _finding("daemon", text, _NOTICE, hint)
    if unattended.is_outside_unit(status.pid):
        text = "it was not started by its unit: it may end when whoever started it logs out"
        yield _finding("daemon", text, _NOTICE, "`winch daemon stop`, `winch daemon start`")
    for notice in status.notices:
        yield _finding("to be told", notice, _NOTICE)


def _without_daemon() -> Iterator[Finding]:
    yield _finding("daemon", "the daemon does not run (`winch daemon start`)", _NOTICE)
    yield _finding("resume data", _records(launcher.stored_records()))
    text = "part files, leftovers and the last start were not looked at: only a daemon knows them"
    yield _finding("left over", text, _NOTICE)


def _start(checkup: Checkup) -> Iterator[Finding]:
    for step in checkup.steps:
        at = step.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        yield _finding("last start", f"{at} {step.step}: {step.text}", step.level)


def _room(checkup: Checkup) -> Iterator[Finding]:
    parts = checkup.part_files
    text = f"{_counted(parts.files, 'part file')}, {fmt.size(parts.bytes)}"
    yield _finding("resume data", f"{_records(checkup.resume_data)}; {text}")


def _records(records: DiskUsage) -> str:
    return f"{_counted(records.files, 'record')}, {fmt.size(records.bytes)}"


def _leftovers(checkup: Checkup) -> Iterator[Finding]:
    for leftover in checkup.leftovers:
        text = f"{leftover.kind} {leftover.path}, {fmt.size(leftover.size)}: {leftover.reason}"
        yield _finding("left over", text, _NOTICE, "`winch clean --dry-run`")
    if not checkup.leftovers:
        yield _finding("left over", "nothing")


def _machine(shortcomings: tuple[str, ...]) -> Iterator[Finding]:
    for text in shortcomings:
        yield _finding("machine", text, _NOTICE)
    if not shortcomings:
        yield _finding("machine", "it can do all that winch makes use of")


def _terminal() -> Iterator[Finding]:
    """Tell what the environment says of the terminal: what the screen makes of it."""
    env = os.environ
    kind = env.get("TERM", "")
    if not sys.stdout.isatty():
        yield _finding(
            "terminal",
            "this output goes to no terminal: no colours, and lines instead of a display",
        )
    elif kind in ("", "dumb"):
        yield _finding("terminal", f"TERM is {kind!r}: no screen, no colours", _NOTICE)
    else:
        colours = "24 bit" if env.get("COLORTERM") in ("truecolor", "24bit") else "as TERM says"
        colours = "off (NO_COLOR)" if env.get("NO_COLOR") else colours
        yield _finding("terminal", f"TERM is {kind}, colours: {colours}")
    encoding = locale.getpreferredencoding(False)
    if encoding.replace("-", "").lower() != "utf8":
        text = f"the locale's encoding is {encoding}: bars and some names look odd"
        yield _finding("terminal", text, _NOTICE, "set LC_ALL=C.UTF-8")
    if env.get("SSH_CONNECTION"):
        yield _finding("terminal", "over SSH: the screen is drawn once a second")
    if env.get("TMUX") or env.get("STY"):
        yield _finding("terminal", f"inside {'tmux' if env.get('TMUX') else 'screen'}")


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.level:<8} {finding.subject:<12} {fmt.clean(finding.text)}"
    if finding.hint:
        yield f"{'':<8} {'':<12} -> {fmt.clean(finding.hint)}"


def _finding(subject: str, text: str, level: str = "ok", hint: str = "") -> Finding:
    return Finding(subject=subject, text=text, level=level, hint=hint)


def _count(findings: list[Finding], level: str) -> int:
    return sum(finding.level == level for finding in findings)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
