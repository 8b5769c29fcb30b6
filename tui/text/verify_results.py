"""What came of reading finished files again, in words; `winch verify` and the screen share them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.outcomes import Outcome
from tui.text.fmt import counted, sentence, short_id

MOST = 2
"""Files of each of which a summary says how it is."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """A sentence about a file or several, not yet cleaned; `is_wrong` where one is not sound."""

    text: str
    is_wrong: bool = False


def results(outcome: Outcome, names: Mapping[str, str]) -> list[VerifyResult]:
    """Return what to say of each file; `names` are those of the downloads by id."""
    told = [VerifyResult(f"{d.name}: {d.resume_verdict}") for d in outcome.changed]
    for refusal in outcome.refused:
        name = names.get(refusal.id, short_id(refusal.id))
        told.append(VerifyResult(f"{name}: {_why(refusal.error)}", is_wrong=True))
    return told


def summary(outcome: Outcome, names: Mapping[str, str]) -> list[VerifyResult]:
    """Return what to say of each file where they are few, and of all of them where not."""
    each = results(outcome, names)
    if len(each) <= MOST:
        return each
    proven = sum(download.request.checksum is not None for download in outcome.changed)
    measured = len(outcome.changed) - proven
    told = []
    if proven:
        told.append(
            VerifyResult(f"{counted(proven, 'file')} verified again: the checksum is right")
        )
    if measured:
        what = "the length is right; no checksum is known"
        told.append(VerifyResult(f"{counted(measured, 'file')} verified again: {what}"))
    if wrong := outcome.refused:
        first = each[len(outcome.changed)]
        told.append(
            VerifyResult(
                f"{counted(len(wrong), 'file')} not sound, such as {first.text}", is_wrong=True
            )
        )
    return told


def _why(error: ErrorInfo) -> str:
    damaged = "DAMAGED: " if error.code is ErrorCode.CHECKSUM else ""
    return f"{damaged}{sentence(error, brackets=False)}"
