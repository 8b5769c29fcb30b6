"""Who is asked after an interruption."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.domain.settings import RecoveryMode
from core.policy.queue.recovery import decide

AGES = st.floats(min_value=0, max_value=1e9)


@given(age=AGES, ask_after=st.none() | AGES)
def test_only_the_rule_to_resume_depends_on_the_age(age: float, ask_after: float | None) -> None:
    assert decide(RecoveryMode.ASK, age, ask_after) is RecoveryMode.ASK
    assert decide(RecoveryMode.PAUSE, age, ask_after) is RecoveryMode.PAUSE
    asks = ask_after is not None and age > ask_after
    wanted = RecoveryMode.ASK if asks else RecoveryMode.RESUME
    assert decide(RecoveryMode.RESUME, age, ask_after) is wanted
