"""The journal: what of it counts, what is dropped in silence, and what somebody is told of."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.adapters.state.catalog import FORMAT, Catalog, LoadResult
from core.adapters.state.journal import replay
from tests.core.adapters.records import a_download, generation, ids, reload, store

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
async def journal(state: Path) -> Path:
    """A journal of three appends on top of a list with `0`; the last one adds two downloads."""
    await store(state, a_download("0"))
    catalog = Catalog(state)
    await catalog.load()
    for added in (["a1"], ["b2"], ["c3", "d4"]):
        for id_ in added:
            catalog.put(a_download(id_))
        await catalog.flush()
    catalog.document._due_whole.cancel()  # killed
    return state / "downloads.journal"


async def loaded(state: Path) -> tuple[set[str], LoadResult]:
    result = await reload(state)
    return ids(result), result


async def test_every_change_is_a_line_with_its_checksum_schema_generation_and_place(
    journal: Path, current: Path
) -> None:
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    assert [line[4] for line in lines] == ["downloads", "meta"] * 2 + ["downloads"] * 2 + ["meta"]
    assert {line[1] for line in lines} == {FORMAT.schema}
    assert {line[2] for line in lines} == {generation(current)}
    assert lines[0][5] == lines[0][6]["id"] == "a1"
    assert lines[0][3] == 0 < lines[2][3] < lines[4][3] == lines[6][3]
    assert "saved_at" in lines[-1][6]


async def test_a_kill_leaves_a_generation_and_its_journal(journal: Path, state: Path) -> None:
    found, result = await loaded(state)
    assert found == {"0", "a1", "b2", "c3", "d4"}
    assert (result.notices, result.is_whole) == ((), True)
    assert result.saved_at is not None


def without_newline(content: bytes) -> bytes:
    return content[:-1]


def without_last_line(content: bytes) -> bytes:
    return content[: content.rindex(b"\n", 0, -1) + 1]


def zeros_for_its_end(content: bytes) -> bytes:
    return content[:-200] + bytes(200)


def zeros_for_its_begin(content: bytes) -> bytes:
    begin = content.index(b'"c3"') - 30
    return content[:begin] + bytes(100) + content[begin + 100 :]


TORN = [
    without_newline,
    without_last_line,
    zeros_for_its_end,
    zeros_for_its_begin,
]


@pytest.mark.parametrize("tear", TORN)
async def test_a_torn_last_append_is_dropped_whole_and_in_silence(
    journal: Path, state: Path, tear: Callable[[bytes], bytes]
) -> None:
    content = journal.read_bytes()
    journal.write_bytes(tear(content))
    assert journal.read_bytes() != content

    found, result = await loaded(state)
    assert found == {"0", "a1", "b2"}
    assert (result.notices, result.is_whole) == ((), True)

    # It is cut off before anything comes behind it.
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("e5"))
    await catalog.flush()
    assert (await loaded(state))[0] == {"0", "a1", "b2", "e5"}
    await catalog.close()


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"b2.bin", b"b3.bin"), (b'"meta"', b'"atem"'), (b"\n", b" ")],
    ids=["a record", "the end of an append", "the end of a line"],
)
async def test_damage_in_the_middle_is_told_and_what_came_before_it_counts(
    journal: Path, state: Path, current: Path, old: bytes, new: bytes
) -> None:
    content = journal.read_bytes()
    at = content.index(old, content.index(b"b2.bin") if old != b"b2.bin" else 0)
    journal.write_bytes(content[:at] + new + content[at + len(old) :])
    before = generation(current)

    found, result = await loaded(state)
    assert {"0", "a1"} <= found <= {"0", "a1", "b2"}
    assert not result.is_whole
    assert "downloads.journal is damaged" in result.notices[0]
    # Until there is a generation with what counts, it stays where it is.
    assert (await loaded(state))[0] == found

    await store(state, a_download("e5"))
    assert generation(current) == before + 1
    found_again, result = await loaded(state)
    assert (found_again, result.notices) == (found | {"e5"}, ())
    [aside] = state.glob("downloads.journal.damaged-*")
    assert aside.read_bytes() == content[:at] + new + content[at + len(old) :]


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"c3.bin", b"c4.bin"), (b"d4.bin", b"d5.bin"), (b'"saved_at"', b'"saved_by"')],
    ids=["its first line", "another one", "its end"],
)
async def test_damage_in_the_last_append_is_told_where_the_line_is_whole(
    journal: Path, state: Path, old: bytes, new: bytes
) -> None:
    """Nothing of that append counts: it may be one that nobody was promised."""
    before, _, last = journal.read_bytes().rpartition(old)
    journal.write_bytes(before + new + last)
    found, result = await loaded(state)
    assert found == {"0", "a1", "b2"}
    assert not result.is_whole
    assert "downloads.journal is damaged" in result.notices[0]

    await store(state, a_download("e5"))
    assert (await loaded(state))[0] == found | {"e5"}
    [aside] = state.glob("downloads.journal.damaged-*")
    assert aside.read_bytes() == before + new + last


@pytest.mark.parametrize("count", [1, 2])
async def test_damage_in_the_only_append_is_told(state: Path, count: int) -> None:
    await store(state, a_download("0"))
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("a1"))
    await catalog.flush()
    catalog.document._due_whole.cancel()
    journal = state / "downloads.journal"
    content = journal.read_bytes().replace(b"a1.bin", b"a2.bin")
    journal.write_bytes(content if count == 1 else content.replace(b"saved_at", b"saved_by"))

    found, result = await loaded(state)
    assert (found, result.is_whole) == ({"0"}, False)
    assert "downloads.journal is damaged" in result.notices[0]
    await store(state, a_download("e5"))
    assert (await loaded(state))[0] == {"0", "e5"}
    assert len(list(state.glob("downloads.journal.damaged-*"))) == 1


@pytest.mark.parametrize("block", [512, 4096])
@pytest.mark.parametrize("seed", range(4))
async def test_blocks_that_a_power_cut_left_out_of_the_last_append_are_no_damage(
    journal: Path, state: Path, block: int, seed: int
) -> None:
    begin = journal.stat().st_size
    catalog = Catalog(state)
    await catalog.load()
    for number in range(40):
        catalog.put(a_download(f"e{number}"))
    await catalog.flush()
    catalog.document._due_whole.cancel()
    content = bytearray(journal.read_bytes())
    offsets = range(-(-begin // block) * block, len(content), block)
    for offset in random.Random(seed).sample(offsets, k=len(offsets) // 3):
        length = len(content[offset : offset + block])
        content[offset : offset + length] = bytes(length)
    journal.write_bytes(content)

    found, result = await loaded(state)
    assert (found, result.notices) == ({"0", "a1", "b2", "c3", "d4"}, ())


async def test_a_first_append_of_which_a_power_cut_left_the_end_is_no_damage(state: Path) -> None:
    await store(state, a_download("0"))
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("a1"))
    await catalog.flush()
    catalog.document._due_whole.cancel()
    journal = state / "downloads.journal"
    content = journal.read_bytes()
    journal.write_bytes(bytes(512) + content[512:])

    found, result = await loaded(state)
    assert (found, result.is_whole, result.notices) == ({"0"}, True, ())


async def test_what_is_before_the_damage_counts_within_an_append_too(
    journal: Path, state: Path
) -> None:
    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("e5"))
    await catalog.flush()
    catalog.document._due_whole.cancel()
    journal.write_bytes(journal.read_bytes().replace(b"d4.bin", b"d5.bin"))
    found, result = await loaded(state)
    assert found == {"0", "a1", "b2", "c3"}
    assert "is damaged" in result.notices[0]


async def test_what_is_before_the_damage_counts_where_the_next_journal_was_begun(
    journal: Path, state: Path
) -> None:
    catalog = Catalog(state)
    await catalog.load()
    assert catalog.document._storage.begin()  # and no further
    catalog.put(a_download("e5"))
    await catalog.flush()
    catalog.document._due_whole.cancel()
    journal.write_bytes(journal.read_bytes().replace(b"d4.bin", b"d5.bin"))
    found, result = await loaded(state)
    assert found == {"0", "a1", "b2", "c3"}
    assert "is damaged" in result.notices[0]


@pytest.mark.parametrize("later", [True, False])
async def test_the_journal_of_another_generation_is_never_applied(
    journal: Path, state: Path, current: Path, later: bool
) -> None:
    text, old = journal.read_bytes(), current.read_bytes()
    await store(state, a_download("e5"))
    if later:  # somebody brought back an old list, beside a journal that does not follow it
        await store(state, a_download("f6"))
        catalog = Catalog(state)
        await catalog.load()
        catalog.discard("0")
        await catalog.flush()
        catalog.document._due_whole.cancel()
        current.write_bytes(old)
    else:  # or an old journal, beside a list that has all of it
        await store(state, a_download("f6"))
        catalog = Catalog(state)
        await catalog.load()
        catalog.discard("a1")
        await catalog.close()
        journal.write_bytes(text)

    found, result = await loaded(state)
    if later:
        assert found == {"0"}
        assert "downloads.journal does not follow the list of downloads" in result.notices[0]
        assert not result.is_whole
        await store(state, a_download("a7"))
        assert (await loaded(state))[0] == {"0", "a7"}
        assert len(list(state.glob("downloads.journal.damaged-*"))) == 1
    else:
        assert "a1" not in found
        assert result.notices == ()


async def test_a_journal_that_is_no_file_is_told(state: Path) -> None:
    await store(state, a_download("0"))
    (state / "downloads.journal").mkdir()
    found, result = await loaded(state)
    assert found == {"0"}
    assert "downloads.journal is not a file" in result.notices[0]
    await store(state, a_download("a1"))
    assert (await loaded(state))[0] == {"0", "a1"}


async def test_a_journal_that_a_kill_left_while_the_next_one_was_written_goes_on(
    journal: Path, state: Path, current: Path
) -> None:
    catalog = Catalog(state)
    await catalog.load()
    assert catalog.document._storage.begin()  # and no further
    catalog.put(a_download("e5"))
    catalog.discard("a1")
    await catalog.flush()
    catalog.document._due_whole.cancel()
    expected = {"0", "b2", "c3", "d4", "e5"}
    assert (journal.exists(), journal.with_suffix(".journal.new").exists()) == (True, True)
    assert (await loaded(state))[0] == expected

    catalog = Catalog(state)
    await catalog.load()
    catalog.put(a_download("f6"))
    await catalog.flush()
    await catalog.document._write_beside()
    assert (await loaded(state))[0] == expected | {"f6"}
    assert (journal.exists(), journal.with_suffix(".journal.new").exists()) == (True, False)
    await catalog.close()
    assert (await loaded(state))[0] == expected | {"f6"}
    assert sorted(path.name for path in state.iterdir()) == [
        "downloads.journal.bak",
        "downloads.json",
        "downloads.json.bak",
    ]


async def test_a_missing_journal_is_a_gap_that_nothing_is_applied_behind(
    journal: Path, state: Path
) -> None:
    catalog = Catalog(state)
    await catalog.load()
    assert catalog.document._storage.begin()
    catalog.discard("0")
    await catalog.flush()
    catalog.document._due_whole.cancel()
    journal.unlink()
    found, result = await loaded(state)
    assert found == {"0"}
    assert "downloads.journal.new does not follow the list" in result.notices[0]


def test_what_is_no_journal_holds_nothing() -> None:
    for text in (b"", b"\n", b"[]\n", b'["', bytes(5000), b"[" * 5000, b'["0123456789abcdef",1]\n'):
        assert replay(text) is None
