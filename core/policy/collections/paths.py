"""Where a member may lie: a path from outside is hostile until every part of it was looked at."""

from __future__ import annotations

from core.domain.bounds import cut
from core.domain.checks import check_component
from core.domain.errors import UsageError

MAX_PATH_BYTES = 3000
"""Bytes of a path below the destination: with the destination before it the usual 4,096 hold it."""

GATHERING = ".winch"
"""How the hidden directory is called behind a dot and the set's name, in which its files gather."""


def relative_path(path: str) -> str:
    """Return a path below the destination in one spelling; raises UsageError for any other.

    `./` before it and within it is left out; `..`, an absolute path, an empty part and a name that
    cannot be stored are refused: what they lead to is not what somebody meant to make.
    """
    shown = cut(path, 80)
    if path.startswith("/"):
        raise UsageError(f"the path '{shown}' is absolute", hint="paths are below the destination")
    parts = [part for part in path.split("/") if part != "."]
    if not parts or parts == [""]:
        raise UsageError("the path is empty")
    if parts[-1] == "":
        raise UsageError(f"the path '{shown}' names a directory")
    for part in parts:
        if part == "..":
            raise UsageError(f"the path '{shown}' leads out of the destination")
        if part == "":
            raise UsageError(f"a part of the path '{shown}' is empty")
        if part.startswith(".") and part.endswith(GATHERING):
            raise UsageError(
                f"a part of the path '{shown}' is named like what gathers files of a set",
                hint="a set that is fetched at the same time may gather there",
            )
        try:
            check_component(part)
        except UsageError as error:
            raise UsageError(f"in the path '{shown}', {error.message}", hint=error.hint) from None
    joined = "/".join(parts)
    if len(joined.encode()) > MAX_PATH_BYTES:
        raise UsageError(f"a path of {len(joined.encode()):,} bytes is too long")
    return joined
