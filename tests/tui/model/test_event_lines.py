"""The lines of `winch events`: whoever goes on behind any line ends with what is there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import Added, Changed, Event, Noticed, ProgressBatch, Removed, Snapshot
from core.domain.hooks import QueueRun
from core.domain.models import Download, DownloadRequest, Progress
from core.engine.downloads.change_log import ChangeLog
from tui.model.event_lines import EventLines, Line, Mark

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_download(id_: str, *, order: float = 1.0, priority: int = 0) -> Download:
    request = DownloadRequest(
        url=f"https://me:secret@example.org/{id_}?token=abc", directory="/d", priority=priority
    )
    return Download(id=id_, request=request, name=id_, order=order, created_at=NOON)


class Service:
    """What a list tells, with nothing around it."""

    def __init__(self) -> None:
        self.there: dict[str, Download] = {}
        self.revision = 0
        self.log = ChangeLog()

    def _tell(self, event: Event) -> Event:
        self.log.note(event)
        return event

    def put(self, *ids: str, priority: int) -> Event:
        self.revision += 1
        kind = Changed if all(id_ in self.there for id_ in ids) else Added
        found = tuple(
            a_download(id_, order=float(ord(id_)), priority=priority) for id_ in dict.fromkeys(ids)
        )
        self.there |= {download.id: download for download in found}
        return self._tell(kind(revision=self.revision, downloads=found))

    def step(self, ids: list[str], priority: int) -> Event:
        """Put downloads there, or with a priority of 0 take them away."""
        return self.put(*ids, priority=priority) if priority else self.drop(*ids)

    def drop(self, *ids: str) -> Event:
        self.revision += 1
        gone = tuple(id_ for id_ in dict.fromkeys(ids) if self.there.pop(id_, None))
        return self._tell(Removed(revision=self.revision, ids=gone))

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(revision=self.revision, downloads=tuple(self.there.values()), progress={})


class Script:
    """What a script keeps: the priority of each download, and where it was."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.mark: str | None = None

    def read(self, lines: Iterable[Line]) -> None:
        for line in lines:
            json.dumps(line)
            match line:
                case {"event": "reset"}:
                    self.known = {}
                case {"event": "listed" | "added" | "changed", "download": dict(download)}:
                    self.known[download["id"]] = download["priority"]
                case {"event": "removed", "id": str(id_)}:
                    self.known.pop(id_, None)
            self.mark = line["resume"]  # type: ignore[assignment]


_STEPS = st.lists(
    st.tuples(st.lists(st.sampled_from("abcde"), min_size=1, max_size=3), st.integers(0, 3)),
    max_size=20,
)


@given(_STEPS, _STEPS, st.integers(0, 100))
def test_who_goes_on_behind_any_line_knows_all_in_the_end(
    before: list[tuple[list[str], int]], after: list[tuple[list[str], int]], read: int
) -> None:
    service, script = Service(), Script()
    lines = EventLines(service.log.life, with_progress=False)
    told = [*lines.all_of(service.snapshot, "start", NOON)]
    for ids, priority in before:
        told += lines.of(service.step(ids, priority), NOON)
    script.read(told[: read % (len(told) + 1)])
    for ids, priority in after:
        service.step(ids, priority)
    again = EventLines(service.log.life, with_progress=False)
    mark = Mark.parse(script.mark or "")
    since = service.log.since(*(mark or Mark("", 0)), now=service.revision)
    if mark is None:
        script.read(again.all_of(service.snapshot, "start", NOON))
    else:
        assert since.is_known
        missed = list(again.missed(service.snapshot, since, mark, NOON))
        assert all(line["resume"] for line in missed)
        script.read(missed)
    assert script.known == {id_: d.request.priority for id_, d in service.there.items()}
    assert script.mark == str(Mark(service.log.life, service.revision))


def test_no_line_has_a_secret() -> None:
    service = Service()
    service.put("a", priority=1)
    lines = EventLines("life", with_progress=True).all_of(service.snapshot, "start", NOON)
    text = json.dumps(list(lines))
    assert "example.org/a" in text
    assert "secret" not in text
    assert "abc" not in text


def test_a_position_is_that_in_the_queue_by_now() -> None:
    service, lines = Service(), EventLines("life", with_progress=False)
    service.put("a", "b", "c", priority=0)
    list(lines.all_of(service.snapshot, "start", NOON))
    (line,) = lines.of(service.put("c", priority=5), NOON)
    assert line["download"]["position"] == 1  # type: ignore[index]
    (line,) = lines.of(service.put("b", priority=0), NOON)
    assert line["download"]["position"] == 3  # type: ignore[index]


def test_progress_is_told_where_it_is_wanted_and_known_in_any_case() -> None:
    service = Service()
    service.put("a", priority=1)
    batch = ProgressBatch(revision=9, progress={"a": Progress(bytes_downloaded=7, rate=3.0)})
    for wanted in (True, False):
        lines = EventLines("life", with_progress=wanted)
        list(lines.all_of(service.snapshot, "start", NOON))
        told = [(line["id"], line["bytes_downloaded"]) for line in lines.of(batch, NOON)]
        assert told == ([("a", 7)] if wanted else [])
        (line,) = lines.of(service.put("a", priority=2), NOON)
        assert line["download"]["bytes_downloaded"] == 7  # type: ignore[index]


def test_who_is_too_slow_is_told_so_and_gets_it_all() -> None:
    service = Service()
    service.put("a", priority=1)
    lines = EventLines("life", with_progress=False)
    list(lines.all_of(service.snapshot, "start", NOON))
    first, *_, last = lines.of(service.snapshot, NOON)
    assert (first["event"], first["reason"], first["resume"]) == ("reset", "behind", None)
    assert (last["event"], last["resume"]) == ("ready", "life-1")


def test_what_is_so_of_the_whole_is_told() -> None:
    lines = EventLines("life", with_progress=False)
    (line,) = lines.of(Noticed(revision=4, notices=("careful",), paused=True, limit=5), NOON)
    assert line == {
        "time": "2026-03-01T12:00:00.000Z",
        "event": "noticed",
        "revision": 4,
        "resume": "life-4",
        "paused": True,
        "limit": 5,
        "notices": ["careful"],
    }


def test_the_end_of_a_run_of_the_queue_is_told_behind_that() -> None:
    lines = EventLines("life", with_progress=False)
    run = QueueRun(began_at=NOON, seconds=3.0, done=2, failed=1, bytes=7)
    first, last = lines.of(Noticed(revision=4, notices=(), ended=run), NOON)
    assert (first["event"], first["resume"]) == ("noticed", None)
    assert (last["event"], last["resume"]) == ("queue_done", "life-4")
    assert (last["done"], last["failed"], last["bytes"], last["seconds"]) == (2, 1, 7, 3.0)


@given(st.text())
def test_what_is_no_mark_is_none(text: str) -> None:
    mark = Mark.parse(text)
    assert mark is None or Mark.parse(str(mark)) == mark
