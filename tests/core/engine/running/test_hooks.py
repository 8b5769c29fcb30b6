"""The person's own programs: for what they run, in which order, how often, and what is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.domain.events import Noticed
from core.domain.models import Status, WaitReason
from core.domain.settings import DiskSettings, HookSettings, RetrySettings, Settings
from core.domain.value import replace
from core.engine.running import hooks, queue_runs
from core.engine.service import Engine
from tests.core.engine.conftest import SETTINGS, Workspace, fetch, settled, until
from tests.faults.server import FaultServer

FACTS = ("HOOK", "NAME", "DONE", "FAILED")


class Book:
    """What hooks have written down, a line each, and the script that writes it."""

    def __init__(self, root: Path) -> None:
        self.path = root / "book"
        self._root = root
        self.path.touch()

    def script(self, *lines: str, name: str = "hook") -> tuple[str]:
        """Return the command of a hook that writes a line, and then does what these say."""
        script = self._root / name
        told = " ".join(f"${{WINCH_{fact}}}" for fact in FACTS)
        script.write_text("\n".join(["#!/bin/sh", f'echo "{told}" >> "{self.path}"', *lines]))
        script.chmod(0o755)
        return (str(script),)

    @property
    def waits(self) -> tuple[str, ...]:
        """What has a script wait for `let_go`."""
        return (f'until [ -e "{self._root}/gate" ]; do sleep 0.01; done',)

    def let_go(self) -> None:
        """Let the scripts that wait end, and those to come."""
        (self._root / "gate").touch()

    @property
    def lines(self) -> list[str]:
        """The facts of each, without those that are empty."""
        return [" ".join(line.split()) for line in self.path.read_text().splitlines()]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_runs, "SETTLING", 0.02)


def with_hooks(settings: Settings = SETTINGS, **fields: object) -> Settings:
    return replace(settings, hooks=HookSettings(**fields))  # type: ignore[arg-type]


def on_all(command: tuple[str, ...], **fields: object) -> Settings:
    events = ("on_start", "on_done", "on_failed", "on_queue_done")
    return with_hooks(**dict.fromkeys(events, command), **fields)


async def idle(engine: Engine) -> None:
    """Return once nothing is to be done or told any more."""
    changed = asyncio.Event()
    engine.on_work_change(changed.set)
    while engine.is_busy:
        changed.clear()
        await changed.wait()


async def wait_for(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - another process tells by a file
        await asyncio.sleep(0.005)


async def notices(engine: Engine) -> tuple[str, ...]:
    return (await engine.status()).notices


async def test_each_runs_for_its_own_and_the_queue_once_at_the_end(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    engine = await workspace.engine(on_all(book.script(), concurrency=1))
    urls = [fault_server.file("a", b"x" * 9), fault_server.url_of("b")]
    await engine.add([workspace.request(url) for url in urls])
    await idle(engine)
    *first, last = book.lines
    assert sorted(first) == ["on_done a", "on_failed b", "on_start a", "on_start b"]
    assert last == "on_queue_done 1 1"

    # What comes later is another run, with counts of its own.
    await engine.add([workspace.request(fault_server.file("c", b"x"))])
    await idle(engine)
    assert book.lines[5:] == ["on_start c", "on_done c", "on_queue_done 1 0"]


async def test_what_fails_is_told_in_the_timeline_in_a_notice_and_in_the_log(
    workspace: Workspace,
    fault_server: FaultServer,
    book: Book,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    script = book.script("printf 'so\\033[31m\\n'", "exit 3")
    engine = await workspace.engine(with_hooks(on_done=script))
    for name in ("a", "b"):
        await engine.add([workspace.request(fault_server.file(name, b"x"))])
        await idle(engine)
    failure = "the hook on_done failed: it ended with status 3"
    for view in await engine.downloads():
        assert view.download.timeline[-1].text == failure
        assert view.download.status is Status.COMPLETED
    (notice,) = await notices(engine)
    assert notice == (
        "The hook on_done failed 2 times, the last time for b: it ended with status 3;"
        " `winch log` says more"
    )
    assert "on_done for " in caplog.text
    told = [record for record in caplog.records if record.name.endswith(".hooks")]
    views = await engine.downloads()
    assert {record.__dict__["download"] for record in told} == {v.download.id for v in views}
    assert ": so [31m" in caplog.text
    assert "\x1b" not in caplog.text


async def test_what_failed_stands_until_it_works_in_a_later_run_or_is_another_one(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    engine = await workspace.engine(
        with_hooks(
            on_done=book.script('case "$WINCH_NAME" in [abd]) exit 3 ;; esac'), concurrency=1
        )
    )
    told = []
    for names in ("a", "bc", "e"):
        urls = [fault_server.file(name, b"x") for name in names]
        await engine.add([workspace.request(url) for url in urls])
        await idle(engine)
        told.append(len(await notices(engine)))
    assert told == [1, 1, 0]

    await fetch(engine, workspace.request(fault_server.file("d", b"x")))
    await idle(engine)
    assert len(await notices(engine)) == 1
    engine.read_settings = lambda: with_hooks(on_done=book.script(name="other"))
    await engine.reload()
    assert await notices(engine) == ()
    await fetch(engine, workspace.request(fault_server.file("f", b"x")))
    await idle(engine)
    assert book.lines[-1] == "on_done f"


async def test_they_hold_up_no_download_and_no_more_than_set_run_at_once(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    engine = await workspace.engine(with_hooks(on_done=book.script(*book.waits)))
    urls = [fault_server.file(name, b"x") for name in "abcde"]
    for download in await engine.add([workspace.request(url) for url in urls]):
        await settled(engine, download)
    await wait_for(lambda: len(book.lines) == 2)
    assert engine.is_busy
    assert not engine.has_work
    book.let_go()
    await idle(engine)
    assert len(book.lines) == 5


async def test_one_that_takes_too_long_is_ended_and_told(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    engine = await workspace.engine(with_hooks(on_done=book.script("sleep 600"), timeout="1s"))
    await fetch(engine, workspace.request(fault_server.file("a", b"x")))
    await idle(engine)
    (notice,) = await notices(engine)
    assert "it was ended after 1 s, its time limit" in notice


async def test_what_waits_as_winch_ends_runs_once_after_the_next_start(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    settings = with_hooks(on_done=book.script(*book.waits), concurrency=1)
    engine = await workspace.engine(settings)
    for name in "abc":
        await fetch(engine, workspace.request(fault_server.file(name, b"x")))
    await wait_for(lambda: book.lines == ["on_done a"])
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    book.let_go()
    await closing
    assert book.lines == ["on_done a"]

    engine = await workspace.engine(with_hooks(on_done=book.script(), concurrency=1))
    await idle(engine)
    assert book.lines == ["on_done a", "on_done b", "on_done c"]
    assert await notices(engine) == ()
    await engine.close()

    engine = await workspace.engine(settings)
    await idle(engine)
    assert len(book.lines) == 3


async def test_a_kill_runs_what_waits_once_and_tells_what_it_cut_off(
    workspace: Workspace, fault_server: FaultServer, book: Book, tmp_path: Path
) -> None:
    settings = with_hooks(on_done=book.script(*book.waits), concurrency=1)
    engine = await workspace.engine(settings)
    for name in "ab":
        await fetch(engine, workspace.request(fault_server.file(name, b"x")))
    await wait_for(lambda: book.lines == ["on_done a"])
    await engine.add([])  # and what was done before is on disk
    killed = tmp_path / "killed"
    shutil.copytree(workspace.state, killed)
    book.let_go()
    await engine.close()

    workspace.state = killed
    engine = await workspace.engine(settings)
    await idle(engine)
    assert book.lines == ["on_done a", "on_done b"]
    (notice,) = await notices(engine)
    assert "for a: winch ended before it did; it is not run again" in notice


async def test_what_the_end_of_winch_cuts_off_is_told_and_does_not_run_again(
    workspace: Workspace,
    fault_server: FaultServer,
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hooks, "STOPPING", 0.01)
    settings = with_hooks(on_done=book.script("sleep 600"))
    engine = await workspace.engine(settings)
    await fetch(engine, workspace.request(fault_server.file("a", b"x")))
    await wait_for(lambda: book.lines == ["on_done a"])
    await engine.close()

    engine = await workspace.engine(settings)
    (notice,) = await notices(engine)
    assert "on_done failed for a: winch ended before it did; it is not run again" in notice
    await idle(engine)
    assert book.lines == ["on_done a"]
    await engine.close()
    assert await notices(await workspace.engine(settings)) == ()


@pytest.mark.parametrize("act", ["pause", "hold", "cancel", "remove"])
async def test_the_queue_is_not_done_where_a_person_stops_the_last(
    workspace: Workspace, fault_server: FaultServer, book: Book, act: str
) -> None:
    engine = await workspace.engine(with_hooks(on_queue_done=book.script()))
    await fetch(engine, workspace.request(fault_server.file("a", b"x")))
    url = fault_server.file("b", b"x" * 2**20, hold_after=2**19)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("b")
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "pause": lambda: engine.pause([download.id]),
        "hold": lambda: engine.hold(True),
        "cancel": lambda: engine.cancel([download.id]),
        "remove": lambda: engine.remove([download.id]),
    }
    await acts[act]()
    await idle(engine)
    done_before = book.lines
    assert done_before in ([], ["on_queue_done 1 0"])  # a run of its own, if the rest was long
    fault_server.release("b")
    if act not in ("pause", "hold"):
        return
    await (engine.resume([download.id]) if act == "pause" else engine.hold(False))
    await settled(engine, download)
    await idle(engine)
    total = 1 if done_before else 2
    assert book.lines == [*done_before, f"on_queue_done {total} 0"]


async def test_a_retry_that_waits_is_not_the_end(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    patient = replace(SETTINGS, retry=RetrySettings(attempts=5, base=3600.0, cap=3600.0))
    engine = await workspace.engine(with_hooks(patient, on_queue_done=book.script()))
    url = fault_server.file("a", b"x", statuses=[503])
    (download,) = await engine.add([workspace.request(url)])
    await until(engine, download, lambda view: view.download.retry_at is not None)
    await fetch(engine, workspace.request(fault_server.file("b", b"x")))
    # Timers go off in their order: one that ends a run, and began before this, has.
    await asyncio.sleep(queue_runs.SETTLING)
    await engine.start_now([download.id])
    await settled(engine, download)
    await idle(engine)
    assert book.lines == ["on_queue_done 2 0"]


async def test_a_run_goes_on_over_a_restart(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    settings = with_hooks(on_queue_done=book.script())
    engine = await workspace.engine(settings)
    url = fault_server.file("b", b"x" * 2**20, hold_after=2**19)
    (download,) = await engine.add([workspace.request(url)])
    await fault_server.held("b")
    await fetch(engine, workspace.request(fault_server.file("a", b"x")))
    await engine.close()
    assert book.lines == []
    fault_server.release("b")
    engine = await workspace.engine(settings)
    await settled(engine, download)
    await idle(engine)
    assert book.lines == ["on_queue_done 2 0"]


async def test_the_queue_is_done_after_the_hooks_and_what_they_add(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    both = book.script("exit", name="quick")
    engine = await workspace.engine(
        with_hooks(on_done=book.script("sleep 0.1"), on_queue_done=both)
    )
    await fetch(engine, workspace.request(fault_server.file("a", b"x")))
    await wait_for(lambda: book.lines == ["on_done a"])
    await engine.add([workspace.request(fault_server.file("b", b"x"))])
    async with engine.subscribe() as events:
        async for event in events:
            if isinstance(event, Noticed) and event.ended is not None:
                assert (event.ended.done, event.ended.failed, event.ended.bytes) == (2, 0, 2)
                break
    await idle(engine)
    assert book.lines == ["on_done a", "on_done b", "on_queue_done 2 0"]


async def test_beyond_what_may_wait_they_are_skipped_and_that_is_told(
    workspace: Workspace,
    fault_server: FaultServer,
    book: Book,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hooks, "MOST_WAITING", 1)
    engine = await workspace.engine(with_hooks(on_done=book.script(*book.waits), concurrency=1))
    for name in "abcd":
        await fetch(engine, workspace.request(fault_server.file(name, b"x")))
    assert await notices(engine) == ("Hooks are skipped: 1 wait for their turn already.",)
    book.let_go()
    await idle(engine)
    assert await notices(engine) == ("2 hooks were skipped: more than 1 waited.",)
    assert book.lines == ["on_done a", "on_done b"]


async def test_a_file_that_left_the_list_is_still_told_of(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    engine = await workspace.engine(with_hooks(on_done=book.script(*book.waits), concurrency=1))
    for name in "ab":
        await fetch(engine, workspace.request(fault_server.file(name, b"x")))
    await engine.remove(None)
    book.let_go()
    await idle(engine)
    assert book.lines == ["on_done a", "on_done b"]


async def test_an_embedded_engine_does_all_of_it_before_it_ends(
    workspace: Workspace, fault_server: FaultServer, book: Book
) -> None:
    engine = await workspace.engine(on_all(book.script("sleep 0.01"), concurrency=1), embedded=True)
    request = workspace.request(fault_server.file("a", b"x"))
    (download,) = await engine.add_own([request])
    await settled(engine, download)
    await engine.close()
    assert book.lines == ["on_start a", "on_done a", "on_queue_done 1 0"]


async def test_a_disk_that_is_low_is_told_once(
    workspace: Workspace,
    fault_server: FaultServer,
    book: Book,
    small_disk: Callable[[Path, str], None],
) -> None:
    small_disk(workspace.files, "4m")
    low = replace(SETTINGS, disk=DiskSettings(low_water="3m"))
    script = book.script(f'echo "$WINCH_LOW_WATER" > "{book.path}.facts"')
    engine = await workspace.engine(with_hooks(low, on_disk_low=script))
    for name in "ab":
        url = fault_server.file(name, b"x" * 2**21)
        (download,) = await engine.add([workspace.request(url)])
        await until(engine, download, lambda view: view.download.wait_reason is WaitReason.DISK_LOW)
    await wait_for(lambda: bool(book.lines))
    await engine.close()
    assert book.lines == ["on_disk_low"]
    assert Path(f"{book.path}.facts").read_text() == f"{3 * 2**20}\n"
