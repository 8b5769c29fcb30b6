"""A place to download to beside the fault server, and the last line: how many rows hold."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.core.engine.conftest import Workspace

_CASE = re.compile(r"test_matrix\.py::test_\w+\[row(\d+)-")

TOLD = "told at the end"
"""The property of a test with what other tools did; it comes from every worker of the run."""


@pytest.fixture
async def workspace(tmp_path: Path) -> AsyncIterator[Workspace]:
    """A state directory and a destination."""
    async with AsyncExitStack() as stack:
        yield Workspace(tmp_path, stack)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many rows of the conformance table hold, and which do not."""
    held: dict[int, bool] = {}
    cases = passed = 0
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            match = _CASE.search(report.nodeid)
            if match is None:
                continue
            row, good = int(match[1]), outcome == "passed"
            cases += 1
            passed += good
            held[row] = held.get(row, True) and good
    if held:
        line = f"conformance: {sum(held.values())}/{len(held)} rows, {passed}/{cases} cases"
        if broken := sorted(row for row, good in held.items() if not good):
            line += f"; broken: {', '.join(map(str, broken))}"
        terminalreporter.section("servers")
        terminalreporter.line(line)
    reports = terminalreporter.stats.get("passed", [])
    told = [str(said) for r in reports for name, said in r.user_properties if name == TOLD]
    if told:
        terminalreporter.section("the same cut and the same server, resumed")
        for line in sorted(told, key=lambda line: int(line.split()[1].rstrip(","))):
            terminalreporter.line(line)
