"""A document of several tables: saved together, believed together, and never something else."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.adapters.state.document import Document
from core.adapters.state.generations import Format, Tables
from core.domain.errors import StateError
from tests.core.adapters.records import generation

Content = dict[str, dict[str, int]]
EMPTY: Content = {"sheep": {}, "goats": {}}


def decode(tables: Tables) -> Content:
    return {
        name: {id_: msgspec.json.decode(text, type=int) for id_, text in table.items()}
        for name, table in tables.items()
    }


FLOCK = Format(title="flock", tables=("sheep", "goats"), decode=decode)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flock.json"


def open_document(path: Path, format_: Format[Content] = FLOCK) -> Document[Content]:
    return Document(path, format_, debounce=1e6)


async def two_generations(path: Path) -> None:
    """Save a sheep, and with the next generation a goat."""
    document = open_document(path)
    document.put("sheep", "1", b"11")
    await document.flush()
    document.put("goats", "2", b"22")
    await document.close()


async def test_all_tables_are_saved_in_one_generation(path: Path) -> None:
    document = open_document(path)
    assert (await document.load()).content == EMPTY
    document.put("sheep", "1", b"11")
    document.put("goats", "1", b"12")
    document.put("goats", "2", b"22")
    document.discard("goats", "1")
    await document.close()

    assert generation(path) == 1
    loaded = await open_document(path).load()
    assert (loaded.content, loaded.notices, loaded.is_whole) == (
        {"sheep": {"1": 11}, "goats": {"2": 22}},
        (),
        True,
    )


async def test_more_records_than_are_encoded_at_once_come_back_in_their_order(path: Path) -> None:
    document = open_document(path)
    for number in range(1500, 0, -1):
        document.put("sheep", str(number), b"%d" % number)
    await document.close()

    content = (await open_document(path).load()).content
    assert list(content["sheep"].values()) == list(range(1500, 0, -1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"2":22', b'"2":23'),
        (b'"1":11', b'"3":11'),
        (b'"goats"', b'"foats"'),
        (b'"generation":2', b'"generation":3'),
        (b',"goats":{"2":22}', b""),
    ],
    ids=["last table", "id", "name", "generation", "missing table"],
)
async def test_the_checksum_covers_everything(path: Path, old: bytes, new: bytes) -> None:
    await two_generations(path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))

    loaded = await open_document(path).load()

    assert (loaded.content, loaded.is_whole) == ({"sheep": {"1": 11}, "goats": {}}, False)
    assert "The flock was read from flock.json.bak" in loaded.notices[-1]


async def test_a_generation_that_the_store_cannot_read_is_damaged(path: Path) -> None:
    document = open_document(path)
    document.put("sheep", "1", b"11")
    await document.flush()
    document.put("sheep", "1", b'"eleven"')
    await document.close()

    loaded = await open_document(path).load()

    assert (loaded.content["sheep"], loaded.is_whole) == ({"1": 11}, False)


async def test_what_a_kill_left_behind_is_not_in_the_way(path: Path) -> None:
    await two_generations(path)
    path.with_name("flock.json.tmp").write_bytes(b'{"meta":')
    document = open_document(path)
    assert (await document.load()).is_whole
    document.put("sheep", "3", b"33")
    await document.close()

    assert (await open_document(path).load()).content["sheep"] == {"1": 11, "3": 33}
    assert sorted(file.name for file in path.parent.iterdir()) == ["flock.json", "flock.json.bak"]


def doubled(document: dict[str, Any]) -> dict[str, Any]:
    sheep = {id_: 2 * value for id_, value in document["sheep"].items()}
    return {**document, "sheep": sheep}


def moved(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "goats": document["sheep"], "sheep": {}}


async def test_steps_are_taken_in_order_from_the_schema_that_is_there(path: Path) -> None:
    await two_generations(path)
    second = Format(title="flock", tables=FLOCK.tables, decode=decode, migrations=(doubled,))
    third = Format(title="flock", tables=FLOCK.tables, decode=decode, migrations=(doubled, moved))

    document = open_document(path, second)
    assert (await document.load()).content == {"sheep": {"1": 22}, "goats": {"2": 22}}
    document.put("sheep", "5", b"55")
    await document.close()

    expected = {"sheep": {}, "goats": {"1": 22, "5": 55}}
    for _ in range(2):
        document = open_document(path, third)
        assert (await document.load()).content == expected
        document.put("goats", "5", b"55")
        await document.close()
    with pytest.raises(StateError, match="newer winch"):
        await open_document(path, second).load()


def cut(position: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(position * len(content))]


def flipped(flips: list[tuple[float, int]]) -> Callable[[bytes], bytes]:
    def damage(content: bytes) -> bytes:
        changed = bytearray(content)
        for position, bits in flips:
            changed[int(position * len(content))] ^= bits
        return bytes(changed)

    return damage


POSITIONS = st.floats(min_value=0, max_value=1, exclude_max=True)
KEYS = st.tuples(st.sampled_from(["sheep", "goats"]), st.sampled_from(["1", "2", "3"]))
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(0, 99)),
    st.tuples(st.just("discard"), KEYS),
    st.tuples(st.just("flush")),
    st.tuples(st.just("reload")),
    st.tuples(st.just("tear"), POSITIONS.map(cut)),
    st.tuples(
        st.just("tear"),
        st.lists(st.tuples(POSITIONS, st.integers(1, 255)), min_size=1, max_size=3).map(flipped),
    ),
)


class Model:
    """What a document ought to hold: in memory, in its file, and in the generation before."""

    def __init__(self) -> None:
        self.now, self.saved, self.before = EMPTY, EMPTY, EMPTY
        self.changed = False

    def change(self, table: str, id_: str, value: int | None) -> None:
        records = {key: other for key, other in self.now[table].items() if key != id_}
        if value is not None:
            records[id_] = value
        self.now = {**self.now, table: records}
        self.changed = True

    def flush(self) -> None:
        if self.changed:
            self.saved, self.before, self.changed = self.now, self.saved, False

    def reload(self, found: Content) -> None:
        assert found in (self.saved, self.before)
        if found != self.saved:
            self.saved = self.before
        self.now, self.changed = self.saved, False


@settings(max_examples=150)
@given(st.lists(STEPS, max_size=25))
def test_what_is_loaded_was_flushed_last_or_right_before(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(follow(Path(directory) / "flock.json", steps))


async def follow(path: Path, steps: list[tuple[Any, ...]]) -> None:
    """Take the steps with a document and with its model."""
    model, document = Model(), open_document(path)
    await document.load()
    for step, *arguments in steps:
        if step == "put":
            (table, id_), value = arguments
            document.put(table, id_, b"%d" % value)
            model.change(table, id_, value)
        elif step == "discard":
            ((table, id_),) = arguments
            document.discard(table, id_)
            model.change(table, id_, None)
        elif step == "flush":
            await document.flush()
            model.flush()
        else:
            if step == "tear" and path.exists():
                path.write_bytes(arguments[0](path.read_bytes()))
            document = open_document(path)
            there = contents(path.parent)
            try:
                loaded = await document.load()
            except StateError:
                # The flip made a newer schema of it: that is refused, and nothing is touched.
                assert contents(path.parent) == there
                return
            assert step == "tear" or loaded.content == model.saved
            model.reload(loaded.content)


def contents(directory: Path) -> dict[str, bytes]:
    """Return what lies in a directory."""
    return {file.name: file.read_bytes() for file in directory.iterdir()}
