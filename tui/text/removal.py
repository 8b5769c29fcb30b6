"""What is said before downloads are taken off the list: which they are, and what goes with them.

Pure: what would be deleted the service tells, whose disk may be another machine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from core.domain.collections import Collection
from core.domain.models import Download, Status
from core.domain.outcomes import Removal
from core.domain.service import MOST_REMOVED
from tui.text.fmt import clean, cut_middle

MOST_NAMES = 300
"""How many downloads are named."""
_WIDTH = 56
_NONE: Mapping[str, Collection] = MappingProxyType({})


def file_of(download: Download) -> str | None:
    """Return where what there is of a download is, None where there is nothing yet."""
    if download.status is Status.COMPLETED:
        return download.path
    return download.part_path if download.part is not None else None


def merged(removals: Sequence[Removal]) -> Removal:
    """Return several removals as one."""
    if len(removals) == 1:
        return removals[0]
    return Removal(
        removed=tuple(each for removal in removals for each in removal.removed),
        deleted_files=tuple(path for removal in removals for path in removal.deleted_files),
        deleted_bytes=sum(removal.deleted_bytes for removal in removals),
        kept_files=tuple(path for removal in removals for path in removal.kept_files),
        kept=tuple(each for removal in removals for each in removal.kept),
    )


def kept_note(downloads: Sequence[Download], collections: Mapping[str, Collection] = _NONE) -> str:
    """Return what to say of downloads that leave the list alone.

    Members of collections are named by their paths below the destination.
    """
    if not downloads:
        return "There is no file of it."
    if len(downloads) > 1:
        return (
            f"Their files stay on disk.{_limit(len(downloads))}\n\n{_names(downloads, collections)}"
        )
    (download,) = downloads
    if (file := file_of(download)) is None:
        return "There is nothing of it on disk."
    is_whole = download.status is Status.COMPLETED
    what = "The file stays" if is_whole else "What there is of it stays"
    return f"{what} on disk: {clean(file)}"


def hidden_note(collections: Iterable[Collection]) -> str:
    """Return what to say of collections whose files gather out of sight, "" where none does."""
    lines = [
        f"What there is of {clean(each.name)} stays out of sight in {clean(each.staging)};"
        " no key brings it back."
        for each in collections
        if each.staging is not None
    ]
    return "\n".join([*lines, ""]) if lines else ""


def deleted_note(plan: Removal) -> str:
    """Return what to say of downloads whose files are deleted with them, by what a dry run told."""
    files, count = plan.deleted_files, len(plan.removed)
    kept = f"\n\n{kept_lines(plan)}" if plan.kept else ""
    if not files:
        nothing = f"There is nothing of {'it' if count == 1 else 'them'} on disk to delete."
        return f"{nothing} This is not undone by a key.{kept}"
    without = count - len(files) - len(plan.kept)
    rest = f"\n\nOf {without:,} of them there is nothing on disk." if without > 0 else ""
    listed = "\n".join(map(clean, files[:MOST_NAMES]))
    note = f"This is not undone by a key. Deleted for good:\n\n{listed}{_more(len(files))}"
    return f"{note}{kept}{rest}"


def kept_lines(removal: Removal) -> str:
    """Return what is not deleted and why, a line for each."""
    lines = (f"kept: {clean(each.path)} ({each.reason})" for each in removal.kept[:MOST_NAMES])
    return "\n".join(lines) + _more(len(removal.kept))


def _names(downloads: Sequence[Download], collections: Mapping[str, Collection]) -> str:
    lines = []
    for download in downloads[:MOST_NAMES]:
        collection = collections.get(download.request.group or "")
        name = download.name if collection is None else collection.path_of(download)
        lines.append(cut_middle(clean(name), _WIDTH))
    return "\n".join(lines) + _more(len(downloads))


def _more(count: int) -> str:
    return f"\nand {count - MOST_NAMES:,} more" if count > MOST_NAMES else ""


def _limit(count: int) -> str:
    if count <= MOST_REMOVED:
        return ""
    return f"\nAn undo brings back only the last {MOST_REMOVED:,}."
