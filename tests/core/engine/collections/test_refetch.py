"""A source read again: which files come once more, and what becomes of the ones that are here."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from core.domain.collections import CollectionChanges
from core.domain.errors import DestinationError, ErrorCode
from core.domain.models import Status
from tests.core.engine.collections.dataset import Dataset
from tests.core.engine.collections.samples import NAME
from tests.core.engine.conftest import until


class TestChanged:
    async def test_the_old_file_stays_until_the_new_one_is_proved(self, dataset: Dataset) -> None:
        old, new = b"o" * 300_000, b"n" * 400_000
        dataset.serve_with_digest("a", old)
        await dataset.collect()
        before = await dataset.member("a")
        dataset.serve_with_digest("a", new, hold_after=200_000)
        plan = await dataset.sync()
        assert (plan.changed, plan.unchanged) == (("a",), 0)
        await dataset.server.held("a")
        assert dataset.files()["a"] == old
        dataset.server.release("a")
        view = await dataset.settled()
        assert view.is_whole
        assert dataset.files() == {"a": new}
        after = await dataset.member("a")
        assert after.id == before.id
        assert after.timeline[: len(before.timeline)] == before.timeline
        assert after.digest == after.request.checksum
        assert (await dataset.sync()).unchanged == 1

    async def test_one_that_is_not_proved_replaces_nothing(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"old")
        await dataset.collect()
        dataset.serve_with_digest("a", b"new")
        dataset.server.replace("a", b"bad")
        await dataset.sync()
        view = await dataset.settled()
        assert view.verdicts["bad"] == 1
        assert dataset.files()["a"] == b"old"
        plan = await dataset.sync()
        assert (plan.unchanged, plan.counts["failed"]) == (1, 1)
        dataset.server.replace("a", b"new")
        await dataset.engine.retry(None)
        await dataset.settled()
        assert dataset.files()["a"] == b"new"

    async def test_after_one_that_failed_the_next_version_replaces_the_first(
        self, dataset: Dataset
    ) -> None:
        for path in ("a", "mine"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        for path in ("a", "mine"):
            dataset.serve_with_digest(path, b"2", statuses=[404])
        await dataset.sync()
        assert (await dataset.settled()).verdicts["missing"] == 2
        (dataset.directory / "mine").write_bytes(b"mine")
        for path in ("a", "mine"):
            dataset.serve_with_digest(path, b"3")
        assert (await dataset.sync()).counts["changed"] == 2
        await dataset.settled()
        assert dataset.files()["a"] == b"3"
        assert dataset.files()["mine"] == b"mine", "nobody's file is overwritten"
        error = (await dataset.member("mine")).error
        assert error is not None
        assert error.code is ErrorCode.EXISTS

    @pytest.mark.parametrize(("content", "etag"), [(b"2", '"2"'), (b"22", None)])
    async def test_what_only_the_server_knows_is_found_out(
        self, dataset: Dataset, content: bytes, etag: str | None
    ) -> None:
        dataset.serve("a", b"1", etag='"1"' if etag else None)
        await dataset.collect()
        dataset.server.replace("a", content, etag=etag)
        assert (await dataset.sync()).changed == ("a",)
        await dataset.settled()
        assert dataset.files() == {"a": content}

    async def test_which_version_it_is_becomes_known_where_nobody_wrote_it_down(
        self, dataset: Dataset
    ) -> None:
        dataset.serve("a", b"1", etag=None)
        await dataset.collect()
        dataset.server.change("a", etag='"1"')
        assert (await dataset.sync()).unchanged == 1
        dataset.server.replace("a", b"2", etag='"2"')
        assert (await dataset.sync()).changed == ("a",)
        await dataset.settled()
        assert dataset.files() == {"a": b"2"}

    async def test_another_size_in_the_list_takes_no_request(self, dataset: Dataset) -> None:
        dataset.columns = "url,path,size"
        dataset.serve("a", b"1", "1")
        await dataset.collect()
        dataset.serve("a", b"22", "2")
        dataset.asked()
        plan = await dataset.sync(dry_run=True)
        assert (plan.changed, plan.requests, dataset.asked()) == (("a",), 0, [])

    async def test_a_digest_that_joins_is_compared_with_the_file(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1")
        dataset.serve("b", b"2")
        await dataset.collect()
        dataset.asked()
        dataset.serve_with_digest("a", b"1")
        dataset.serve_with_digest("b", b"3")
        plan = await dataset.sync()
        assert (plan.changed, plan.unchanged) == (("b",), 1)
        await dataset.settled()
        assert dataset.asked() == ["b"]
        assert (await dataset.member("a")).request.checksum is not None

    async def test_what_failed_is_tried_again_only_at_another_address(
        self, dataset: Dataset
    ) -> None:
        dataset.serve("a", b"1", statuses=[404, 404])
        await dataset.collect()
        dataset.asked()
        plan = await dataset.sync()
        assert (plan.unchanged, plan.counts["failed"], dataset.asked()) == (1, 1, [])
        dataset.rows["a"] = dataset.server.file("there", b"2") + ",a"
        dataset.write()
        assert (await dataset.sync()).changed == ("a",)
        assert (await dataset.settled()).is_whole
        assert dataset.files() == {"a": b"2"}

    async def test_one_that_runs_begins_anew(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"o" * 400_000, hold_after=100_000)
        await dataset.collect(wait=False)
        await dataset.server.held("a")
        await dataset.read()
        dataset.serve_with_digest("a", b"n" * 300_000)
        assert (await dataset.sync()).changed == ("a",)
        assert (await dataset.settled()).is_whole
        assert dataset.files() == {"a": b"n" * 300_000}

    async def test_in_a_paused_collection_it_waits(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        dataset.serve_with_digest("failed", b"1", statuses=[404])
        await dataset.collect()
        await dataset.engine.change_collection(NAME, CollectionChanges(paused=True))
        for path in ("a", "failed"):
            dataset.serve_with_digest(path, b"2")
        assert (await dataset.sync()).counts["changed"] == 2
        for path in ("a", "failed"):
            assert (await dataset.member(path)).status is Status.PAUSED
        assert dataset.files() == {"a": b"1"}
        await dataset.engine.change_collection(NAME, CollectionChanges(paused=False))
        await dataset.settled()
        assert dataset.files() == {"a": b"2", "failed": b"2"}

    async def test_what_is_here_of_the_new_file_survives_an_end(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"o" * 300_000)
        await dataset.collect()
        dataset.serve_with_digest("a", b"n" * 4_000_000, hold_after=2_000_000)
        await dataset.sync()
        member = await dataset.member("a")
        await until(dataset.engine, member, lambda view: view.progress.bytes_downloaded > 1_000_000)
        await dataset.engine.close()
        dataset.server.release("a")
        dataset.asked()
        await dataset.start()
        await dataset.settled()
        assert dataset.files() == {"a": b"n" * 4_000_000}
        assert dataset.server.requests[0].range != "bytes=0-", "it goes on where it was"

    @pytest.mark.parametrize("size", [3, 300_000])
    async def test_a_kill_right_after_it_takes_the_old_file_for_no_new_one(
        self, dataset: Dataset, size: int, tmp_path: Path
    ) -> None:
        dataset.serve("a", b"o" * size, etag='"1"')
        await dataset.collect()
        dataset.server.replace("a", b"n" * size, etag='"2"')
        await dataset.engine.hold(paused=True)
        assert (await dataset.sync()).changed == ("a",)
        killed = tmp_path / "killed"
        shutil.copytree(dataset.workspace.state, killed, ignore=shutil.ignore_patterns("*.sock"))
        await dataset.engine.close()
        shutil.rmtree(dataset.workspace.state)
        killed.rename(dataset.workspace.state)
        await dataset.start()
        assert (await dataset.member("a")).status is Status.PENDING
        await dataset.engine.hold(paused=False)
        await dataset.settled()
        assert dataset.files() == {"a": b"n" * size}


class TestDamaged:
    async def test_what_is_gone_is_fetched_again(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("deep/a", b"1")
        dataset.serve_with_digest("b", b"2")
        await dataset.collect()
        shutil.rmtree(dataset.directory / "deep")
        plan = await dataset.sync()
        assert (plan.damaged, plan.unchanged) == (("deep/a",), 1)
        assert (await dataset.settled()).is_whole
        assert dataset.files() == {"b": b"2", "deep/a": b"1"}

    @pytest.mark.parametrize("with_digest", [True, False])
    async def test_what_somebody_changed_here_is_set_aside(
        self, dataset: Dataset, *, with_digest: bool
    ) -> None:
        (dataset.serve_with_digest if with_digest else dataset.serve)("a.txt", b"1")
        await dataset.collect()
        (dataset.directory / "a.txt").write_bytes(b"mine")
        assert (await dataset.sync()).damaged == ("a.txt",)
        assert (await dataset.settled()).is_whole
        assert dataset.files() == {"a.txt": b"1", "a.txt.mismatch": b"mine"}
        assert (await dataset.sync()).unchanged == 1

    async def test_and_also_where_the_source_has_another_one_by_now(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        (dataset.directory / "a").write_bytes(b"mine")
        dataset.serve_with_digest("a", b"2")
        assert (await dataset.sync()).changed == ("a",)
        assert (await dataset.settled()).is_whole
        assert dataset.files() == {"a": b"2", "a.mismatch": b"mine"}

    async def test_what_was_only_touched_is_right(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        os.utime(dataset.directory / "a", (1, 1))
        before = await dataset.member("a")
        dataset.asked()
        assert (await dataset.sync()).unchanged == 1
        assert dataset.asked() == []
        after = await dataset.member("a")
        assert after.left is not None
        assert after.left != before.left
        assert after.left.modified == 1_000_000

    async def test_a_link_to_the_right_bytes_is_right(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        elsewhere = (dataset.directory / "a").rename(tmp_path / "elsewhere")
        (dataset.directory / "a").symlink_to(elsewhere)
        assert (await dataset.sync()).unchanged == 1
        elsewhere.write_bytes(b"2")
        assert (await dataset.sync()).damaged == ("a",)
        assert (await dataset.settled()).is_whole
        assert (dataset.directory / "a").read_bytes() == b"1"
        assert elsewhere.read_bytes() == b"2"

    async def test_who_put_the_new_file_there_has_nothing_fetched(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        (dataset.directory / "a").write_bytes(b"22")
        dataset.serve_with_digest("a", b"22")
        dataset.asked()
        assert (await dataset.sync()).unchanged == 1
        assert (await dataset.sync()).unchanged == 1
        assert dataset.asked() == []

    async def test_what_verify_found_is_fetched_again(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        path = dataset.directory / "a"
        stamp = path.stat()
        path.write_bytes(b"2")
        os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        assert (await dataset.sync()).unchanged == 1, "by size and time it is as winch left it"
        await dataset.engine.verify([(await dataset.member("a")).id])
        assert (await dataset.sync()).damaged == ("a",)
        assert (await dataset.settled()).is_whole
        assert dataset.files()["a"] == b"1"

    async def test_a_destination_that_is_not_there_has_lost_nothing(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        dataset.directory.rename(dataset.directory.with_name("unmounted"))
        with pytest.raises(DestinationError):
            await dataset.sync()
        assert (await dataset.engine.collection(NAME)).is_whole
        assert not dataset.directory.exists()
