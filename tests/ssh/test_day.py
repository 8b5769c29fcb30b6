"""The README's day on a server, in short; `python -m tests.ssh day` is the long one."""

from __future__ import annotations

import pytest

from tests.ssh.day import day
from tests.ssh.server import missing
from tui.demo.files import KIB, MIB


@pytest.mark.skipif(bool(missing()), reason=missing())
def test_what_is_added_in_the_evening_is_there_in_the_morning() -> None:
    assert day(3, 4 * MIB, 128 * KIB).files == 3
