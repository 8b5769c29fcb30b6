"""A source read again: what joins, what is refused, and how little is asked for it."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from pathlib import Path

import pytest

from core.domain.collections import CollectionState
from core.domain.errors import ErrorCode, NotAllowedError, WinchError
from tests.core.engine.collections.dataset import Dataset
from tests.core.engine.collections.samples import NAME


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
