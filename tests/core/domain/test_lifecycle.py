"""The table of states is complete: nothing gets stuck, and refusals help."""

from __future__ import annotations

import pytest

from core.domain.errors import NotAllowedError
from core.domain.lifecycle import TRANSITIONS, Action, allowed_actions, is_already, next_status
from core.domain.models import Status


def test_every_state_can_be_left_and_the_goal_only_to_be_mended() -> None:
    assert all(allowed_actions(status) for status in Status)
    assert allowed_actions(Status.COMPLETED) == {Action.MEND}


def test_every_state_can_be_reached_from_the_first() -> None:
    reached = {Status.PENDING}
    for _ in Status:
        reached |= {to for (from_, _), to in TRANSITIONS.items() if from_ in reached}
    assert reached == set(Status)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("action", Action)
def test_a_step_leads_somewhere_or_is_refused_in_words(status: Status, action: Action) -> None:
    if action in allowed_actions(status):
        assert next_status(status, action) is TRANSITIONS[status, action]
    else:
        with pytest.raises(NotAllowedError, match=status.value):
            next_status(status, action)


def test_asking_for_what_is_so_is_no_error() -> None:
    assert is_already(Status.PAUSED, Action.PAUSE)
    assert is_already(Status.ACTIVE, Action.RESUME)
    assert not is_already(Status.COMPLETED, Action.PAUSE)
