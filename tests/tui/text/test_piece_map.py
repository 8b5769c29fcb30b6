"""The strip of pieces: every cell says what is so of its stretch, also in plain characters."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.domain.models import Segment
from tui.text.cells import Cell
from tui.text.piece_map import BLOCKS, PLAIN, legend, strip

CELLS = "".join((BLOCKS.done, BLOCKS.shares, BLOCKS.position, BLOCKS.claimed, BLOCKS.missing))


def text(cells: Sequence[Cell]) -> str:
    drawn = ""
    for cell in cells:
        drawn = drawn.ljust(cell.x) + cell.text
    return drawn


@st.composite
def files(draw: st.DrawFn) -> tuple[int, list[Segment], list[Segment]]:
    """Return a size and disjoint stretches of it: some done, some claimed, some neither."""
    total = draw(st.integers(1, 2000))
    cuts = sorted(draw(st.sets(st.integers(0, total), max_size=12)) | {0, total})
    done, claimed = [], []
    for start, end in pairwise(cuts):
        fate = draw(st.sampled_from(("done", "claimed", "missing")))
        if fate == "done":
            done.append(Segment(start, end))
        elif fate == "claimed":
            claimed.append(Segment(start, None if end == total else end))
    return total, done, claimed


def held(segments: list[Segment], total: int, start: int, end: int) -> set[int]:
    """Return the bytes of a stretch that lie in segments, one by one."""
    return {
        byte
        for segment in segments
        for byte in range(
            max(segment.start, start), min(total if segment.end is None else segment.end, end)
        )
    }


@given(files(), st.integers(1, 120))
def test_a_cell_says_what_is_so_of_its_bytes(
    file: tuple[int, list[Segment], list[Segment]], width: int
) -> None:
    total, done, claimed = file
    drawn = text(strip(total, done, claimed, width))
    assert len(drawn) == width
    for number, sign in enumerate(drawn):
        start = total * number // width
        end = max(total * (number + 1) // width, start + 1)
        here = held(done, total, start, end)
        if any(start <= claim.start < end for claim in claimed):
            assert sign == BLOCKS.position
        elif len(here) == end - start:
            assert sign == BLOCKS.done
        elif here:
            assert sign == BLOCKS.shares[7 * len(here) // (end - start)]
        else:
            fetched = held(claimed, total, start, end)
            assert sign == (BLOCKS.claimed if fetched else BLOCKS.missing)


@given(files(), st.integers(1, 120))
def test_plain_characters_say_the_same_in_ascii(
    file: tuple[int, list[Segment], list[Segment]], width: int
) -> None:
    blocks = text(strip(*file, width))
    plain = text(strip(*file, width, ascii_only=True))
    assert plain.isascii()
    kinds = {"█": "#", "▸": ">", "─": "-", "·": "."}
    for sign, block in zip(plain, blocks, strict=True):
        assert sign in ":+" if block in BLOCKS.shares else sign == kinds[block]


def test_each_state_has_a_sign_of_its_own() -> None:
    assert len(set(CELLS)) == len(CELLS)
    plain = PLAIN.done + PLAIN.shares + PLAIN.position + PLAIN.claimed + PLAIN.missing
    assert len(set(plain)) == len(plain)


def test_a_file_in_the_midst_of_it_looks_like_this() -> None:
    done = [Segment(0, 40), Segment(50, 53)]
    claimed = [Segment(40, 45), Segment(60, 100)]
    assert text(strip(100, done, claimed, 10)) == "████▸▃▸───"
    assert text(strip(100, done, claimed, 20)) == "████████▸·▅·▸───────"
    assert text(strip(100, done, claimed, 20, ascii_only=True)) == "########>.+.>-------"


@pytest.mark.parametrize(("width", "said"), [(80, "in 2 places"), (56, "45 B being fetched")])
def test_the_legend_says_it_in_words_as_far_as_they_fit(width: int, said: str) -> None:
    done = [Segment(0, 40), Segment(50, 53)]
    claimed = [Segment(40, 45), Segment(60, 100)]
    words = text(legend(100, done, claimed, width))
    assert words.startswith("■ done")
    assert said in words
    assert "12 B missing" in words
    assert cell_len(words) <= width
    assert text(legend(100, done, claimed, width, ascii_only=True)).isascii()


def test_nothing_is_said_of_what_there_is_nothing_of() -> None:
    assert text(legend(100, [Segment(0, 100)], [], 80)) == "■ done"
