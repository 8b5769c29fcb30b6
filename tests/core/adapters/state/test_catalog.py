"""The list of downloads comes back as it was put: after reloads, damage and newer versions."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tinydb import Query, TinyDB

from core.adapters.files import atomic_file
from core.adapters.state.catalog import Catalog, LoadResult
from core.domain.errors import StateError
from core.domain.models import Download, FileStamp, PartIdentity, PendingCommit, Status
from core.domain.service import LimitChanges
from tests.core.adapters.records import NOW, a_download, downloads, ids, reload, store
from tests.hourglass import Hourglass


async def test_no_file_is_a_fresh_start(state: Path) -> None:
    assert await reload(state) == LoadResult(downloads=[], is_found=False, is_whole=True)


async def test_what_was_flushed_is_loaded_again(state: Path) -> None:
    await store(state, a_download("a1"), a_download("b2", status=Status.PAUSED))

    result = await reload(state)

    assert result.is_whole
    assert result.notices == ()
    assert result.downloads == [a_download("a1"), a_download("b2", status=Status.PAUSED)]


async def test_the_latest_put_counts_and_a_discard_removes(state: Path) -> None:
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("a1"))
    catalog.put(a_download("b2"))
    await catalog.flush()
    catalog.put(a_download("a1", name="renamed.bin"))
    catalog.discard("b2")
    catalog.discard("c3")
    await catalog.close()

    assert (await reload(state)).downloads == [a_download("a1", name="renamed.bin")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(downloads, max_size=4, unique_by=lambda download: download.id))
async def test_every_record_comes_back_as_it_was_put(
    tmp_path_factory: pytest.TempPathFactory, records: list[Download]
) -> None:
    state = tmp_path_factory.mktemp("state")
    await store(state, *records)

    assert (await reload(state)).downloads == records


async def test_plain_tinydb_reads_the_list_and_asks_it_questions(
    state: Path, current: Path
) -> None:
    await store(state, a_download("b2"), a_download("a1", status=Status.PAUSED))

    with TinyDB(current, access_mode="r") as database:
        assert database.tables() == {
            *("meta", "downloads", "queue", "commits", "collections", "hooks")
        }
        assert database.table("meta").all()[0]["schema"] == 4
        downloads = database.table("downloads")
        assert [(found.doc_id, found["id"]) for found in downloads.all()] == [(1, "b2"), (2, "a1")]
        (paused,) = downloads.search(Query().status == "paused")
        assert paused["name"] == "a1.bin"
        assert downloads.get(doc_id=1)["name"] == "b2.bin"


async def test_the_program_itself_has_it_as_a_tinydb_database(state: Path) -> None:
    await store(state, a_download("a1"), a_download("b2"))
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("c3"))
    await catalog.flush()  # which is in the journal, and in no generation yet

    found = catalog.document.database.table("downloads").search(Query().name == "c3.bin")
    assert [(record.doc_id, record["id"]) for record in found] == [(3, "c3")]
    await catalog.close()


async def test_only_the_owner_can_read(state: Path, current: Path) -> None:
    state.mkdir(mode=0o755)
    await store(state, a_download())
    await store(state, a_download("b2"))

    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("c3"))
    await catalog.flush()
    files = sorted(state.iterdir())
    assert [file.name for file in files] == [
        "downloads.journal",
        "downloads.journal.bak",
        "downloads.json",
        "downloads.json.bak",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    await catalog.close()


async def test_a_name_that_is_no_text_does_not_keep_the_others_from_being_saved(
    state: Path,
) -> None:
    await store(state, a_download(name="\udcff"), a_download("b2"))
    assert [download.name for download in (await reload(state)).downloads] == ["ÿ", "b2.bin"]


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(_: bytes) -> bytes:
    return b""


def foreign(_: bytes) -> bytes:
    return b'{"_default": {"1": {"name": "somebody else\'s TinyDB"}}}'


def not_text(content: bytes) -> bytes:
    return content.replace(b"b2.bin", b"b\xff.bin")


def zeroed(content: bytes) -> bytes:
    return bytes(len(content))


def nested(_: bytes) -> bytes:
    return b"[" * 100_000


def edited_by_hand(content: bytes) -> bytes:
    return content.replace(b"b2.bin", b"b3.bin")


def of_wrong_type(content: bytes) -> bytes:
    return content.replace(b'"order":1.0', b'"order":"1"')


DAMAGES = [truncated, emptied, foreign, not_text, zeroed, nested, edited_by_hand, of_wrong_type]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_list_is_set_aside_and_the_backup_read(
    two_generations: Path, current: Path, damage: Callable[[bytes], bytes]
) -> None:
    content = damage(current.read_bytes())
    current.write_bytes(content)

    result = await reload(two_generations)

    assert ids(result) == {"a1", "b2"}  # by the journal of the generation before
    assert not result.is_whole
    [aside] = two_generations.glob("downloads.json.damaged-*")
    assert aside.read_bytes() == content
    assert any(aside.name in notice for notice in result.notices)

    await store(two_generations, a_download("c3"))
    again = await reload(two_generations)
    assert (ids(again), again.is_whole) == ({"a1", "b2", "c3"}, True)


async def test_two_damaged_generations_are_kept_and_said(
    two_generations: Path, current: Path
) -> None:
    backup = two_generations / "downloads.json.bak"
    current.write_bytes(b"")
    backup.write_bytes(b"{")

    result = await reload(two_generations)

    assert (ids(result), result.is_found, result.is_whole) == ({"b2"}, False, False)
    assert len(list(two_generations.glob("*.damaged-*"))) == 2
    assert "downloads.json.bak" in " ".join(result.notices)
    assert "No readable list of downloads is left. What was changed last" in result.notices[-1]

    await store(two_generations, a_download("c3"))
    again = await reload(two_generations)
    assert (ids(again), again.is_whole) == ({"b2", "c3"}, True)


async def test_a_missing_list_is_read_from_the_backup(two_generations: Path, current: Path) -> None:
    current.unlink()

    result = await reload(two_generations)

    assert (ids(result), result.is_whole) == ({"a1", "b2"}, False)
    assert "missing" in result.notices[0]


async def test_a_backup_without_its_journal_is_the_generation_before(
    two_generations: Path, current: Path
) -> None:
    current.write_bytes(b"{")
    (two_generations / "downloads.journal.bak").unlink()

    result = await reload(two_generations)

    assert (ids(result), result.is_whole) == ({"a1"}, False)
    assert "the last changes may be missing" in result.notices[-1]


@pytest.mark.parametrize("main_is_damaged", [False, True])
async def test_a_newer_list_is_refused_and_untouched(
    two_generations: Path, current: Path, main_is_damaged: bool
) -> None:
    newer = b'{"meta":{"1":{"schema":5},"2":{"new":true}},"downloads":[]}'
    if main_is_damaged:
        current.write_bytes(b"{")
        (two_generations / "downloads.json.bak").write_bytes(newer)
    else:
        current.write_bytes(newer)
    before = {path.name: path.read_bytes() for path in two_generations.iterdir()}

    catalog = Catalog(two_generations)
    with pytest.raises(StateError, match="newer winch"):
        await catalog.load()
    catalog.put(a_download("c3"))
    with pytest.raises(StateError, match="newer winch"):
        await catalog.close()

    assert {path.name: path.read_bytes() for path in two_generations.iterdir()} == before


async def test_what_is_no_file_is_set_aside_and_told(two_generations: Path) -> None:
    current = two_generations / "downloads.json"
    current.unlink()
    current.mkdir()
    loaded = await reload(two_generations)
    assert ids(loaded) == {"a1", "b2"}
    assert not loaded.is_whole
    assert "downloads.json is not a file; it was kept as" in loaded.notices[0]


async def test_a_list_that_cannot_be_read_is_not_taken_for_empty(
    two_generations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: Path) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(atomic_file, "_opened", fails)
        with pytest.raises(StateError, match="cannot be read"):
            await reload(two_generations)
    assert ids(await reload(two_generations)) == {"a1", "b2"}


async def test_the_queue_comes_back_standing_still(state: Path) -> None:
    catalog = Catalog(state)
    await catalog.load()
    catalog.put_paused(True)
    catalog.put_limits(LimitChanges(rate=0))
    await catalog.close()
    await store(state, a_download("b2"))

    assert (await reload(state)).paused


async def test_limits_that_were_changed_come_back_and_leave_the_list_alone(state: Path) -> None:
    await store(state, a_download("a1"))
    catalog = Catalog(state)
    assert (await catalog.load()).limits == LimitChanges()
    catalog.put_limits(LimitChanges(rate=500, active=2))
    await catalog.close()

    await store(state, a_download("b2"))

    result = await reload(state)
    assert result.limits == LimitChanges(rate=500, active=2)
    assert ids(result) == {"a1", "b2"}


async def test_limits_alone_are_worth_a_list(state: Path) -> None:
    catalog = Catalog(state)
    await catalog.load()
    catalog.put_limits(LimitChanges(rate=0))
    await catalog.flush()
    await catalog.close()

    result = await reload(state)
    assert (result.downloads, result.limits) == ([], LimitChanges(rate=0))


async def test_a_commit_comes_back_until_it_is_discarded(state: Path) -> None:
    part, stamp = PartIdentity(device=1, inode=2), FileStamp(uid=0, modified=4)
    commit = PendingCommit(name="a1.bin", part=part, total=3, stamp=stamp)
    catalog = Catalog(state)
    assert (await catalog.load()).commits == {}
    catalog.put(a_download("a1"))
    catalog.put_commit("a1", commit)
    catalog.put_commit("b2", commit)
    catalog.discard_commit("b2")
    await catalog.close()
    assert (await reload(state)).commits == {"a1": commit}

    catalog = Catalog(state)
    await catalog.load()
    catalog.discard_commit("a1")
    await catalog.close()
    assert (await reload(state)).commits == {}


async def test_when_the_list_last_changed_is_remembered(state: Path) -> None:
    catalog = Catalog(state)
    assert (await catalog.load()).saved_at is None
    hourglass = Hourglass(NOW)
    catalog.document.now = hourglass.now
    catalog.put(a_download("a1"))
    hourglass.jump(timedelta(minutes=1))
    catalog.discard("a1")
    await catalog.close()

    assert (await reload(state)).saved_at == hourglass.now()
