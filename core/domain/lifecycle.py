"""Which action leads from which state to which: the one table, asked by engine, screen and CLI."""

from __future__ import annotations

from enum import StrEnum

from core.domain.errors import NotAllowedError
from core.domain.models import Status


class Action(StrEnum):
    """What can happen to a download; the first four are a person's, the rest the engine's.

    MEND is what a retry comes to where a file was whole once, and was found damaged or gone.
    """

    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    CANCEL = "cancel"
    START = "start"
    REQUEUE = "requeue"
    COMPLETE = "complete"
    FAIL = "fail"
    MEND = "mend"


# Nothing here deletes a byte: a cancelled download keeps its part file, so that a retry continues.
TRANSITIONS: dict[tuple[Status, Action], Status] = {
    (Status.PENDING, Action.START): Status.ACTIVE,
    (Status.PENDING, Action.PAUSE): Status.PAUSED,
    (Status.PENDING, Action.CANCEL): Status.CANCELLED,
    (Status.PENDING, Action.RETRY): Status.PENDING,
    (Status.ACTIVE, Action.PAUSE): Status.PAUSED,
    (Status.ACTIVE, Action.CANCEL): Status.CANCELLED,
    (Status.ACTIVE, Action.REQUEUE): Status.PENDING,
    (Status.ACTIVE, Action.COMPLETE): Status.COMPLETED,
    (Status.ACTIVE, Action.FAIL): Status.FAILED,
    (Status.PAUSED, Action.RESUME): Status.PENDING,
    (Status.PAUSED, Action.CANCEL): Status.CANCELLED,
    (Status.FAILED, Action.RETRY): Status.PENDING,
    (Status.FAILED, Action.RESUME): Status.PENDING,
    (Status.FAILED, Action.CANCEL): Status.CANCELLED,
    (Status.CANCELLED, Action.RETRY): Status.PENDING,
    (Status.CANCELLED, Action.RESUME): Status.PENDING,
    (Status.COMPLETED, Action.MEND): Status.PENDING,
}


def next_status(status: Status, action: Action) -> Status:
    """Return where an action leads; raises NotAllowedError where the table has no such step."""
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        article = "an" if status is Status.ACTIVE else "a"
        raise NotAllowedError(
            f"{article} {status} download cannot be {_PARTICIPLES[action]}",
            hint=_HINTS.get((status, action), ""),
        ) from None


def is_already(status: Status, action: Action) -> bool:
    """Tell whether an action asks for what is so: then it is granted and changes nothing."""
    return status in _GOALS.get(action, ())


def allowed_actions(status: Status) -> frozenset[Action]:
    """Return every action that a state admits."""
    return _ALLOWED[status]


_ALLOWED = {
    status: frozenset(action for (from_, action) in TRANSITIONS if from_ is status)
    for status in Status
}

_GOALS = {
    Action.PAUSE: (Status.PAUSED,),
    Action.RESUME: (Status.PENDING, Status.ACTIVE),
    Action.CANCEL: (Status.CANCELLED,),
}

_PARTICIPLES = {
    Action.PAUSE: "paused",
    Action.RESUME: "resumed",
    Action.RETRY: "retried",
    Action.CANCEL: "cancelled",
    Action.START: "started",
    Action.REQUEUE: "requeued",
    Action.COMPLETE: "completed",
    Action.FAIL: "failed",
    Action.MEND: "mended",
}

_HINTS = {
    (Status.PAUSED, Action.RETRY): "resume it",
    (Status.COMPLETED, Action.RETRY): "add its URL again to fetch it anew",
    (Status.COMPLETED, Action.RESUME): "it is whole already",
}
