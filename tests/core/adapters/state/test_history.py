"""The history outlives restarts, kills and damage, takes bounded space, and keeps its order."""

from __future__ import annotations

import gzip
import json
import os
import random
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.adapters.files import atomic_file
from core.adapters.state import history_archive
from core.adapters.state.history import LIVE, SURPLUS, USAGE_DAYS, HistoryStore
from core.domain.errors import StateError
from core.domain.history import HistoryEntry, HistoryQuery
from tests.attempts import NOON, a_failure, an_attempt

EVERYTHING = HistoryQuery(limit=None)
DAY = timedelta(days=1)


class Shelf:
    """A state directory, and stores that come and go on it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.document = directory / "history.json"
        self._stores: list[HistoryStore] = []

    async def open(self, *, most_bytes: int = history_archive.MOST_BYTES) -> HistoryStore:
        """Return a store that has loaded; one that is not closed is killed, as it were."""
        store = HistoryStore(self.directory, debounce=60, most_bytes=most_bytes)
        self.notices = await store.load()
        self._stores.append(store)
        return store

    async def close(self) -> None:
        for store in self._stores:
            store._document._due.cancel()
            store._document._due_whole.cancel()

    def archives(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("*.gz"))

    def aside(self) -> list[str]:
        return sorted(path.name for path in self.directory.glob("*damaged*"))


@pytest.fixture
async def shelf(state: Path) -> AsyncIterator[Shelf]:
    shelf = Shelf(state)
    yield shelf
    await shelf.close()


async def numbers(store: HistoryStore, query: HistoryQuery = EVERYTHING) -> list[int]:
    return [entry.number for entry in (await store.query(query)).entries]


def fill(store: HistoryStore, count: int, *, ended_at: datetime = NOON) -> None:
    for _ in range(count):
        store.append(an_attempt(ended_at=ended_at))


async def test_what_was_written_is_there_after_a_restart_the_newest_first(shelf: Shelf) -> None:
    store = await shelf.open()
    written = [store.append(an_attempt()), store.append(a_failure(group="set"))]
    await store.close()
    again = await shelf.open()
    assert (await again.query(EVERYTHING)).entries == tuple(reversed(written))
    assert shelf.notices == ()


async def test_only_the_owner_can_read_it(shelf: Shelf) -> None:
    store = await shelf.open()
    store.append(an_attempt())
    await store.tidy(NOON + 31 * DAY)
    await store.close()
    for path in shelf.directory.iterdir():
        assert path.stat().st_mode & 0o077 == 0


async def test_numbers_grow_across_restarts_and_after_it_was_cleared(shelf: Shelf) -> None:
    store = await shelf.open()
    fill(store, 2)
    assert await store.clear() == 2
    await store.close()
    again = await shelf.open()
    assert again.append(an_attempt()).number == 3


async def test_the_order_is_that_of_the_numbers_whatever_the_clock_did(shelf: Shelf) -> None:
    store = await shelf.open()
    for days in (0, 10, -10, 40, -40):
        store.append(an_attempt(ended_at=NOON + days * DAY))
        await store.tidy(NOON + days * DAY)
    assert await numbers(store) == [5, 4, 3, 2, 1]


async def test_nothing_moves_past_an_older_number_that_stays(shelf: Shelf) -> None:
    store = await shelf.open()
    store.append(an_attempt())
    store.append(an_attempt(ended_at=NOON - 40 * DAY))
    await store.tidy(NOON)
    assert list(store._content.entries) == [1, 2]
    assert await numbers(store, HistoryQuery(limit=1)) == [2]


async def test_what_is_beyond_the_newest_thousand_moves_and_is_found_all_the_same(
    shelf: Shelf,
) -> None:
    store = await shelf.open()
    fill(store, LIVE + 3 * SURPLUS)
    await store.tidy(NOON)
    await store.close()
    assert len(json.loads(shelf.document.read_bytes())["entries"]) == LIVE
    with gzip.open(shelf.directory / "history-2026-03.jsonl.gz") as lines:
        archived = [json.loads(line)["number"] for line in lines]
    assert archived == list(range(1, 3 * SURPLUS + 1))
    again = await shelf.open()
    assert await numbers(again) == list(range(LIVE + 3 * SURPLUS, 0, -1))


async def test_a_surplus_moves_by_itself(shelf: Shelf) -> None:
    store = await shelf.open()
    fill(store, LIVE + SURPLUS)
    assert store._moving is not None
    await store._moving
    assert shelf.archives() == ["history-2026-03.jsonl.gz"]
    assert len(store._content.entries) == LIVE


async def test_what_is_older_than_thirty_days_moves_to_the_month_in_which_it_ended(
    shelf: Shelf,
) -> None:
    store = await shelf.open()
    for days in (-60, -31, -29, 0):
        store.append(an_attempt(ended_at=NOON + days * DAY))
    await store.tidy(NOON)
    assert shelf.archives() == ["history-2026-01.jsonl.gz", "history-2026-02.jsonl.gz"]
    assert list(store._content.entries) == [3, 4]
    assert await numbers(store) == [4, 3, 2, 1]


async def test_the_month_is_that_of_utc(shelf: Shelf) -> None:
    store = await shelf.open()
    store.append(an_attempt(ended_at=datetime.fromisoformat("2026-03-01T00:30:00+02:00")))
    await store.tidy(NOON + 90 * DAY)
    assert shelf.archives() == ["history-2026-02.jsonl.gz"]


async def test_a_kill_between_the_archive_and_the_document_leaves_each_attempt_once(
    shelf: Shelf,
) -> None:
    store = await shelf.open()
    fill(store, 3)
    await store.tidy(NOON + 31 * DAY)
    # Killed here: the archive is written, the document still holds all of it.
    assert len(json.loads(shelf.document.read_bytes())["entries"]) == 3
    again = await shelf.open()
    assert await numbers(again) == [3, 2, 1]
    await again.tidy(NOON + 31 * DAY)
    assert await numbers(again) == [3, 2, 1]
    assert again.append(an_attempt()).number == 4
    assert await again.clear() == 4


async def test_no_number_is_given_twice_after_a_kill(shelf: Shelf) -> None:
    store = await shelf.open()
    fill(store, 2)
    await store.tidy(NOON + 31 * DAY)
    again = await shelf.open()
    assert again.append(an_attempt()).number == 3


async def test_above_its_limit_the_oldest_archive_goes(shelf: Shelf) -> None:
    store = await shelf.open(most_bytes=2100)
    noise = random.Random(1)
    for month in (1, 2, 3):
        entry = an_attempt(
            ended_at=datetime(2026, month, 10, tzinfo=UTC), name=noise.randbytes(600).hex()
        )
        store.append(entry)
        await store.tidy(NOON + 365 * DAY)
    assert shelf.archives() == ["history-2026-02.jsonl.gz", "history-2026-03.jsonl.gz"]
    assert await numbers(store) == [3, 2]


@pytest.mark.parametrize("damage", ["cut", "flip", "other"])
async def test_a_damaged_archive_is_named_and_costs_only_what_lies_behind_the_damage(
    shelf: Shelf, damage: str
) -> None:
    store = await shelf.open()
    for _ in range(2):
        fill(store, 1)
        await store.tidy(NOON + 31 * DAY)
    fill(store, 1, ended_at=NOON + 31 * DAY)
    path = shelf.directory / "history-2026-03.jsonl.gz"
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[-20] ^= 0xFF
    path.write_bytes(content[:-5] if damage == "cut" else content)
    if damage == "other":
        path.write_bytes(bytes(content) + gzip.compress(b'{"number": "none"}\n'))
    found = await store.query(EVERYTHING)
    assert found.damaged == (path.name,)
    expected = [3, 2, 1] if damage == "other" else [3, 1]
    assert [entry.number for entry in found.entries] == expected
    assert shelf.aside() == []


async def test_a_damaged_archive_is_set_aside_when_it_has_to_grow(shelf: Shelf) -> None:
    store = await shelf.open()
    for _ in range(2):
        fill(store, 1)
        await store.tidy(NOON + 31 * DAY)
    await store.close()
    path = shelf.directory / "history-2026-03.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-5])
    again = await shelf.open()
    fill(again, 1)
    await again.tidy(NOON + 31 * DAY)
    found = await again.query(EVERYTHING)
    assert found.damaged == ()
    assert [entry.number for entry in found.entries] == [3, 1]
    assert len(shelf.aside()) == 1


async def test_a_damaged_document_is_set_aside_with_a_word_and_numbers_go_on(shelf: Shelf) -> None:
    store = await shelf.open()
    fill(store, 2)
    await store.tidy(NOON + 31 * DAY)
    await store.close()
    for path in (shelf.document, shelf.document.with_name("history.json.bak")):
        path.write_bytes(b"\0" * 100)
    again = await shelf.open()
    assert any("history.json" in notice for notice in shelf.notices)
    assert again.append(an_attempt()).number == 3
    assert await numbers(again) == [3, 2, 1]
    await again.close()
    assert [name.split(".damaged")[0] for name in shelf.aside()] == [
        "history.json.bak",
        "history.json",
    ]


async def test_what_a_newer_winch_wrote_is_left_alone_and_winch_runs_on(shelf: Shelf) -> None:
    store = await shelf.open()
    fill(store, 1)
    await store.close()
    newer = json.loads(shelf.document.read_bytes())
    newer["meta"]["1"]["schema"] = 99
    shelf.document.write_text(json.dumps(newer))
    before = shelf.document.read_bytes()
    again = await shelf.open()
    assert "newer winch" in shelf.notices[0]
    again.append(an_attempt())
    again.note_usage("2026-03-10", 1.0, 1)
    assert len((await again.query(EVERYTHING)).entries) == 1
    await again.tidy(NOON + 31 * DAY)
    assert (await again.query(EVERYTHING)).damaged == ("history.json",)
    with pytest.raises(StateError, match="nothing was forgotten"):
        await again.clear()
    await again.close()
    assert shelf.document.read_bytes() == before


async def test_a_full_disk_loses_nothing_of_what_is_in_memory(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await shelf.open()
    fill(store, 1)

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(atomic_file, "_write_new", full)
        fill(store, 1)
        await store.tidy(NOON + 31 * DAY)
        assert await numbers(store) == [2, 1]
    await store.tidy(NOON + 31 * DAY)
    await store.close()
    assert await numbers(await shelf.open()) == [2, 1]
    assert shelf.archives() == ["history-2026-03.jsonl.gz"]


async def test_clear_forgets_everything_and_leaves_no_trace_on_the_disk(shelf: Shelf) -> None:
    store = await shelf.open()
    store.append(an_attempt(name="telltale.bin"))
    await store.tidy(NOON + 31 * DAY)
    store.append(an_attempt(name="telltale.bin"))
    await store.close()
    shelf.directory.joinpath("history-2026-03.jsonl.gz.damaged-x").write_bytes(b"telltale.bin")
    again = await shelf.open()
    again.note_usage("2026-03-10", 1.0, 1)
    assert await again.clear() == 2
    assert await numbers(again) == []
    await again.close()
    assert all(b"telltale" not in path.read_bytes() for path in shelf.directory.iterdir())
    assert shelf.archives() == []
    assert (await shelf.open()).usage == {"2026-03-10": (1.0, 1)}


async def test_a_query_takes_the_newest_that_fit(shelf: Shelf) -> None:
    store = await shelf.open()
    store.append(a_failure(name="Disk.ISO", ended_at=NOON - 40 * DAY))
    store.append(an_attempt(name="disk.iso", ended_at=NOON - 40 * DAY))
    await store.tidy(NOON)
    store.append(an_attempt(host="DISK.example"))
    store.append(an_attempt(group="disks"))
    store.append(an_attempt())
    assert await numbers(store, HistoryQuery(text="disk")) == [4, 3, 2, 1]
    assert await numbers(store, HistoryQuery(text="disk", limit=3)) == [4, 3, 2]
    assert await numbers(store, HistoryQuery(limit=1)) == [5]
    assert await numbers(store, HistoryQuery(limit=0)) == []
    assert await numbers(store, HistoryQuery(failed=True)) == [1]
    assert await numbers(store, HistoryQuery(since=NOON - DAY)) == [5, 4, 3]
    assert await numbers(store, HistoryQuery(since=NOON - 41 * DAY)) == [5, 4, 3, 2, 1]


async def test_what_began_before_a_time_and_ended_after_it_ended_since(shelf: Shelf) -> None:
    store = await shelf.open()
    store.append(an_attempt(ended_at=NOON - 70 * DAY))
    store.append(an_attempt(started_at=NOON - 90 * DAY, ended_at=NOON - 31 * DAY))
    await store.tidy(NOON)
    store.append(an_attempt())
    found = await store.ended_since(NOON - 32 * DAY, list)
    assert [entry.number for entry in found] == [2, 3]


async def test_what_ended_since_takes_no_more_memory_the_more_it_is(shelf: Shelf) -> None:
    store = await shelf.open()
    peaks = []
    for _ in range(2):
        for _ in range(4):
            fill(store, SURPLUS, ended_at=NOON - 40 * DAY)
            await store.tidy(NOON)
        tracemalloc.start()
        count = await store.ended_since(NOON - 50 * DAY, lambda each: sum(1 for _ in each))
        peaks.append((count, tracemalloc.get_traced_memory()[1]))
        tracemalloc.stop()
    (few, least), (many, most) = peaks
    assert (few, many) == (4 * SURPLUS, 8 * SURPLUS)
    assert most < 1.5 * least


def test_an_archive_is_read_and_added_to_piece_by_piece(state: Path) -> None:
    archive = history_archive.HistoryArchive(state)
    chance = random.Random(1)
    for number in range(1, 9):
        archive.append([an_attempt(number, url=chance.randbytes(2**19).hex())])
    size = sum(path.stat().st_size for path in archive.files())
    tracemalloc.start()
    assert sum(1 for _ in archive.each([])) == 8
    reading = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    archive.append([an_attempt(9)])
    adding = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 2**22
    assert adding < size / 4
    assert reading < 2 * size
    assert [entry.number for entry in archive.each([])] == list(range(1, 10))


async def test_an_attempt_that_is_in_both_places_comes_once(shelf: Shelf) -> None:
    store = await shelf.open()
    fill(store, 3, ended_at=NOON - 40 * DAY)
    await store.flush()
    await store.tidy(NOON)
    archived = {path: path.read_bytes() for path in shelf.directory.glob("*.gz")}
    store._archive.append(await store.ended_since(NOON - 50 * DAY, list))
    assert {path: path.read_bytes() for path in shelf.directory.glob("*.gz")} != archived
    found = await store.ended_since(NOON - 50 * DAY, list)
    assert [entry.number for entry in found] == [1, 2, 3]


async def test_usage_adds_up_by_day_and_old_days_go(shelf: Shelf) -> None:
    store = await shelf.open()
    for number in range(USAGE_DAYS + 5):
        store.note_usage((NOON + number * DAY).date().isoformat(), 1.0, 100)
    last = (NOON + (USAGE_DAYS + 4) * DAY).date().isoformat()
    store.note_usage(last, 0.5, 50)
    await store.close()
    usage = (await shelf.open()).usage
    assert usage[last] == (1.5, 100)
    assert len(usage) == USAGE_DAYS
    assert min(usage) == (NOON + 5 * DAY).date().isoformat()


async def test_a_name_that_is_no_text_is_made_valid(shelf: Shelf) -> None:
    store = await shelf.open()
    entry: HistoryEntry = store.append(an_attempt(name="a\udcff.bin"))
    assert entry.name == "aÿ.bin"
    await store.close()
    assert await numbers(await shelf.open()) == [1]


async def test_nothing_is_taken_after_the_end(shelf: Shelf) -> None:
    store = await shelf.open()
    await store.close()
    with pytest.raises(StateError):
        store.append(an_attempt())
