"""A program of the person's own: its words, its time, its output and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from core.adapters.system import hook_process
from core.adapters.system.hook_process import OUTPUT, HookEnd, run_program


async def run(
    *command: str,
    timeout: float = 30.0,
    stop: asyncio.Event | None = None,
    environment: dict[str, str] | None = None,
) -> HookEnd:
    environment = {"PATH": os.environ["PATH"], "HOME": "/"} | (environment or {})
    return await run_program(command, environment, timeout=timeout, stop=stop or asyncio.Event())


async def sh(script: str, **options: object) -> HookEnd:
    return await run("sh", "-c", script, **options)  # type: ignore[arg-type]


async def test_its_words_stay_as_they_are_and_its_environment_is_what_is_given() -> None:
    end = await sh('printf "%s|%s" "$FACT" "${SHELL-none}"', environment={"FACT": "$(x)"})
    assert end == HookEnd(output="$(x)|none", written=9)


async def test_it_is_found_below_the_home_directory(tmp_path: Path) -> None:
    program = tmp_path / "say"
    program.write_text("#!/bin/sh\npwd; cat\n")
    program.chmod(0o755)
    end = await run("~/say", environment={"HOME": str(tmp_path)})
    assert end == HookEnd(output=f"{tmp_path}\n", written=len(f"{tmp_path}\n"))


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        ("no-such-program", "there is no program no-such-program"),
        ("/no/such", "/no/such cannot be run: No such file or directory"),
        ("/etc/passwd", "/etc/passwd cannot be run: Permission denied"),
    ],
)
async def test_one_that_cannot_be_run_says_why(command: str, failure: str) -> None:
    assert await run(command) == HookEnd(failure=failure)


async def test_a_script_that_does_not_say_who_reads_it_says_so(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo\n")
    script.chmod(0o755)
    end = await run(str(script))
    assert end.failure == f"{script} cannot be run: its first line does not begin with #!"


async def test_how_it_ended_is_said() -> None:
    assert (await sh("exit 3")).failure == "it ended with status 3"
    assert (await sh("kill -9 $$")).failure == "it was ended by SIGKILL"


async def test_beyond_its_time_it_is_ended_with_what_it_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hook_process, "TERMINATING", 0.1)
    # What goes on would hold the output open for as long.
    monkeypatch.setattr(hook_process, "_DRAINING", 3600.0)
    end = await sh("trap '' TERM; (trap '' TERM; sleep 600) & wait; sleep 600", timeout=0.3)
    assert end == HookEnd(failure="it was ended after 0.3 s, its time limit")


async def test_one_that_is_to_stop_is_asked_first() -> None:
    stop = asyncio.Event()
    stop.set()
    end = await sh("trap 'echo bye; exit 0' TERM; sleep 0.05 & wait; sleep 0.05", stop=stop)
    assert (end.cut_off, end.failure) == (True, "it was ended because winch ended")


async def test_of_its_output_the_end_is_kept() -> None:
    end = await sh(f"head -c {OUTPUT * 5} /dev/zero | tr '\\0' x; echo end >&2")
    assert end.written == OUTPUT * 5 + 4
    assert end.output == "x" * (OUTPUT - 4) + "end\n"


async def test_what_it_leaves_running_holds_up_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_process, "_DRAINING", 0.01)
    end = await sh("sleep 600 & echo $!")
    assert end.failure == ""
    os.kill(int(end.output), signal.SIGKILL)


async def test_it_inherits_no_descriptor() -> None:
    kept = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(kept, True)
    try:
        end = await sh(f"[ -e /dev/fd/{kept} ] && echo there; exit 0")
    finally:
        os.close(kept)
    assert end.output == ""


async def test_one_that_writes_without_end_is_read_to_its_time() -> None:
    end = await sh("yes", timeout=0.2)
    assert end.failure == "it was ended after 0.2 s, its time limit"
    assert end.output.strip("y\n") == ""
    assert len(end.output) == OUTPUT
