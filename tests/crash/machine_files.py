"""What lies in the destination: what the person put there, and what winch has made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from core.adapters.files.destination import MISMATCH, SUFFIX
from core.domain.models import Download, Status
from core.domain.outcomes import Removal
from tests.crash.machine_disk import Disk
from tests.crash.machine_server import Web

_FOREIGN = b"somebody else's "
_DRAFT = "draft"


class Files:
    """The destination of all downloads of a run."""

    def __init__(self, disk: Disk, web: Web) -> None:
        self._disk = disk
        self._web = web
        self._foreign: dict[str, bytes] = {}
        self._left: set[str] = set()
        self._half_removed: set[str] = set()

    def plant(self, name: str) -> None:
        """Put a file of the person's own there, if the name is free."""
        content = _FOREIGN + name.encode()
        draft = self._disk.directory / _DRAFT
        # The name may be taken, and the disk full: then an empty file, in which there is nothing to
        # lose, would be winch's to take over.
        with suppress(OSError):
            draft.write_bytes(content)
            (self._disk.directory / name).hardlink_to(draft)
            self._foreign[name] = content
        draft.unlink(missing_ok=True)

    def check(self, downloads: Iterable[Download]) -> None:
        """Fail where a file under a final name is not whole, or one of the person's was touched."""
        for name, content in self._foreign.items():
            assert (self._disk.directory / name).read_bytes() == content, f"{name} was touched"
        wholes = [version for page in self._web.pages.values() for version in page.served]
        for path in self._own():
            if path.suffix != SUFFIX and MISMATCH not in path.name:
                assert path.read_bytes() in wholes, f"{path.name} was never served like this"
        for download in downloads:
            if download.status is Status.COMPLETED:
                self._check_completed(download)

    def removed(self, removal: Removal, *, files: bool) -> None:
        """Fail unless what was removed took its own files along, and only where it was to."""
        there = {path.stat().st_ino: path.name for path in self._own()}
        gone = {Path(path).name for path in removal.deleted_files}
        assert files or not gone, f"{gone} were deleted, which nobody asked for"
        assert not gone & self._foreign.keys()
        for download in removal.removed:
            if not files:
                self._left.add(download.name)
            if download.part is not None:
                is_there = download.part.inode in there
                assert is_there is not files, f"{download.part_path}: there is {there}"

    def half_removed(self, downloads: Iterable[Download]) -> None:
        """Take in that a removal was cut off: what it had not deleted yet waits for the upkeep."""
        for download in downloads:
            self._left.add(download.name)
            self._half_removed.add(download.id)

    def check_leftovers(self, stored: Mapping[str, Download], resume_data: Path) -> None:
        """Fail where a part file or a record is left that nobody needs any more."""
        records = {path.stem for path in resume_data.glob("*.json")}
        for id_ in records - self._half_removed:
            assert id_ in stored, f"the record of {id_} outlived it"
            assert stored[id_].status is not Status.COMPLETED, f"{id_} is whole and has a record"
        wanted = {d.part.inode for d in stored.values() if d.part and d.completed_at is None}
        for path in self._own():
            if path.suffix == SUFFIX and path.stat().st_size:
                needed = path.stat().st_ino in wanted
                left = any(path.name.startswith(name) for name in self._left)
                assert needed or left, f"{path.name} is left over"

    def _check_completed(self, download: Download) -> None:
        page = self._web.page(download.request.url)
        content = Path(download.path).read_bytes()
        assert content in page.served, f"{download.path} is not what its address has served"
        if (checksum := download.request.checksum) is not None:
            assert page.has(content, checksum), f"{download.path} has another digest"
        assert download.part is not None, f"{download.id} is whole and knows no file"
        part = Path(download.part_path)
        if part.exists() and part.name not in self._foreign:
            assert part.stat().st_ino != download.part.inode, f"{part} is left beside the file"

    def _own(self) -> list[Path]:
        return [path for path in self._disk.files() if path.name not in self._foreign]
