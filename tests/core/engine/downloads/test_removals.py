"""What was removed is remembered by name, packed or not, and takes little room."""

from __future__ import annotations

import secrets
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from core.engine.downloads.removals import Removals


@given(st.lists(st.sampled_from("abcdé"), min_size=10, max_size=30), st.data())
def test_what_went_since_and_is_not_there_again_is_known_or_said_to_be_forgotten(
    names: list[str], data: st.DataObject
) -> None:
    most = data.draw(st.integers(1, 20))
    removals = Removals(most, packed=data.draw(st.integers(1, 3)))
    there, gone = set("abcdé"), dict[str, int]()
    for revision, name in enumerate(names, 1):
        if name in there:
            there.remove(name)
            gone[name] = revision
            removals.note(name, revision)
        else:
            there.add(name)
            del gone[name]
            removals.drop(name)
    for left_at in range(removals.forgotten, len(names)):
        found = removals.after(left_at, there=there)
        assert found == {name: revision for name, revision in gone.items() if revision > left_at}
        assert list(found.values()) == sorted(found.values())
    if len(names) <= most:
        assert not removals.forgotten


def test_a_name_takes_little_room() -> None:
    names = [secrets.token_hex(8) for _ in range(20_000)]
    removals = Removals(len(names))
    tracemalloc.start()
    for number, name in enumerate(names):
        removals.note(name, number)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 20 * len(names)
    assert len(removals.after(0, there=())) == len(names) - 1
