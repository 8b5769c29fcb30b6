"""Whether a draft can be sent: its lines, its fields and what the list has already.

Done in steps, so that whoever asks can do something else in between.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.domain.errors import DestinationError, UsageError
from core.domain.models import Download, DownloadRequest
from tui.input.add_parser import STEP, Intake, Known, Remark, Wanted, Weight
from tui.input.add_validation import Draft, judge
from tui.input.disk import absolute


@dataclass(frozen=True, slots=True)
class Finding:
    """What came out: `wrong` by field, `known` are the ids of downloads that are in the list.

    `count` and `outlook` are sentences: how many lines there are, and what adding would do.
    """

    shared: DownloadRequest
    wanted: Sequence[Wanted]
    remarks: Sequence[Remark]
    wrong: Mapping[str, str]
    known: frozenset[str]
    count: str
    outlook: str

    @property
    def has_wrong_lines(self) -> bool:
        """Whether a line has to be corrected; the gravest remarks come first."""
        return bool(self.remarks) and self.remarks[0].weight is Weight.WRONG

    @property
    def is_right(self) -> bool:
        """Whether it can be sent."""
        return bool(self.wanted) and not self.wrong and not self.has_wrong_lines

    @property
    def name(self) -> str:
        """What a curl command calls the one file, "" where none does."""
        return (self.wanted[0].name or "") if len(self.wanted) == 1 else ""

    def requests(self) -> list[DownloadRequest]:
        """Return what to ask for."""
        shared = self.shared
        return [
            dataclasses.replace(
                shared, url=item.url, name=shared.name or item.name, headers=item.headers
            )
            for item in self.wanted
        ]


class Examination:
    """Looks at a draft; `finding` is there after all `steps`."""

    finding: Finding

    def __init__(
        self,
        draft: Draft,
        lists: Mapping[str, str | UsageError],
        downloads: Sequence[Download],
        base: str,
    ) -> None:
        self._draft = draft
        self._intake = Intake(draft.urls, lists)
        self._downloads = downloads
        self._base = base

    def steps(self) -> Iterator[None]:
        """Do the work, a step at a time."""
        intake, draft = self._intake, self._draft
        yield from intake.steps()
        shared, wrong = judge(draft, len(intake.wanted))
        try:
            shared = dataclasses.replace(shared, directory=absolute(draft.directory, self._base))
        except DestinationError as error:
            wrong["directory"] = error.message
        known = Known()
        for start in range(0, len(intake.wanted), STEP):
            known.want(intake.wanted[start : start + STEP])
            yield
        for start in range(0, len(self._downloads), STEP * 8):
            part = self._downloads[start : start + STEP * 8]
            known.look(part, shared.directory, shared.name)
            yield
        remarks = intake.remarks + known.remarks(paused=draft.paused)
        self.finding = Finding(
            shared=shared,
            wanted=intake.wanted,
            remarks=sorted(remarks, key=lambda remark: remark.weight),
            wrong=wrong,
            known=known.ids,
            count=_count(len(intake.wanted), intake.repeated, len(known.ids)),
            outlook=_outlook(len(intake.wanted), intake.remarks, wrong, paused=draft.paused),
        )


def _count(wanted: int, repeated: int, known: int) -> str:
    if not wanted:
        return ""
    parts = [f"{wanted:,} URL{'' if wanted == 1 else 's'}"]
    parts += [f"{repeated:,} repeated"] if repeated else []
    parts += [f"{known:,} in the list"] if known else []
    return ", ".join(parts)


def _outlook(
    wanted: int, remarks: Sequence[Remark], wrong: Mapping[str, str], *, paused: bool
) -> str:
    lines = sum(remark.weight is Weight.WRONG for remark in remarks)
    if lines:
        return f"Correct {lines:,} line{'' if lines == 1 else 's'} first."
    if not wanted:
        return "Write at least one URL."
    if wrong:
        return f"Correct first: {', '.join(wrong)}."
    noun = "1 download" if wanted == 1 else f"{wanted:,} downloads"
    return f"Adds {noun}, paused." if paused else f"Adds {noun}."
