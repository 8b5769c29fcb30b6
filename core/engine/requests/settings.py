"""Which settings the engine obeys: those of its start, or of the last time they were read again."""

from __future__ import annotations

from collections.abc import Callable, Collection

from core.adapters.files.threads import run_to_end
from core.domain.service import SettingInForce
from core.domain.settings import Settings
from core.domain.value import asdict, replace
from core.engine.downloads.list import DownloadList
from core.engine.requests.limits import LimitKeeper
from core.policy.settings_in_force import settings_in_force


class SettingsKeeper:
    """Holds the `current` settings; `obey` is called with others that hold from now on."""

    def __init__(
        self,
        settings: Settings,
        downloads: DownloadList,
        limits: LimitKeeper,
        obey: Callable[[Settings], None],
    ) -> None:
        self.current = settings
        # The connections and the log are made with these, until the end.
        self._network, self._log = settings.network, settings.log
        self._downloads = downloads
        self._limits = limits
        self._obey = obey

    def in_force(self, environment: Collection[str]) -> list[SettingInForce]:
        """Return the settings that are obeyed now; see `DownloadService.settings_in_force`.

        `environment` names those (`limits.rate`) that the process has from its environment.
        """
        held = replace(self.current, network=self._network, log=self._log)
        changes = self._downloads.limits
        return settings_in_force(held, self._limits.in_force, changes, environment)

    async def reload(self, load: Callable[[], Settings]) -> list[str]:
        self.current = await run_to_end(load)
        self._obey(self.current)
        return [
            f"{section}.{name}"
            for section, held in (("network", self._network), ("log", self._log))
            for name, value in asdict(held).items()
            if getattr(getattr(self.current, section), name) != value
        ]
