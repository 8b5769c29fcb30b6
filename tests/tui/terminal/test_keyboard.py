"""A paste is text whatever is in it, and what is typed around it is keys."""

from __future__ import annotations

import itertools

from hypothesis import assume, given
from hypothesis import strategies as st
from textual.events import Key, Paste

from tui.terminal.keyboard import Keyboard

START, END = "\x1b[200~", "\x1b[201~"

pieces = st.lists(
    st.one_of(
        st.sampled_from(["\x1b", "\x1b]52;c;AA\x07", "\x1b[31m", "X", "y", "\r", "\x1b[I", START]),
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    )
)


def heard(text: str, cuts: list[int]) -> list[str]:
    """Return what is heard of a text that comes in pieces: keys, and what was pasted."""
    keyboard = Keyboard()
    places = sorted({cut % (len(text) + 1) for cut in cuts} | {0, len(text)})
    events = []
    for start, end in itertools.pairwise(places):
        for event in keyboard.feed(text[start:end]):
            if isinstance(event, Paste):
                events.append(f"pasted {event.text!r}")
            elif isinstance(event, Key):
                events.append(event.key)
    return events


@given(content=pieces, cuts=st.lists(st.integers(min_value=0, max_value=10_000)))
def test_whatever_is_pasted_presses_no_key(content: list[str], cuts: list[int]) -> None:
    text = "".join(content)
    assume(END not in text)
    assert heard(f"a{START}{text}{END}b", cuts) == ["a", f"pasted {text!r}", "b"]


@given(cuts=st.lists(st.integers(min_value=0, max_value=100)))
def test_pastes_and_keys_keep_their_order(cuts: list[int]) -> None:
    text = f"j\x1b[A{START}one{END}k{START}{END}{START}two{END}\x1b[B"
    assert heard(text, cuts) == [
        "j",
        "up",
        "pasted 'one'",
        "k",
        "pasted ''",
        "pasted 'two'",
        "down",
    ]
