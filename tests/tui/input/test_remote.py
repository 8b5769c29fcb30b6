"""Paths of another machine, as a person types them on this one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.domain.machines import Machine
from tui.input.remote import remote_path

THERE = Machine(
    name="server",
    user="me",
    home="/home/me",
    directory="/data/downloads",
    version="0.2.0",
    platform="linux",
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("~", "/home/me"),
        ("~/x y", "/home/me/x y"),
        (".", "/data/downloads"),
        ("sub/", "/data/downloads/sub"),
        ("../up", "/data/downloads/../up"),
        ("/srv//x/./y", "/srv/x/y"),
        ("/", "/"),
        (" /srv ", "/srv"),
    ],
)
def test_a_path_is_that_of_the_other_machine(text: str, meant: str) -> None:
    assert remote_path(text, THERE) == meant


def test_the_home_of_somebody_else_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="other machine"):
        remote_path("~root/x", THERE)


@given(st.text(max_size=30).filter(lambda text: not text.strip().startswith("~")))
def test_every_path_is_absolute_and_means_the_same_again(text: str) -> None:
    path = remote_path(text, THERE)
    assert path.startswith("/")
    assert remote_path(path, THERE) == path.strip()
