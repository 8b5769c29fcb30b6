"""What a run of the crash tests found, in one line for each part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_MIB = 1024 * 1024


@dataclass(slots=True)
class KillFigures:
    """What the kills came to; bytes are those that the server had to send again."""

    kills: Counter[str] = field(default_factory=Counter)
    completed: Counter[bool] = field(default_factory=Counter)
    """The files that became whole; True: small ones."""
    lost_progress: list[tuple[int, int, int]] = field(default_factory=list)
    """For each kill: its number, the bytes that it cost, and the bytes that it may cost."""

    def __str__(self) -> str:
        number, cost, allowed = max(self.lost_progress, key=lambda kill: kill[1] / max(1, kill[2]))
        mean = sum(cost for _, cost, _ in self.lost_progress) / len(self.lost_progress)
        moments = ", ".join(f"{count} {moment}" for moment, count in sorted(self.kills.items()))
        whole = f"{self.completed.total()} files whole, {self.completed[True]} of them small"
        return (
            f"kills {self.kills.total()} ({moments}): unreadable 0, lost 0, wrong 0; {whole};"
            f" fetched again at most {cost / _MIB:.1f} MiB of {allowed / _MIB:.1f} MiB allowed"
            f" (kill {number}), {mean / _MIB:.1f} MiB on average"
        )
