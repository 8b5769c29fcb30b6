"""What wget, curl and aria2c make of a continuation that goes wrong, beside what winch makes of it.

Only winch's outcome is asserted; what the others do is printed at the end of the run.
"""

from __future__ import annotations

import asyncio
import shutil
from asyncio import StreamWriter
from collections.abc import Callable
from pathlib import Path

import pytest

from core.domain.models import Status
from tests.core.engine.conftest import Workspace, fetch
from tests.faults.cases import DATA, HAVE, NAME, OTHER, Ask, Case, Stage, Way
from tests.faults.conftest import TOLD
from tests.faults.matrix import CASES
from tests.faults.model import File, Request
from tests.faults.server import FaultServer

TOOLS = {
    "wget": ("wget", "-q", "-c", "--tries=2", "--timeout=5", "--waitretry=0"),
    "curl": ("curl", "-s", "-f", "-O", "-C", "-", "--max-time", "10"),
    "aria2c": ("aria2c", "-q", "-c", "-x1", "-m2", "--timeout=5", "--no-conf=true"),
}
EXPECTED = {
    (2, "changed"): "done, new file",
    (4, "another offset"): "failed, part kept",
    (10, "206 with another ETag"): "done, new file",
    (12, "wrong bytes"): "done, right file",
    (15, "no validator and other bytes"): "done, new file",
    (17, "416"): "done, right file",
    (42, "login page"): "failed, part kept",
}
"""The rows that are compared, and what winch makes of them."""
CHOSEN = [case for case in CASES if (case.row, case.title) in EXPECTED]


def outcome(content: bytes | None, *, claims: bool) -> str:
    """Say in words what lies there, and whether the tool calls it done."""
    said = "done" if claims else "failed"
    if content == DATA:
        return f"{said}, right file"
    if content == OTHER:
        return f"{said}, new file"
    if content is not None and content == DATA[: len(content)]:
        return "done, SHORT FILE" if claims else "failed, part kept"
    return f"{said}, no file" if content is None else f"{said}, MIXED FILE"


async def serve(server: FaultServer, case: Case) -> str:
    """Let the server cut the first answer and then do what the case says."""
    stage = Stage(way=Way.RESUMED, server=server, elsewhere=server)
    turn = 0

    async def answer(request: Request, writer: StreamWriter) -> bool:
        nonlocal turn
        if request.number == 1:
            cut = File(content=DATA, etag=case.good.etag, fail_after=HAVE)
            return await server.answer(request, writer, cut)
        turn += 1
        given = case.answer(Ask(request=request, turn=turn, stage=stage))
        if isinstance(given, File):
            return await server.answer(request, writer, given)
        assert isinstance(given, bytes)
        writer.write(given)
        return False

    return server.script(NAME, answer)


async def run(command: tuple[str, ...], url: str, directory: Path) -> int:
    """Run a tool twice, as a person would after a cut, and return its last exit status."""
    status = 1
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            *command,
            url,
            cwd=directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        status = await process.wait()
        if status == 0:
            break
    return status


@pytest.mark.parametrize("case", [pytest.param(c, id=f"row{c.row}") for c in CHOSEN])
async def test_resuming_beside_other_tools(
    case: Case,
    workspace: Workspace,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    found: dict[str, str] = {}
    async with FaultServer() as server:
        url = await serve(server, case)
        engine = await workspace.engine()
        done = await fetch(engine, workspace.request(url))
        ok = done.status is Status.COMPLETED
        file = workspace.files / (NAME if ok else f"{NAME}.part")
        found["winch"] = outcome(file.read_bytes(), claims=ok)
    for tool, command in TOOLS.items():
        if shutil.which(tool) is None:
            continue
        directory = tmp_path / tool
        directory.mkdir()
        async with FaultServer() as server:
            status = await run(command, await serve(server, case), directory)
        there = directory / NAME
        content = there.read_bytes() if there.exists() else None
        found[tool] = outcome(content, claims=status == 0)
    told = " | ".join(f"{tool}: {words}" for tool, words in found.items())
    record_property(TOLD, f"row {case.row}, {case.title}: {told}")
    assert "MIXED" not in found["winch"]
    assert found["winch"] == EXPECTED[case.row, case.title]
