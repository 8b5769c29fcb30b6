"""Files that an older winch wrote are read as if this one had; `schemas/` holds such files."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from core.adapters.state import records
from core.adapters.state.catalog import FORMAT, Catalog
from core.adapters.state.history import HistoryStore
from core.adapters.state.resume_data import ResumeStore
from core.domain.models import PartIdentity, Segment, Status, TimelineEntry
from core.domain.service import LimitChanges
from core.domain.value import replace
from tests.attempts import a_failure, an_attempt
from tests.core.adapters.records import a_download, ids, reload

SCHEMAS = Path(__file__).parent / "schemas"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def of_schema_1(state: Path) -> bytes:
    """Put a list of schema 1 into a state directory and return its bytes."""
    state.mkdir()
    shutil.copy(SCHEMAS / "downloads-1.json", state / "downloads.json")
    return (state / "downloads.json").read_bytes()


def test_every_step_has_a_file_of_the_schema_before() -> None:
    for name, steps in [
        ("downloads", records.DOWNLOADS),
        ("history", records.HISTORY),
        ("resume-record", records.RESUME_RECORD),
    ]:
        there = sorted(path.name for path in SCHEMAS.glob(f"{name}-*.json"))
        assert there == [f"{name}-{schema}.json" for schema in range(1, 1 + len(steps))]


async def test_a_list_of_schema_1_keeps_its_downloads_its_limits_and_its_pause(
    state: Path,
) -> None:
    of_schema_1(state)

    loaded = await reload(state)

    assert (loaded.is_whole, loaded.notices, loaded.saved_at) == (True, (), None)
    assert loaded.limits == LimitChanges(rate=500_000, active=2)
    assert loaded.paused
    a1, b2 = loaded.downloads
    assert (a1.id, a1.status, a1.order, a1.created_at) == ("a1", Status.PAUSED, 1.0, NOW)
    assert a1.request.headers == {"Referer": "https://example.org/"}
    assert [entry.text for entry in a1.timeline] == ["added", "paused"]
    assert b2.interrupted is None
    assert b2.timeline == (TimelineEntry(at=NOW, text="added"),)


async def test_the_list_of_schema_1_is_the_generation_before(state: Path, current: Path) -> None:
    before = of_schema_1(state)
    catalog = Catalog(state)
    await catalog.load()
    assert current.read_bytes() == before
    catalog.put(a_download("c3"))
    await catalog.close()

    assert msgspec.json.decode(current.read_bytes())["meta"]["1"]["schema"] == FORMAT.schema
    assert (state / "downloads.json.bak").read_bytes() == before
    loaded = await reload(state)
    assert ids(loaded) == {"a1", "b2", "c3"}
    assert (loaded.limits, loaded.paused) == (LimitChanges(rate=500_000, active=2), True)

    current.write_bytes(b"{")
    assert ids(await reload(state)) == {"a1", "b2"}


async def test_a_list_of_schema_1_without_limits_has_none(state: Path, current: Path) -> None:
    document = msgspec.json.decode(of_schema_1(state))
    del document["meta"]["1"]["limits"], document["meta"]["1"]["paused"]
    current.write_bytes(msgspec.json.encode(document))

    loaded = await reload(state)

    assert loaded.is_whole
    assert (loaded.limits, loaded.paused, ids(loaded)) == (LimitChanges(), False, {"a1", "b2"})


@pytest.mark.parametrize("schema", [2, 3])
async def test_a_list_of_an_older_schema_keeps_everything(state: Path, schema: int) -> None:
    state.mkdir()
    shutil.copy(SCHEMAS / f"downloads-{schema}.json", state / "downloads.json")

    loaded = await reload(state)

    assert (loaded.is_whole, loaded.notices) == (True, ())
    assert loaded.downloads == [a_download("a1"), a_download("b2", status=Status.PAUSED)]
    assert (loaded.limits, loaded.paused, loaded.saved_at) == (LimitChanges(rate=500), True, NOW)
    assert loaded.commits == {}


async def test_a_history_of_schema_1_goes_on_as_one_that_an_older_winch_leaves_alone(
    state: Path,
) -> None:
    state.mkdir()
    path = state / "history.json"
    shutil.copy(SCHEMAS / "history-1.json", path)
    store = HistoryStore(state)

    assert await store.load() == ()
    assert store.live() == [an_attempt(1), replace(a_failure(), number=2)]
    assert store.usage == {"2026-03-01": (2.5, 4096)}
    assert store.append(an_attempt()).number == 3
    await store.close()

    # It does not know the time in `meta`, which is under the checksum.
    meta = msgspec.json.decode(path.read_bytes())["meta"]["1"]
    assert "saved_at" in meta
    assert meta["schema"] == 2


async def test_damage_to_a_list_of_schema_1_is_seen(state: Path, current: Path) -> None:
    current.parent.mkdir()
    current.write_bytes(
        (SCHEMAS / "downloads-1.json").read_bytes().replace(b'"order":2.0', b'"order":3.0')
    )
    assert not (await reload(state)).is_whole


async def test_a_newer_list_that_says_it_is_old_is_not_believed(
    two_generations: Path, current: Path
) -> None:
    current.write_bytes(current.read_bytes().replace(b'"schema":4', b'"schema":1'))

    loaded = await reload(two_generations)

    assert (loaded.is_whole, ids(loaded)) == (False, {"a1", "b2"})


async def test_a_record_of_version_1_can_be_gone_on_with(tmp_path: Path) -> None:
    shutil.copy(SCHEMAS / "resume-record-1.json", tmp_path / "a1.json")

    record = await ResumeStore(tmp_path).load("a1")

    assert record is not None
    assert record.done == (Segment(0, 1000),)
    assert record.part == PartIdentity(device=1, inode=2)
    assert record.resource.validator.etag == '"v1"'
    assert (record.request, record.timeline, record.created_at) == (None, (), None)
    assert record.version == 2
    assert [path.name for path in tmp_path.iterdir()] == ["a1.json"]
