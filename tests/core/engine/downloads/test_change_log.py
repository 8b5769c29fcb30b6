"""What changed since a revision: whoever was away learns of each, once, and of nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.domain.events import Removed
from core.engine.downloads.change_log import ChangeLog

_STEPS = st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=40)


@given(_STEPS, st.integers(0, 40), st.integers(1, 6))
def test_a_follower_that_was_away_ends_with_what_is_there(
    steps: list[tuple[str, bool]], left_at: int, most: int
) -> None:
    log, there, seen = ChangeLog(most=most), dict[str, int](), dict[str, int]()
    left_at = min(left_at, len(steps))
    for revision, (name, is_there) in enumerate(steps, 1):
        if is_there:
            there[name] = revision
            log.note_changed([name], revision)
        elif there.pop(name, None) is not None:
            log.note(Removed(revision=revision, ids=(name,)))
        if revision <= left_at:
            seen = dict(there)
    found = log.since(log.life, left_at, now=len(steps))
    if not found.is_known:
        assert not found.changed
        assert len({name for name, _ in steps}) > most
        return
    missed = {n: r for n, r in (found.changed | found.removed).items() if r > left_at}
    assert missed == found.changed | found.removed
    assert list(found.changed.values()) == sorted(found.changed.values())
    kept = {name: r for name, r in seen.items() if name not in found.removed}
    assert kept | dict(found.changed) == there


def test_another_life_and_what_is_forgotten_are_not_known() -> None:
    log = ChangeLog(most=2)
    for revision, name in enumerate("abc", 1):
        log.note_changed([name], revision)
    assert not log.since("00000000", 3, now=3).is_known
    assert not log.since(log.life, 0, now=3).is_known
    assert log.since(log.life, 1, now=3).changed == {"b": 2, "c": 3}
