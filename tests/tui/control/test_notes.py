"""What an action costs beside what it does is said, whichever way it was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.domain.outcomes import Outcome
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.control.test_verbs import say
from tests.tui.samples import app_for, queue, until


class Costly(FakeService):
    async def pause(self, ids: Sequence[str] | None) -> Outcome:
        return replace(await super().pause(ids), notes=("a.iso begins\x1b anew",))


@pytest.mark.parametrize("typed", [False, True])
async def test_what_a_pause_costs_is_said(*, typed: bool) -> None:
    service = Costly()
    await queue(service, "a.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await (say(pilot, "pause") if typed else pilot.press("p"))
        await until(pilot, "a.iso begins� anew")
