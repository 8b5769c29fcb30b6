"""Whatever is cut off or flipped in the files of a document, what is loaded once was so."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from core.adapters.state.document import Document
from core.domain.errors import StateError
from tests.core.adapters.state.test_document import EMPTY, Content, open_document


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
FLIPS = st.lists(st.tuples(POSITIONS, st.integers(1, 255)), min_size=1, max_size=3).map(flipped)
NAMES = st.sampled_from(["flock.json", "flock.journal", "flock.journal.bak"])
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.integers(0, 99)),
    st.tuples(st.just("put"), KEYS, st.integers(0, 99)),
    st.tuples(st.just("discard"), KEYS),
    st.tuples(st.just("flush")),
    st.tuples(st.just("flush")),
    st.tuples(st.just("write")),
    st.tuples(st.just("reload")),
    st.tuples(st.just("cut"), NAMES, POSITIONS.map(cut)),
    st.tuples(st.just("flip"), NAMES, FLIPS),
)


class Model:
    """What a document ought to hold, and what it held: after each append, and within one."""

    def __init__(self) -> None:
        self.now = self.saved = self.before = EMPTY
        self.past = [EMPTY]
        self.is_damaged = False
        self._changes: dict[tuple[str, str], int | None] = {}

    def change(self, table: str, id_: str, value: int | None) -> None:
        self._changes[table, id_] = value
        self.now = changed(self.now, table, id_, value)

    def was_so(self, table: str, record: tuple[str, int]) -> bool:
        return any(record in state[table].items() for state in self.past)

    def flush(self) -> None:
        if self._changes:
            self.before = state = self.saved
            for (table, id_), value in self._changes.items():
                state = changed(state, table, id_, value)
                self.past.append(state)
            self.saved, self._changes = self.now, {}

    def reload(self, found: Content, *, is_part: bool) -> None:
        if is_part:
            for table, records in found.items():
                assert all(self.was_so(table, record) for record in records.items())
            self.past.append(found)
        assert found in self.past
        self.now = self.saved = self.before = found
        self._changes = {}


def changed(content: Content, table: str, id_: str, value: int | None) -> Content:
    records = {key: other for key, other in content[table].items() if key != id_}
    return {**content, table: records if value is None else {**records, id_: value}}


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_what_is_loaded_was_so_and_what_is_lost_is_told(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(follow(Path(directory), steps))


async def follow(directory: Path, steps: list[tuple[Any, ...]]) -> None:
    """Take the steps with a document and with its model."""
    model, document = Model(), open_document(directory / "flock.json")
    await document.load()
    for step, *arguments in steps:
        match step:
            case "put":
                (table, id_), value = arguments
                document.put(table, id_, value)
                model.change(table, id_, value)
            case "discard":
                ((table, id_),) = arguments
                document.discard(table, id_)
                model.change(table, id_, None)
            case "flush":
                await document.flush()
                model.flush()
            case "write":
                await document._write_beside()
                model.flush()
            case _:
                damage(directory, *arguments)
                there = contents(directory)
                ended = document
                document = open_document(directory / "flock.json")
                try:
                    loaded = await document.load()
                except StateError:
                    # The flip made a newer schema of it: that is refused, and nothing is touched.
                    assert contents(directory) == there
                    return
                finally:
                    end(ended)
                if step == "reload":
                    assert loaded.tables == model.saved
                    assert not loaded.notices or model.is_damaged
                model.is_damaged |= step != "reload"
                if step == "flip" and loaded.is_whole:
                    # A torn last append cannot be told from one that was never synced.
                    assert loaded.tables in (model.saved, model.before)
                # Without a generation the journals tell of the records that were changed last.
                is_part = not loaded.is_found and loaded.tables != EMPTY
                assert not (is_part and loaded.is_whole)
                model.reload(loaded.tables, is_part=is_part)
    end(document)


def damage(directory: Path, name: str = "", change: Callable[[bytes], bytes] = bytes) -> None:
    path = directory / name
    if name and path.exists() and (content := path.read_bytes()):
        path.write_bytes(change(content))


def end(document: Document) -> None:
    """Let go of a document as a kill would."""
    document._due.cancel()
    document._due_whole.cancel()


def contents(directory: Path) -> dict[str, bytes]:
    """Return what lies in a directory."""
    return {file.name: file.read_bytes() for file in directory.iterdir()}
