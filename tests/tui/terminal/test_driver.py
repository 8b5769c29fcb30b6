"""What the screen's driver adds to Textual's, where a real terminal would not show it."""

import select

from tui.terminal.driver import Stop


def test_a_stop_wakes_who_waits_for_it_until_it_is_over() -> None:
    stop = Stop()
    assert select.select([stop], [], [], 0)[0] == []
    stop.set()
    stop.set()
    assert stop.is_set()
    assert select.select([stop], [], [], 0)[0] == [stop]
    stop.clear()
    assert not stop.is_set()
    assert select.select([stop], [], [], 0)[0] == []
    stop.set()
    assert select.select([stop], [], [], 0)[0] == [stop]
