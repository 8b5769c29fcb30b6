"""What a question about a removal names: all of it that is there, and nothing that is not."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.models import Download, DownloadRecord, PartIdentity, Status
from core.domain.outcomes import KeptFile, Removal
from core.domain.service import MOST_REMOVED
from core.domain.value import asdict
from tests.fakes import FakeService
from tests.tui.samples import FORBIDDEN, HOSTILE, app_for, queue, sample, until
from tui.text.removal import MOST_NAMES, deleted_note, file_of, kept_note

PART = PartIdentity(device=1, inode=2)


def begun(number: int) -> Download:
    return sample(number, part=PART)


def planned(*downloads: Download, changed: Sequence[KeptFile] = ()) -> Removal:
    """Return what a service would say of a deletion."""
    stays = {each.path for each in changed}
    files = [file for download in downloads if (file := file_of(download))]
    records = (DownloadRecord(**asdict(d)) for d in downloads)
    return Removal(
        removed=tuple(records),
        deleted_files=tuple(file for file in files if file not in stays),
        kept=tuple(changed),
    )


def test_what_stays_is_named_with_the_reason() -> None:
    changed = KeptFile(path="/data/file-1.iso.part", reason="not as winch left it")
    note = deleted_note(planned(begun(1), begun(2), changed=[changed]))
    assert note.endswith(
        "Deleted for good:\n\n/data/file-2.iso.part\n\n"
        "kept: /data/file-1.iso.part (not as winch left it)"
    )


def test_what_never_began_has_no_file_to_be_deleted() -> None:
    note = deleted_note(planned(begun(1), sample(2), sample(3, status=Status.COMPLETED)))
    assert note.endswith(
        "Deleted for good:\n\n/data/file-1.iso.part\n/data/file-3.iso\n\n"
        "Of 1 of them there is nothing on disk."
    )
    assert "nothing of it on disk" in deleted_note(planned(sample(1)))
    assert "nothing of them on disk" in deleted_note(planned(sample(1), sample(2)))


def test_of_one_that_leaves_the_list_alone_it_is_said_what_stays() -> None:
    assert kept_note([begun(1)]) == "What there is of it stays on disk: /data/file-1.iso.part"
    done = sample(1, status=Status.COMPLETED)
    assert kept_note([done]) == "The file stays on disk: /data/file-1.iso"
    assert kept_note([sample(1)]) == "There is nothing of it on disk."


def test_all_are_named_up_to_some_hundreds() -> None:
    downloads = [begun(number) for number in range(MOST_NAMES + 1)]
    for note in (kept_note(downloads[:-1]), deleted_note(planned(*downloads[:-1]))):
        assert "file-0.iso" in note
        assert f"file-{MOST_NAMES - 1}.iso" in note
        assert "more" not in note
    for note in (kept_note(downloads), deleted_note(planned(*downloads))):
        assert note.endswith("\nand 1 more")


def test_how_many_can_be_brought_back_is_said_where_not_all_can() -> None:
    downloads = [begun(number) for number in range(MOST_REMOVED + 1)]
    assert "only the last 1,000" in kept_note(downloads)
    assert "only the last" not in kept_note(downloads[1:])


def test_names_from_outside_are_harmless() -> None:
    for name in HOSTILE:
        one = begun(1).replace(name=name)
        for note in (kept_note([one, one]), kept_note([one]), deleted_note(planned(one))):
            assert not set(FORBIDDEN) & set(note.replace("\n", ""))


async def test_a_long_list_is_scrolled_and_the_answers_stay_in_sight() -> None:
    service = FakeService()
    for id_ in await queue(service, *(f"{number:03}.iso" for number in range(90))):
        service.change(id_, part=PART)
    async with app_for(service).run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, "90 queued")
        await pilot.press("asterisk", "X")
        await until(pilot, "and delete the files?", "/data/000.iso.part", "n  Keep", gone="089")
        await pilot.press(*["pagedown"] * 12)
        await until(pilot, "and delete the files?", "/data/089.iso.part", "n  Keep")
        await pilot.press("n")
        await until(pilot, "000.iso", gone="delete the files")
    assert ("remove", None) not in service.calls
