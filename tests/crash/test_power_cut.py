"""After a power cut there is a list, everything that was acknowledged, and never a wrong file."""

from __future__ import annotations

import pytest

from tests.crash.cuts import PowerCuts
from tests.crash.recording import Recording
from tests.crash.sizes import CUTS
from tests.crash.strace import MISSING


@pytest.mark.skipif(MISSING, reason="there is no strace that may trace here")
@pytest.mark.timeout(240)
async def test_power_cuts_lose_nothing(recording: Recording, crash_seed: int) -> None:
    figures = await PowerCuts(recording, crash_seed).run(CUTS)
    print(figures)
    # Else there was little to lose.
    assert len(figures.states) > 100
    assert figures.resumed > 50
