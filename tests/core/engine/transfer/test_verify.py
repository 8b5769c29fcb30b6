"""A hash that runs along never vouches for bytes that are not there any more."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.adapters.files.part_file import PartFile
from core.domain.models import Checksum, Resource, Validator
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.verify import STEP, Verifier
from core.policy.transfer.segments import SegmentMap
from tests.faults.model import content

SIZE = 3 * STEP + 5
DATA = content(SIZE)
OTHER = content(SIZE, seed=1)


def checksum(data: bytes, algorithm: str = "sha256") -> Checksum:
    return Checksum(algorithm, hashlib.new(algorithm, data).hexdigest())


def resource(digest: Checksum | None = None) -> Resource:
    return Resource(url="http://h/f", total=SIZE, validator=Validator(), ranges=True, digest=digest)


async def arrived(part: PartFile, data: bytes, digest: Checksum | None = None) -> UnfinishedFile:
    """Lay the file out anew, with all of its bytes written."""
    segments = SegmentMap.plan(SIZE)
    claim = segments.claim()
    assert claim is not None
    await part.write(0, [data])
    segments.reserve(claim, SIZE)
    segments.advance(claim, SIZE)
    return UnfinishedFile(resource(digest), part, segments)


@pytest.fixture
async def part(tmp_path: Path) -> AsyncIterator[PartFile]:
    part = await PartFile.create(str(tmp_path), "f")
    assert part is not None
    yield part
    await part.close()


async def test_after_a_restart_the_bytes_before_it_count_for_nothing(part: PartFile) -> None:
    verifier = Verifier()
    file = await arrived(part, OTHER)
    verifier.follow(file, checksum(DATA))
    (verdict,) = await verifier.results(file, checksum(DATA))
    assert not verdict.holds
    await part.truncate()
    file = await arrived(part, DATA)
    verifier.follow(file, checksum(DATA))
    (verdict,) = await verifier.results(file, checksum(DATA))
    assert verdict.holds


async def test_a_checksum_that_comes_late_is_checked_on_every_byte(part: PartFile) -> None:
    verifier = Verifier()
    file = await arrived(part, DATA)
    verifier.follow(file, checksum(DATA))
    (verdict,) = await verifier.results(file, checksum(DATA, "md5"))
    assert verdict.holds


async def test_both_authorities_are_heard_and_agreement_is_one_verdict(part: PartFile) -> None:
    file = await arrived(part, DATA, checksum(OTHER, "sha512"))
    verdicts = await Verifier().results(file, checksum(DATA))
    assert [(v.authority, v.holds) for v in verdicts] == [
        ("given", True),
        ("announced by the server", False),
    ]
    file = await arrived(part, DATA, checksum(DATA))
    assert len(await Verifier().results(file, checksum(DATA))) == 1


async def test_a_file_that_somebody_cut_off_is_not_right_and_comes_to_an_end(
    part: PartFile,
) -> None:
    file = await arrived(part, DATA)
    await part.truncate()
    (verdict,) = await Verifier().results(file, checksum(DATA))
    assert not verdict.holds


async def test_without_a_digest_nothing_is_read(part: PartFile) -> None:
    verifier = Verifier()
    file = await arrived(part, DATA)
    await part.close()
    verifier.follow(file, None)
    assert await verifier.results(file, None) == []
