"""No record and no final name before the sync of the bytes that it stands for."""

from __future__ import annotations

import pytest

from tests.crash.order import OrderProof
from tests.crash.recording import Recording
from tests.crash.stage import FILES
from tests.crash.strace import MISSING


@pytest.mark.skipif(MISSING, reason="there is no strace that may trace here")
async def test_nothing_is_claimed_before_it_is_synced(recording: Recording) -> None:
    figures = OrderProof(recording.calls, recording.root).check()
    print(figures)
    # Else there was little to see.
    assert figures.records >= 4
    assert figures.names >= len(FILES) - 1
    assert figures.answers == len(FILES) + 1  # the collection
