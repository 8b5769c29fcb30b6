"""The scenario under strace: watched, or with one of its calls made to fail or to be its last."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.crash.trace import Call, parse
from tests.crash.world import World
from tests.warm import warm_python


def _is_of_use() -> bool:
    """Tell whether there is a strace here that may look at processes: some containers forbid it."""
    if (found := shutil.which("strace")) is None:
        return False
    asked = subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False)
    return asked.returncode == 0


MISSING = not _is_of_use()
"""Whether calls cannot be traced here."""

CHANGING = (
    *("write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync"),
    *("ftruncate", "fallocate"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir"),
)
"""The calls that change what is on disk, or make it lasting."""
_FOLLOWED = (*CHANGING, "openat", "close", "fstat", "newfstatat", "mkdirat", "rmdir", "truncate")
_LONGEST = 1 << 24


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went: what it said, its exit status (negative: the signal) and its stderr.

    `injected` tells whether a call was made to fail.
    """

    said: tuple[dict[str, Any], ...]
    status: int
    stderr: str
    injected: bool = False

    def ids(self, event: str) -> set[str]:
        """Return the downloads of which it said this."""
        return {said["id"] for said in self.said if said["event"] == event}

    def names(self, event: str) -> set[str]:
        """Return the collections of which it said this."""
        return {said["name"] for said in self.said if said["event"] == event}

    @property
    def messages(self) -> list[str]:
        """What it told a person about what failed."""
        return [said["message"] for said in self.said if "message" in said]


class Life(Protocol):
    """What is traced: a module that lives in a world, with these URLs."""

    world: World
    urls: Sequence[str]
    module: str


async def run(life: Life, tracing: Sequence[str], threads: int) -> Outcome:
    """Let it live under strace with these options."""
    process = await asyncio.create_subprocess_exec(
        warm_python(),
        *("-P", "-m", life.module, str(threads), str(life.world.files), *life.urls),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=life.world.environment({}),
    )
    try:
        return await _follow(process, tracing)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def _follow(process: asyncio.subprocess.Process, tracing: Sequence[str]) -> Outcome:
    assert process.stdin is not None
    assert process.stdout is not None
    said = [await process.stdout.readline()]
    tracer = await asyncio.create_subprocess_exec(
        *("strace", "-f", "-p", str(json.loads(said[0])["pid"]), *tracing),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert tracer.stderr is not None
        words = b""
        while b" attached" not in words:
            line = await tracer.stderr.readline()
            assert line, f"strace cannot look at the scenario: {words.decode()}"
            words = line
        process.stdin.write(b"go\n")
        (stdout, stderr), _ = await asyncio.gather(process.communicate(), tracer.communicate())
    finally:
        if tracer.returncode is None:
            # With it goes whoever it holds: a scenario that is left in its hands would never end.
            process.kill()
            await tracer.communicate()
    said += stdout.splitlines()
    assert process.returncode is not None
    return Outcome(
        # A kill may cut the last line.
        said=tuple(json.loads(line) for line in said if line.strip().endswith(b"}")),
        status=process.returncode,
        stderr=stderr.decode(),
    )


async def watch(
    life: Life, *, threads: int, options: Sequence[str] = ()
) -> tuple[Outcome, list[Call]]:
    """Let it live to its end and return every call that touched a file, with its bytes."""
    file = life.world.root / "trace"
    tracing = ["-y", "-xx", "-v", "-s", str(_LONGEST), "-o", str(file), *options]
    outcome = await run(life, [*tracing, "-e", f"trace={','.join(_FOLLOWED)}"], threads)
    assert outcome.status == 0, (outcome.said, outcome.stderr)
    return outcome, parse(file)


async def inject(
    life: Life, *, call: str, paths: Sequence[Path], fault: str, number: int
) -> Outcome:
    """Let it live with a fault at the call of this number on these paths."""
    # What is called relative to an opened directory has only its name.
    chosen = [option for path in paths for option in ("-P", str(path), "-P", path.name)]
    file = life.world.root / "trace"
    tracing = [*chosen, "-o", str(file), "-e", f"trace={call}"]
    tracing += ["-e", f"inject={call}:{fault}:when={number}"]
    outcome = await run(life, tracing, 1)
    return dataclasses.replace(outcome, injected="(INJECTED)" in file.read_text())
