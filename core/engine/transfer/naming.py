"""What the first answer settles: the file's name, its part file, and what to do if it exists.

A conflict is looked for as early as the name is known, and once more when the file gets it: in
between somebody else may have made one.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from datetime import datetime

from core.adapters.files.destination import MISMATCH, SUFFIX, look, occupant
from core.adapters.files.part_file import PartFile
from core.adapters.files.part_owner import ForeignPartError
from core.domain.errors import DestinationExistsError
from core.domain.models import Conflict, DownloadRequest, Resource
from core.policy.transfer.filename import alternatives, coded, suggest


class Skipped(Exception):  # noqa: N818 (a way to end, and no error)
    """The file exists and is to be left as it is. `size` is what it has, in bytes.

    `fields` are what is known of it besides, as `Whole` has them. Without a `verdict` nobody has
    looked at what is in it.
    """

    def __init__(
        self,
        name: str,
        size: int,
        verdict: str | None = None,
        fields: Mapping[str, object] = {},
    ) -> None:
        super().__init__(name)
        self.name = name
        self.size = size
        self.verdict = verdict or "skipped: the file exists"
        self.is_proved = verdict is not None
        self.fields = dict(fields)


async def check_conflict(directory: str, name: str, rule: Conflict) -> None:
    """Raise Skipped or DestinationExistsError where the rule says so about what is there.

    Only a file can be skipped or overwritten: a directory or a device of that name is neither.
    """
    if rule is Conflict.RENAME or (found := await occupant(directory, name)) is None:
        return
    if not stat.S_ISREG(found.st_mode):
        raise DestinationExistsError(
            f"{directory}/{name} exists and is no file", hint="choose another name with -o"
        )
    if rule is Conflict.SKIP:
        raise Skipped(name, found.st_size)
    if rule is Conflict.FAIL:
        raise exists_error(directory, name)


def exists_error(directory: str, name: str) -> DestinationExistsError:
    """Return the error for a file that exists and is not to be replaced."""
    return DestinationExistsError(
        f"{directory}/{name} exists",
        hint="take another name with -o, or --conflict rename, skip or overwrite",
    )


async def create_part(
    request: DownloadRequest, resource: Resource, rule: Conflict, note: Callable[[str], None]
) -> PartFile:
    """Create the part file under the first free name.

    With the rule `rename` a name is free when neither the file nor its part file exists. With the
    others the file's name stands, and only the part file makes room for somebody else's. `note`
    hears of one that is not ours alone. Raises Skipped, DestinationExistsError, DestinationError,
    DiskError.
    """
    wanted = wanted_name(request, resource)
    rule = _safe(rule, wanted)
    await check_conflict(request.directory, wanted, rule)
    for candidate in alternatives(wanted):
        try:
            part = await PartFile.create(
                request.directory, candidate, replace=rule is not Conflict.RENAME
            )
        except ForeignPartError as foreign:
            note(f"{foreign}: it is left alone, and another name taken")
            continue
        if part is not None:
            return part
    raise AssertionError("there is always another name")


async def publish(
    part: PartFile,
    request: DownloadRequest,
    resource: Resource,
    rule: Conflict,
    modified: float | None,
    *,
    asked_at: datetime,
    note: Callable[[str], None],
) -> str:
    """Give a whole part file its final name and return it.

    `modified` becomes its time, in seconds since the epoch. Only what has been there since before
    `asked_at` is overwritten; beside what came to be or changed meanwhile the file gets the next
    free name, and `note` hears of it. Raises DiskError; for a file that has
    come to exist meanwhile Skipped (the new one is deleted) or DestinationExistsError (it is kept
    as part file, for a retry under another rule).
    """
    wanted = wanted_name(request, resource)
    rule = _safe(rule, wanted)
    first = part.name
    if rule is Conflict.OVERWRITE and await _is_newer(request.directory, wanted, asked_at):
        if request.origin is not None:
            # Others of its set refer to it by its name: it has that or none.
            raise exists_error(request.directory, wanted)
        note(f"kept: {wanted} is not the file that was there when this was asked for")
        rule, first = Conflict.RENAME, wanted
    if rule is Conflict.RENAME:
        for candidate in alternatives(first):
            if await part.publish(candidate, modified=modified):
                return candidate
    if await part.publish(wanted, replace=rule is Conflict.OVERWRITE, modified=modified):
        return wanted
    try:
        await check_conflict(request.directory, wanted, rule)
    except Skipped:
        await part.discard()
        raise
    raise exists_error(request.directory, wanted)


async def set_aside(part: PartFile) -> str:
    """Rename a part file that holds the wrong file, and return how; raises DiskError.

    What was set aside before stays: whoever compares the two may find out what is going on.
    """
    for candidate in alternatives(part.name + MISMATCH):
        if await part.set_aside(candidate):
            return candidate
    raise AssertionError("there is always another name")


async def _is_newer(directory: str, name: str, moment: datetime) -> bool:
    """Tell whether what has a name came to be or changed after a moment.

    By the time of the last change of anything about it, which nobody can set.
    """
    found = await look(directory, name)
    return found is not None and found.st_ctime > moment.timestamp()


def wanted_name(request: DownloadRequest, resource: Resource) -> str:
    """Return the name that a file is to have, if nothing else has it."""
    name = request.name or suggest(disposition=resource.disposition, url=request.url)
    return coded(name, resource.coding)


def coding_note(coding: str) -> str:
    """Return the sentence on a file whose bytes are coded though plain ones were asked for."""
    return f"the server sends it coded as {coding}, though plain was asked for"


def _safe(rule: Conflict, name: str) -> Conflict:
    """Return the rule to use: the name of a part file is never overwritten.

    A server could otherwise call its file like the unfinished one of another download.
    """
    return Conflict.RENAME if rule is Conflict.OVERWRITE and name.endswith(SUFFIX) else rule
