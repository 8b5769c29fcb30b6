"""A source read again: what joins, what is fetched again, and how little is asked for it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from core.domain.collections import CollectionChanges, CollectionState
from core.domain.entries import SourceSpec
from core.domain.errors import DestinationError, ErrorCode, NotAllowedError, WinchError
from core.domain.models import Status
from tests.core.engine.collections.conftest import NAME
from tests.core.engine.collections.dataset import Dataset
from tests.core.engine.conftest import Workspace, until
from tests.core.sources.packages import install
from tests.faults.server import FaultServer

TOLD = """
import json
from pathlib import Path
from core.domain.entries import Entry, Refused

class Told:
    async def expand(self, spec, fetcher):
        for item in json.loads(Path(spec.address).read_text()):
            yield Refused(**item) if "reason" in item else Entry(**item)

    async def refresh(self, entry):
        raise NotImplementedError
"""


@pytest.fixture
async def dataset(workspace: Workspace, fault_server: FaultServer, tmp_path: Path) -> Dataset:
    made = Dataset(workspace, fault_server, tmp_path)
    await made.start()
    return made


class TestUnchanged:
    async def test_with_digests_not_one_request_is_sent(self, dataset: Dataset) -> None:
        for number in range(20):
            dataset.serve_with_digest(f"{number}.bin", b"%d" % number)
        await dataset.collect()
        dataset.asked()
        plan = await dataset.sync()
        assert dataset.asked() == []
        assert (plan.unchanged, plan.requests) == (20, 0)
        assert plan.counts == dict.fromkeys(plan.counts, 0)

    async def test_without_them_one_each_on_condition(self, dataset: Dataset) -> None:
        for number in range(20):
            dataset.serve(f"{number}.bin", b"%d" % number, etag=f'"{number}"')
        await dataset.collect()
        dataset.server.requests.clear()
        plan = await dataset.sync()
        assert (plan.unchanged, plan.requests) == (20, 20)
        assert [request.status for request in dataset.server.requests] == [304] * 20
        assert dataset.asked() == sorted(f"{number}.bin" for number in range(20))

    async def test_a_server_that_knows_no_conditions_sends_one_byte(self, dataset: Dataset) -> None:
        dataset.serve("a", b"x" * 100_000, etag=None)
        dataset.serve("empty", b"", etag=None)
        await dataset.collect()
        dataset.server.requests.clear()
        plan = await dataset.sync()
        assert (plan.unchanged, plan.requests) == (2, 2)
        (asked,) = dataset.server.requests_to("a")
        assert asked.body_bytes == 1

    async def test_names_that_servers_chose_are_known_by_their_addresses(
        self, dataset: Dataset
    ) -> None:
        dataset.columns = "url"
        dataset.rows["a"] = dataset.server.file("a?key", b"1", disposition='filename="one"')
        dataset.write()
        await dataset.collect()
        assert dataset.files() == {"one": b"1"}
        assert (await dataset.sync()).unchanged == 1
        dataset.server.replace("a?key", b"22", etag='"v2"')
        assert (await dataset.sync()).changed == ("one",)
        await dataset.settled()
        assert dataset.files() == {"one": b"22"}
        assert (await dataset.sync()).unchanged == 1

    async def test_a_list_may_begin_and_cease_to_name_paths(self, dataset: Dataset) -> None:
        url = dataset.server.file("a", b"1")
        for rows in (f"url\n{url}\n", f"url,path\n{url},a\n", f"{url}\n"):
            dataset.list.write_text(rows)
            if not dataset.directory.exists():
                await dataset.collect()
            for dry_run in (True, False):
                plan = await dataset.sync(delete_extra=True, dry_run=dry_run)
                assert (plan.unchanged, plan.vanished, plan.new) == (1, (), ())
        assert dataset.files() == {"a": b"1"}


class TestNew:
    async def test_it_joins_and_nothing_else_is_asked_for(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        dataset.asked()
        dataset.serve_with_digest("deep/er/b", b"2")
        plan = await dataset.sync()
        assert (plan.new, plan.counts["new"], plan.unchanged) == (("deep/er/b",), 1, 1)
        view = await dataset.settled()
        assert dataset.files() == {"a": b"1", "deep/er/b": b"2"}
        assert dataset.asked() == ["deep/er/b"]
        assert view.collection.entries == 2
        assert view.is_whole

    async def test_what_cannot_be_fetched_is_told_and_stops_nothing(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1")
        await dataset.collect()
        dataset.write("http://host/x,../x", "http://host/y,/y")
        plan = await dataset.sync()
        assert plan.counts["refused"] == 2
        assert [refused.where for refused in plan.refused] == ["line 3", "line 4"]
        collection = (await dataset.engine.collection(NAME)).collection
        assert (collection.refused_count, collection.entries) == (2, 1)
        again = await dataset.sync()
        assert again.counts["refused"] == 2


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


class TestVanished:
    async def test_it_is_told_and_kept(self, dataset: Dataset) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        dataset.drop("b")
        plan = await dataset.sync()
        assert (plan.vanished, plan.deleted, plan.unchanged) == (("b",), (), 1)
        collection = (await dataset.engine.collection(NAME)).collection
        assert (collection.vanished, collection.vanished_count) == (("b",), 1)
        assert dataset.files() == {"a": b"1", "b": b"1"}
        dataset.serve_with_digest("b", b"1")
        await dataset.sync()
        assert (await dataset.engine.collection(NAME)).collection.vanished_count == 0

    async def test_what_failed_and_has_no_file_leaves(self, dataset: Dataset) -> None:
        for path in ("a", "old"):
            dataset.serve_with_digest(path, b"1")
        dataset.serve_with_digest("gone", b"1", statuses=[404])
        await dataset.collect()
        dataset.serve_with_digest("old", b"2", statuses=[404])
        await dataset.sync()
        assert (await dataset.settled()).verdicts["missing"] == 2
        dataset.drop("gone", "old")
        would = await dataset.sync(dry_run=True)
        assert would.vanished == ("gone", "old")
        assert await dataset.sync() == would
        view = await dataset.engine.collection(NAME)
        assert view.collection.vanished == ("old",), "its file is there, of an older version"
        assert view.totals.files == 2
        assert dataset.files() == {"a": b"1", "old": b"1"}

    async def test_asked_for_it_is_deleted_with_what_is_empty_then(self, dataset: Dataset) -> None:
        for path in ("a", "deep/er/b", "deep/er/c", "other/d"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        (dataset.directory / "other/mine").write_bytes(b"mine")
        dataset.drop("deep/er/b", "deep/er/c", "other/d")
        plan = await dataset.sync(delete_extra=True)
        assert plan.deleted == plan.vanished == ("deep/er/b", "deep/er/c", "other/d")
        assert plan.counts["deleted"] == 3
        assert dataset.files() == {"a": b"1", "other/mine": b"mine"}
        assert not (dataset.directory / "deep").exists()
        view = await dataset.engine.collection(NAME)
        assert (view.collection.vanished_count, view.totals.files) == (0, 1)

    async def test_what_somebody_changed_stays_and_is_named(self, dataset: Dataset) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        (dataset.directory / "b").write_bytes(b"mine")
        dataset.drop("b")
        plan = await dataset.sync(delete_extra=True)
        assert (plan.vanished, plan.deleted) == (("b",), ())
        (kept,) = plan.refused
        assert kept.where == "b"
        assert "not as winch left it" in kept.reason
        assert dataset.files()["b"] == b"mine"

    async def test_nothing_is_deleted_where_nothing_is_named(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        dataset.list.write_text("url,path,checksum\n")
        plan = await dataset.sync(delete_extra=True)
        assert (plan.vanished, plan.deleted) == (("a",), ())
        assert "not one file" in plan.withheld
        assert dataset.files() == {"a": b"1"}

    @pytest.mark.parametrize("until_close", [False, True])
    async def test_nothing_is_deleted_for_a_text_that_may_have_been_cut(
        self, dataset: Dataset, until_close: bool
    ) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, path.encode())
        sums = [f"{hashlib.sha256(p.encode()).hexdigest()}  {p}\n".encode() for p in ("a", "b")]
        url = dataset.server.file("SUMS", b"".join(sums), until_close=until_close)
        await dataset.collect(source=SourceSpec(kind="manifest", address=url))
        dataset.server.replace("SUMS", sums[0])
        plan = await dataset.sync(delete_extra=True)
        assert plan.vanished == ("b",)
        assert plan.deleted == (() if until_close else ("b",))
        assert ("may have been cut" in plan.withheld) is until_close
        assert ("b" in dataset.files()) is until_close

    async def test_nor_after_a_reading_that_failed(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        await dataset.collect()
        dataset.list.unlink()
        with pytest.raises(WinchError):
            await dataset.sync(delete_extra=True)
        assert dataset.files() == {"a": b"1"}
        view = await dataset.engine.collection(NAME)
        assert view.is_whole
        assert view.collection.vanished_count == 0

    async def test_nor_where_an_entry_cannot_be_read_that_could_before(
        self, dataset: Dataset
    ) -> None:
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        line = dataset.rows["b"].replace("sha256:", "sha256:zz")
        dataset.drop("b")
        for _ in range(2):
            dataset.write(line)
            plan = await dataset.sync(delete_extra=True)
            assert (plan.vanished, plan.deleted) == (("b",), ())
            assert "1 entry" in plan.withheld
            assert dataset.files() == {"a": b"1", "b": b"1"}
        dataset.write()
        assert (await dataset.sync(delete_extra=True)).deleted == ("b",)

    async def test_what_was_refused_all_along_hides_nothing(self, dataset: Dataset) -> None:
        dataset.rows["bad"] = "http://host/x,../x,"
        for path in ("a", "b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        dataset.drop("b")
        assert (await dataset.sync(delete_extra=True)).deleted == ("b",)

    @pytest.mark.parametrize(
        "now",
        [
            {"where": "b", "reason": "it cannot be fetched"},
            {"path": "b", "url": "http://127.0.0.1/" + "x" * 9000},
        ],
    )
    async def test_one_whose_entry_is_refused_now_has_not_vanished(
        self,
        dataset: Dataset,
        now: dict[str, str],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        install(
            tmp_path / "site", name="told", module="told", code=TOLD, sources={"told": "told:Told"}
        )
        monkeypatch.syspath_prepend(tmp_path / "site")
        items = [{"path": path, "url": dataset.server.file(path, b"1")} for path in ("a", "b")]
        dataset.list.write_text(json.dumps(items))
        await dataset.collect(source=SourceSpec(kind="told", address=str(dataset.list)))
        dataset.list.write_text(json.dumps([items[0], now]))
        plan = await dataset.sync(delete_extra=True)
        assert (plan.vanished, plan.deleted, plan.counts["refused"]) == ((), (), 1)
        assert plan.withheld == ""
        assert dataset.files() == {"a": b"1", "b": b"1"}


class TestDryRun:
    async def test_it_tells_all_and_changes_nothing(self, dataset: Dataset) -> None:
        for path in ("same", "changed", "gone", "mine", "deep/extra"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        (dataset.directory / "gone").unlink()
        (dataset.directory / "mine").write_bytes(b"mine")
        dataset.drop("deep/extra")
        dataset.serve_with_digest("changed", b"2")
        dataset.serve_with_digest("new", b"3")
        dataset.asked()
        files = dataset.files()
        listed = await dataset.engine.downloads()
        collection = await dataset.engine.collection(NAME)
        would = await dataset.sync(delete_extra=True, dry_run=True)
        assert would.new == ("new",)
        assert would.changed == ("changed",)
        assert sorted(would.damaged) == ["gone", "mine"]
        assert would.deleted == would.vanished == ("deep/extra",)
        assert dataset.files() == files
        assert await dataset.engine.downloads() == listed
        assert await dataset.engine.collection(NAME) == collection
        assert dataset.asked() == []
        assert await dataset.sync(delete_extra=True) == would
        assert (await dataset.settled()).is_whole
        assert dataset.files() == {
            "same": b"1",
            "changed": b"2",
            "gone": b"1",
            "mine": b"1",
            "mine.mismatch": b"mine",
            "new": b"3",
        }

    async def test_it_tells_what_could_not_be_fetched(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        for path in ("file", "linked/b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect()
        (dataset.directory / "linked").rename(tmp_path / "linked")
        (dataset.directory / "linked").symlink_to(tmp_path / "linked")
        for path in ("file/below", "linked/new", "linked/b", "good"):
            dataset.serve_with_digest(path, b"2")
        would = await dataset.sync(dry_run=True)
        assert (would.new, would.changed, would.counts["refused"]) == (("good",), ("linked/b",), 3)
        assert await dataset.sync() == would
        await dataset.settled()
        assert dataset.files()["good"] == b"2"
        assert [path.name for path in (tmp_path / "linked").iterdir()] == ["b"]
        assert (tmp_path / "linked/b").read_bytes() == b"1"


class TestTogether:
    @pytest.mark.parametrize("with_new", [True, False])
    async def test_what_changed_takes_its_place_when_all_of_it_is_proved(
        self, dataset: Dataset, *, with_new: bool
    ) -> None:
        before = {"a": b"1", "deep/b": b"2", "same": b"3"}
        for path, content in before.items():
            dataset.serve_with_digest(path, content)
        await dataset.collect(together=True)
        await dataset.published()
        assert dataset.files() == before
        dataset.serve_with_digest("a", b"11")
        dataset.serve_with_digest("deep/b", b"22", statuses=[404])
        if with_new:
            dataset.serve_with_digest("new", b"4")
        plan = await dataset.sync()
        assert (plan.changed, plan.unchanged) == (("a", "deep/b"), 1)
        view = await dataset.settled()
        assert view.verdicts["missing"] == 1
        assert dataset.files() == before
        await dataset.engine.retry(None)
        await dataset.published()
        new = {"new": b"4"} if with_new else {}
        assert dataset.files() == {"a": b"11", "deep/b": b"22", "same": b"3"} | new
        plan = await dataset.sync()
        assert (plan.unchanged, plan.requests) == (3 + with_new, 0)
        assert (await dataset.engine.collection(NAME)).is_whole

    async def test_an_entry_that_was_mended_lets_it_be_whole(self, dataset: Dataset) -> None:
        dataset.serve_with_digest("a", b"1")
        dataset.serve_with_digest("tpyo", b"1", statuses=[404])
        await dataset.collect(together=True)
        dataset.drop("tpyo")
        dataset.serve_with_digest("typo", b"1")
        await dataset.sync()
        assert (await dataset.published()).is_whole
        assert dataset.files() == {"a": b"1", "typo": b"1"}

    async def test_one_that_is_gone_comes_back(self, dataset: Dataset) -> None:
        for path in ("a", "deep/b"):
            dataset.serve_with_digest(path, b"1")
        await dataset.collect(together=True)
        await dataset.published()
        shutil.rmtree(dataset.directory / "deep")
        assert (await dataset.sync()).damaged == ("deep/b",)
        await dataset.published()
        assert dataset.files() == {"a": b"1", "deep/b": b"1"}


class TestServers:
    async def test_a_file_that_no_server_has_is_told_and_stays(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1")
        dataset.serve("b", b"2")
        await dataset.collect()
        dataset.server.change("a", statuses=lambda _: 404)
        plan = await dataset.sync(delete_extra=True)
        assert (plan.unchanged, plan.changed, plan.vanished) == (1, (), ())
        (told,) = plan.refused
        assert (told.where, told.code) == ("a", ErrorCode.NOT_FOUND)
        assert dataset.files() == {"a": b"1", "b": b"2"}
        assert (await dataset.engine.collection(NAME)).is_whole

    async def test_a_host_that_fails_is_not_asked_for_every_file(self, dataset: Dataset) -> None:
        for number in range(60):
            dataset.serve(f"{number}", b"1", statuses=lambda r: 200 if r.number == 1 else 500)
        await dataset.collect()
        dataset.asked()
        plan = await dataset.sync()
        assert plan.counts["refused"] == 60
        assert plan.requests == len(dataset.asked()) < 60

    async def test_a_login_page_replaces_nothing(self, dataset: Dataset) -> None:
        dataset.serve("a.tar", b"1")
        await dataset.collect()
        page = {"content_type": "text/html", "etag": None}
        dataset.server.replace("a.tar", b"<html>log in</html>", **page)
        plan = await dataset.sync()
        assert (plan.changed, plan.counts["refused"]) == ((), 1)
        assert dataset.files() == {"a.tar": b"1"}
        dataset.server.replace("a.tar", b"1", content_type="text/html", etag='W/"v1"')
        assert (await dataset.sync()).unchanged == 1, "it is only called a page"

    async def test_no_more_are_asked_at_once_than_the_host_may_have(self, dataset: Dataset) -> None:
        for number in range(40):
            dataset.serve(f"{number}", b"1")
        await dataset.collect()
        for number in range(40):
            dataset.server.change(f"{number}", latency=0.01)
        before = dataset.server.connections
        most = 0

        async def count() -> None:
            nonlocal most
            while True:
                open_ = sum(not request.finished for request in dataset.server.requests)
                most = max(most, open_)
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        assert (await dataset.sync()).unchanged == 40
        counting.cancel()
        assert most <= 8
        assert dataset.server.connections - before <= 8


class TestMeanwhile:
    async def test_what_is_edited_while_others_are_looked_at_is_kept(
        self, dataset: Dataset
    ) -> None:
        dataset.serve_with_digest("a", b"old")
        dataset.serve("b", b"1", "")
        await dataset.collect()
        dataset.serve_with_digest("a", b"new")

        def edit(_: object) -> int:
            (dataset.directory / "a").write_bytes(b"mine")
            return 200

        dataset.server.change("b", statuses=edit)
        assert (await dataset.sync()).changed == ("a",)
        view = await dataset.settled()
        assert view.verdicts["missing"] == 1
        assert dataset.files()["a"] == b"mine"

    async def test_what_cannot_be_now_is_refused(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1")
        await dataset.collect()
        dataset.server.change("a", statuses=lambda _: 200, latency=0.05)
        first = asyncio.create_task(dataset.sync())
        await asyncio.sleep(0)
        with pytest.raises(NotAllowedError, match="already"):
            await dataset.sync()
        assert (await first).unchanged == 1
        assert (await dataset.sync()).unchanged == 1

    async def test_while_its_source_is_read_it_refuses(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1")
        view = await dataset.collect(wait=False)
        assert view.collection.state is CollectionState.READING
        with pytest.raises(NotAllowedError, match="read"):
            await dataset.sync()
        await dataset.settled()

    async def test_whoever_asked_may_leave(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1", etag='"1"')
        await dataset.collect()
        dataset.server.replace("a", b"2", etag='"2"', hold_after=0)
        dataset.server.requests.clear()
        asking = asyncio.create_task(dataset.sync())
        await dataset.server.wait_for_request(1)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert dataset.engine.has_work
        dataset.server.release("a")
        await dataset.until_content("a", b"2")

    async def test_an_end_in_between_is_completed_by_the_next_one(self, dataset: Dataset) -> None:
        for path in ("a", "b"):
            dataset.serve(path, b"1", etag='"1"')
        await dataset.collect()
        dataset.server.replace("b", b"2", etag='"2"', hold_after=0)
        dataset.server.requests.clear()
        asking = asyncio.create_task(dataset.sync())
        await dataset.server.held("b")
        await dataset.engine.close()
        with pytest.raises(WinchError):
            await asking
        dataset.server.release("b")
        await dataset.start()
        assert (await dataset.sync()).changed == ("b",)
        await dataset.settled()
        assert dataset.files() == {"a": b"1", "b": b"2"}

    async def test_a_collection_that_is_removed_ends_it(self, dataset: Dataset) -> None:
        dataset.serve("a", b"1")
        await dataset.collect()
        dataset.server.change("a", hold_after=0, etag='"2"')
        asking = asyncio.create_task(dataset.sync())
        await dataset.server.held("a")
        await dataset.engine.remove_collection(NAME)
        with pytest.raises(WinchError):
            await asking
        assert await dataset.engine.downloads() == []
        assert await dataset.engine.collections() == []


@pytest.mark.parametrize("with_digests", [True, False])
async def test_two_thousand_unchanged_take_one_request_each_at_most(
    dataset: Dataset, *, with_digests: bool
) -> None:
    contents = {f"{n % 40}/{n}.bin": hashlib.sha256(b"%d" % n).digest() for n in range(2000)}
    for path, content in contents.items():
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if with_digests else ""
        dataset.rows[path] = f"{dataset.server.file(path, content)},{path},{digest}"
    dataset.columns = "url,path,checksum"
    dataset.write()
    view = await dataset.collect()
    assert view.is_whole
    assert len(dataset.asked()) == 2000
    plan = await dataset.sync()
    assert plan.unchanged == 2000
    assert plan.counts == dict.fromkeys(plan.counts, 0)
    asked = dataset.asked()
    assert asked == ([] if with_digests else sorted(contents))
    assert plan.requests == len(asked)
