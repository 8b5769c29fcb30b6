"""Which value each setting of the engine really has, and who had the last word on it.

For `winch config`, `winch limit` and the settings screen, which ask the service for it.
"""

from __future__ import annotations

from collections.abc import Collection

from core.domain.service import LimitChanges, Limits, RateSource, SettingInForce, SettingSource
from core.domain.settings import Settings, sections, text_of
from core.domain.units import rate_text

OF_A_COMMAND = frozenset({"downloads.directory"})
"""Settings that each command reads for itself; so it does with all of the screen."""
_RATES = {
    RateSource.COMMAND: SettingSource.COMMAND,
    RateSource.SCHEDULE: SettingSource.SCHEDULE,
}


def settings_in_force(
    settings: Settings, limits: Limits, changes: LimitChanges, environment: Collection[str]
) -> list[SettingInForce]:
    """Return every setting that a service obeys.

    `changes` are those of `winch limit`, `environment` names the settings (`limits.rate`) that the
    service has from its environment.
    """
    found = []
    for section, keys in sections().items():
        for key in keys:
            name = f"{section}.{key}"
            if section == "screen" or name in OF_A_COMMAND:
                continue
            text = text_of(settings.value_of(name))
            usual = SettingSource.ENVIRONMENT if name in environment else SettingSource.SETTINGS
            value, source = text, usual
            if name == "limits.rate":
                source = _RATES.get(limits.rate_source, usual)
                value = text if source is usual else rate_text(limits.rate)
            elif section == "limits" and getattr(changes, key, None) is not None:
                value, source = str(getattr(changes, key)), SettingSource.COMMAND
            found.append(
                SettingInForce(
                    name=name, value=value, source=source, otherwise=text, usual_source=usual
                )
            )
    return found
