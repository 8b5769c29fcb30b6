"""Who has the last word on a setting: a command, the timetable, the environment, the file."""

from __future__ import annotations

from core.domain.service import LimitChanges, Limits, RateSource, SettingSource
from core.domain.settings import LimitSettings, Settings
from core.domain.value import replace
from core.policy.settings_in_force import settings_in_force

SETTINGS = Settings(limits=LimitSettings(active=4, rate="2M"))
LIMITS = Limits(
    rate=2 * 1024**2,
    rate_source=RateSource.SETTINGS,
    active=4,
    connections=8,
    connections_per_host=8,
)


def held(
    limits: Limits, changes: LimitChanges, environment: frozenset[str] = frozenset()
) -> dict[str, tuple[str, str, str]]:
    found = settings_in_force(SETTINGS, limits, changes, environment)
    return {each.name: (each.value, each.source.value, each.otherwise) for each in found}


def test_what_nobody_changed_is_as_set() -> None:
    every = settings_in_force(SETTINGS, LIMITS, LimitChanges(), ())
    assert {each.source for each in every} == {SettingSource.SETTINGS}
    assert all(each.value == each.otherwise for each in every)
    names = {each.name for each in every}
    assert {"limits.rate", "retry.attempts", "downloads.conflict"} <= names
    assert not names & {"screen.theme", "downloads.directory"}


def test_a_command_goes_before_everything() -> None:
    limits = replace(
        LIMITS, rate=300 * 1024, rate_source=RateSource.COMMAND, active=2, connections=8
    )
    changes = LimitChanges(rate=300 * 1024, active=2)
    found = held(limits, changes, frozenset({"limits.active", "limits.connections"}))
    assert found["limits.rate"] == ("300k", "command", "2M")
    assert found["limits.active"] == ("2", "command", "4")
    assert found["limits.connections"] == ("8", "environment", "8")
    assert found["limits.connections_per_host"] == ("8", "settings", "8")


def test_the_timetable_goes_before_the_settings_and_no_limit_is_off() -> None:
    limits = replace(LIMITS, rate=None, rate_source=RateSource.SCHEDULE)
    assert held(limits, LimitChanges())["limits.rate"] == ("off", "schedule", "2M")
