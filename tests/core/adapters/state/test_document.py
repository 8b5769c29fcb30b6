"""A document of several tables: saved together, believed together, and never something else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.adapters.state.document import Document
from core.adapters.state.tables import Format
from core.domain.errors import StateError
from tests.core.adapters.records import generation

Content = dict[str, dict[str, int]]
EMPTY: Content = {"sheep": {}, "goats": {}}


FLOCK = Format(title="flock", tables={"sheep": int, "goats": int})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flock.json"


def open_document(path: Path, format_: Format = FLOCK) -> Document:
    return Document(path, format_, debounce=1e6)


async def two_generations(path: Path) -> None:
    """Save a sheep, and with the next generation a goat."""
    document = open_document(path)
    document.put("sheep", "1", 11)
    await document.flush()
    document.put("goats", "2", 22)
    await document.close()


async def with_journal(path: Path) -> Document:
    """Return a document with a sheep in its generation and, so far, an empty journal."""
    document = open_document(path)
    document.put("sheep", "1", 11)
    await document.flush()
    return document


async def test_all_tables_are_saved_in_one_generation(path: Path) -> None:
    document = open_document(path)
    assert (await document.load()).tables == EMPTY
    document.put("sheep", "1", 11)
    document.put("goats", "1", 12)
    document.put("goats", "2", 22)
    document.discard("goats", "1")
    await document.close()

    assert generation(path) == 1
    loaded = await open_document(path).load()
    assert (loaded.tables, loaded.notices, loaded.is_whole) == (
        {"sheep": {"1": 11}, "goats": {"2": 22}},
        (),
        True,
    )


async def test_more_records_than_are_encoded_at_once_come_back_in_their_order(path: Path) -> None:
    document = open_document(path)
    for number in range(1500, 0, -1):
        document.put("sheep", str(number), number)
    await document.close()

    content = (await open_document(path).load()).tables
    assert list(content["sheep"].values()) == list(range(1500, 0, -1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"2":22', b'"2":23'),
        (b'"1":11', b'"3":11'),
        (b'"goats"', b'"foats"'),
        (b'"generation":2', b'"generation":3'),
        (b'"saved_at":"20', b'"saved_at":"30'),
        (b'"goats":{\n"2":22\n},\n', b""),
    ],
    ids=["last table", "id", "name", "generation", "time", "missing table"],
)
async def test_the_checksum_covers_everything(path: Path, old: bytes, new: bytes) -> None:
    await two_generations(path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))

    loaded = await open_document(path).load()

    # What the generation before lacks, its journal has.
    assert (loaded.tables, loaded.is_whole) == ({"sheep": {"1": 11}, "goats": {"2": 22}}, False)
    assert "The flock was read from flock.json.bak" in loaded.notices[-1]


async def test_a_generation_that_the_store_cannot_read_is_damaged(path: Path) -> None:
    document = open_document(path)
    document.put("sheep", "1", 11)
    await document.flush()
    await document.close()
    document = open_document(path)
    await document.load()
    document.put("sheep", "1", "eleven")
    await document.close()
    path.with_suffix(".journal.bak").unlink()

    loaded = await open_document(path).load()

    assert (loaded.tables["sheep"], loaded.is_whole) == ({"1": 11}, False)


async def test_a_change_that_the_store_cannot_read_is_damage_to_the_journal(path: Path) -> None:
    document = await with_journal(path)
    for sheep in (12, "thirteen", 14):
        document.put("sheep", str(sheep), sheep)
        await document.flush()

    loaded = await open_document(path).load()

    assert (loaded.tables["sheep"], loaded.is_whole) == ({"1": 11, "12": 12}, False)
    assert "flock.journal is damaged" in loaded.notices[0]


async def test_what_a_kill_left_behind_is_not_in_the_way(path: Path) -> None:
    await two_generations(path)
    path.with_name("flock.json.tmp").write_bytes(b'{"meta":')
    document = open_document(path)
    assert (await document.load()).is_whole
    document.put("sheep", "3", 33)
    await document.close()

    assert (await open_document(path).load()).tables["sheep"] == {"1": 11, "3": 33}
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "flock.journal.bak",
        "flock.json",
        "flock.json.bak",
    ]


def doubled(document: dict[str, Any]) -> dict[str, Any]:
    sheep = {id_: 2 * value for id_, value in document["sheep"].items()}
    return {**document, "sheep": sheep}


def moved(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "goats": document["sheep"], "sheep": {}}


async def test_steps_are_taken_in_order_from_the_schema_that_is_there(path: Path) -> None:
    await two_generations(path)
    second = Format(title="flock", tables=FLOCK.tables, migrations=(doubled,))
    third = Format(title="flock", tables=FLOCK.tables, migrations=(doubled, moved))

    document = open_document(path, second)
    assert (await document.load()).tables == {"sheep": {"1": 22}, "goats": {"2": 22}}
    document.put("sheep", "5", 55)
    await document.close()

    expected = {"sheep": {}, "goats": {"1": 22, "5": 55}}
    for _ in range(2):
        document = open_document(path, third)
        assert (await document.load()).tables == expected
        document.put("goats", "5", 55)
        await document.close()
    with pytest.raises(StateError, match="newer winch"):
        await open_document(path, second).load()


SECOND = Format(title="flock", tables=FLOCK.tables, migrations=(doubled,))


async def test_a_journal_is_read_in_the_schema_that_it_is_written_in(path: Path) -> None:
    document = await with_journal(path)
    document.put("sheep", "2", 22)
    await document.flush()

    document = open_document(path, SECOND)
    assert (await document.load()).tables["sheep"] == {"1": 22, "2": 44}
    document.put("goats", "1", 1)
    await document.flush()
    document.put("sheep", "3", 33)
    await document.flush()
    expected = {"sheep": {"1": 22, "2": 44, "3": 33}, "goats": {"1": 1}}
    assert (await open_document(path, SECOND).load()).tables == expected
    path.write_bytes(b"{")  # then the older generation is left, its journal and today's

    loaded = await open_document(path, SECOND).load()

    assert (loaded.tables["sheep"], loaded.is_whole) == (expected["sheep"], False)


async def test_journals_of_an_older_schema_without_a_generation_are_set_aside(path: Path) -> None:
    document = await with_journal(path)
    document.put("sheep", "2", 22)
    await document.flush()
    path.unlink()

    document = open_document(path, SECOND)
    loaded = await document.load()

    assert (loaded.tables, loaded.is_whole) == (EMPTY, False)
    assert "flock.journal was written by an older winch (schema 1)" in loaded.notices[0]
    document.put("sheep", "3", 33)
    await document.close()
    assert (await open_document(path, SECOND).load()).tables["sheep"] == {"3": 33}
    assert len(list(path.parent.glob("flock.journal.damaged-*"))) == 1


@pytest.mark.parametrize("gone", [["flock.json"], ["flock.json", "flock.json.bak"]])
async def test_journals_of_a_newer_winch_are_refused_and_untouched(
    path: Path, gone: list[str]
) -> None:
    await two_generations(path)
    document = open_document(path, SECOND)
    await document.load()
    document.put("sheep", "2", 22)
    await document.flush()
    document.put("sheep", "3", 33)
    await document.flush()
    for name in gone:
        (path.parent / name).unlink()
    there = {file: file.read_bytes() for file in path.parent.iterdir()}
    assert path.with_suffix(".journal") in there

    with pytest.raises(StateError, match="newer winch"):
        await open_document(path).load()

    assert {file: file.read_bytes() for file in path.parent.iterdir()} == there


async def test_a_journal_that_was_begun_does_not_undo_what_is_written_over_it(path: Path) -> None:
    document = await with_journal(path)
    document.put("goats", "1", 11)
    await document.flush()
    assert document._storage.begin()  # and whatever was to follow failed
    document.put("sheep", "2", 22)
    await document.flush()
    document.put("sheep", "2", 23)
    await document._save_whole()

    expected = {"sheep": {"1": 11, "2": 23}, "goats": {"1": 11}}
    assert (await open_document(path).load()).tables == expected
    document.put("sheep", "3", 33)
    await document.flush()
    await document._write_beside()
    assert (await open_document(path).load()).tables["sheep"] == {"1": 11, "2": 23, "3": 33}
    await document.close()
