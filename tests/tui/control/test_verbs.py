"""`:` takes verbs, for what is named or chosen; mistakes stay in place."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from core.domain.errors import UsageError
from core.domain.history import HistoryQuery
from core.domain.models import DownloadRequest, PartIdentity, Status
from core.domain.upkeep import Leftover, LeftoverKind
from core.domain.value import replace
from tests.attempts import a_failure, an_attempt
from tests.fakes import FakeService
from tests.tui.samples import HOSTILE, app_for, assert_harmless, queue, screen_text, until
from tui.control.verb_parser import VERBS, completions, parse
from tui.control.verbs import HANDLERS
from tui.input.commands import COMMANDS
from tui.screens.verb_line import VerbLine
from tui.text.fmt import clean


async def say(pilot: Pilot[int], line: str) -> None:
    """Type a line after `:` and confirm it."""
    await pilot.press("colon")
    await until(pilot, ":", gone="Esc closes")
    while not isinstance(pilot.app.screen, VerbLine):
        await pilot.pause()
    # As a paste comes in.
    pilot.app.screen.query_one(Input).value = clean(line)
    await pilot.press("enter")


async def open_line(pilot: Pilot[int]) -> Input:
    """Open the line and return where one types."""
    await pilot.press("colon")
    await until(pilot, ":", gone="Esc closes")
    while not isinstance(pilot.app.screen, VerbLine):
        await pilot.pause()
    return pilot.app.screen.query_one(Input)


async def test_without_ids_it_is_for_the_download_under_the_cursor() -> None:
    service = FakeService()
    first, _ = await queue(service, "a.iso", "b.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, "pause")
        await until(pilot, "paused 1 download", gone="\n :")
    assert ("pause", (first,)) in service.calls


async def test_without_ids_it_is_for_what_is_marked() -> None:
    service = FakeService()
    ids = await queue(service, "a.iso", "b.iso", "c.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "c.iso")
        await pilot.press("space", "space")
        await say(pilot, "set --priority 5 --limit 500k")
        await until(pilot, "changed 2 downloads")
    assert ("set", tuple(ids[:2])) in service.calls
    assert [service.download(id_).request.priority for id_ in ids] == [5, 5, 0]


@pytest.mark.parametrize(
    ("line", "method"),
    [
        ("cancel {id}", "cancel"),
        ("resume {id}", "resume"),
        ("move {id} --top", "move"),
        ("set {id} --now", "start_now"),
        ("set {id} --url https://b.test/x", "replace_url"),
    ],
)
async def test_named_ids_go_before_the_cursor(line: str, method: str) -> None:
    service = FakeService()
    _, second = await queue(service, "a.iso", "b.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "b.iso")
        await say(pilot, line.format(id=second[:8]))
        await until(pilot, "1 download", gone="\n :")
    assert service.calls[-1] == (method, (second[:8],))


async def test_all_and_the_queue_as_a_whole() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso", status=Status.FAILED)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "b.iso")
        await say(pilot, "retry --all")
        await until(pilot, "retried 2 downloads")
        await say(pilot, "pause --queue")
        await until(pilot, "queue held")
        await say(pilot, "resume --queue")
        await until(pilot, gone="queue held")
        await say(pilot, "pause --queue --all")
        await until(pilot, "it stands alone")
    assert ("retry", None) in service.calls


async def test_what_refuses_is_said() -> None:
    service = FakeService()
    await queue(service, "a.iso", status=Status.COMPLETED)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, "pause")
        await until(pilot, "a completed download")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("frob", "there is no command 'frob'"),
        ("pauze", "did you mean pause?"),
        ("pause 'x", "a quotation mark is not closed"),
        ("pause zzz", "zzz"),
        ("pause --frob", "--frob"),
        ("set --priority many", "--priority"),
        ("move", "one of the arguments"),
        ("set --limit fast", "fast"),
        ("limit fast", "fast"),
        ("add", "there is no URL"),
        ("add ftp://x.test/a", "ftp"),
        ("add -i - ", "there is no stdin here"),
        ("add https://x.test/a --user me", "the password is missing"),
        ("ls size:", "size:"),
        ("ls --sort colour", "nothing sorts by 'colour'"),
        ("get https://x.test/a", "here `add` queues"),
        ("daemon stop", "`daemon stop` is for a shell"),
        ("demo", "`demo` is for a shell"),
        ("history export x", "e in it exports"),
    ],
)
async def test_mistakes_are_said_in_place_and_the_line_stays(line: str, said: str) -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(120, 24)) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, line)
        shown = await until(pilot, said)
        assert line.strip() in shown
        assert isinstance(app.screen, VerbLine)
        await pilot.press("escape")
        await until(pilot, gone=said)


async def test_with_nothing_chosen_it_says_so() -> None:
    async with app_for(FakeService()).run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, "pause")
        await until(pilot, "no download is chosen")


async def test_urls_are_added_with_the_options_of_the_command() -> None:
    service = FakeService()
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, "add https://x.test/a.iso -o b.iso --paused --group set -d /far")
        await until(pilot, "b.iso", "queued 1 download")
        await say(pilot, "https://x.test/c.iso")
        await until(pilot, "c.iso")
    requests = [view.download.request for view in await service.downloads()]
    first = DownloadRequest(
        url="https://x.test/a.iso", directory="/far", name="b.iso", paused=True, group="set"
    )
    assert requests == [first, DownloadRequest(url="https://x.test/c.iso", directory="/data")]


async def test_ls_filters_and_sorts_the_list() -> None:
    service = FakeService()
    await queue(service, "b.iso", "a.iso", "c.txt")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "c.txt")
        await say(pilot, "ls iso --sort name")
        shown = await until(pilot, "a.iso", gone="c.txt")
        assert shown.index("a.iso") < shown.index("b.iso")
        await say(pilot, "ls --status failed")
        await until(pilot, "status:failed", gone="a.iso")
        await say(pilot, "ls")
        await until(pilot, "c.txt")


async def test_rm_takes_off_the_list_and_is_undone() -> None:
    service = FakeService()
    first, _ = await queue(service, "a.iso", "b.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, "rm")
        await until(pilot, "b.iso", gone="a.iso")
        await pilot.press("z")
        await until(pilot, "a.iso")
    assert ("restore", (first,)) in service.calls


async def test_a_filter_names_the_downloads_that_it_admits() -> None:
    service = FakeService()
    ids = await queue(service, "a b.iso", "b.iso", "c.iso", "d.iso")
    service.change(ids[3], status=Status.COMPLETED, wait_reason=None)
    async with app_for(service).run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, "d.iso")
        await say(pilot, f"pause {ids[2][:8]} status:queued name:'a b'")
        await until(pilot, "paused 2 downloads")
        assert service.calls[-1] == ("pause", (ids[2][:8], ids[0]))
        await say(pilot, "resume status:failed")
        await until(pilot, "nothing matches status:failed")
        await pilot.press("escape")
        await say(pilot, "resume colour:red")
        await until(pilot, "there is no filter 'colour:'")
        await pilot.press("escape")
        await say(pilot, "rm status:done")
        await until(pilot, gone="d.iso")
    assert service.calls[-1] == ("remove", (ids[3],))


@pytest.mark.parametrize(("key", "is_gone"), [("y", True), ("n", False)])
async def test_rm_with_files_asks_first(key: str, is_gone: bool) -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    service.change(id_, part=PartIdentity(device=1, inode=2))
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, "rm --files")
        await until(pilot, "Remove 1 download and delete the data?", "/data/a.iso.part")
        await pilot.press(key)
        await until(pilot, "Nothing to haul yet." if is_gone else "a.iso", gone="delete the data")
    assert len(await service.downloads()) == (0 if is_gone else 1)


async def test_limit_and_show_are_read_on_a_page() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, "limit 2M --active 7")
        await until(pilot, "2.00 MiB/s", "7 at once", "Esc closes")
        await pilot.press("escape")
        await say(pilot, "show")
        await until(pilot, "/data/a.iso", "https://example.org/0")
        await pilot.press("q")
        await until(pilot, gone="Esc closes")
        await say(pilot, "set --help")
        await until(pilot, "--priority N", "change priority")


async def test_verify_is_answered_when_it_is_done() -> None:
    service = FakeService()
    await queue(service, "a.iso", status=Status.COMPLETED)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, "verify")
        await until(pilot, "verified again", gone="\n :")


async def test_history_and_stats_open_their_screens() -> None:
    service = FakeService()
    service.attempts = [an_attempt(1, name="kept.iso"), a_failure(2, name="lost.iso")]
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, "history --failed lost")
        await until(pilot, "1 of 2", "failed only", "lost.iso", gone="kept.iso")
        await pilot.press("escape")
        await say(pilot, "history --limit 1 --since 2000-01-01")
        await until(pilot, "1 of 2", "the newest 1", "since 2000-01-01", gone="kept.iso")
        await pilot.press("escape")
        await say(pilot, "stats --days 20")
        await until(pilot, "[30]")
        await pilot.press("escape")
        await say(pilot, "history clear")
        await until(pilot, "Forget every attempt")
        await pilot.press("y")
        await until(pilot, "forgot 2 attempts")
    assert (await service.history(HistoryQuery())).entries == ()


async def test_clean_names_what_goes_and_asks(tmp_path: Path) -> None:
    service = FakeService()
    part = tmp_path / "x.part"
    part.touch()
    gone = Leftover(kind=LeftoverKind.PART_FILE, path=str(part), size=1024, reason="nobody")
    service.leftovers = (gone,)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, "clean --dry-run")
        await until(pilot, "These would go:", "x.part")
        await pilot.press("escape")
        await say(pilot, "clean")
        await until(pilot, "1 file for good?", "x.part")
        await pilot.press("n")
        await until(pilot, gone="x.part")
        assert service.leftovers
        await say(pilot, "clean -y")
        await until(pilot, "removed 1 files, 1.00 KiB")
        assert not service.leftovers


async def test_q_leaves() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, "q")
        while app.is_running and app.return_code is None:
            await pilot.pause()
    assert app.return_value == 0


async def test_up_and_down_go_through_the_lines_before() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        for line in ("limit", "frob"):
            await say(pilot, line)
            await until(pilot, "Esc closes" if line == "limit" else "no command")
            await pilot.press("escape")
        field = await open_line(pilot)
        await pilot.press("x", "up")
        assert field.value == "frob"
        await pilot.press("up", "up")
        assert field.value == "limit"
        await pilot.press("down", "down")
        assert field.value == "x"


async def test_tab_completes_verbs_ids_and_options() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "b.iso")
        field = await open_line(pilot)
        await pilot.press("p", "tab")
        assert field.value == "pause "
        await pilot.press("tab")
        assert field.value == f"pause {first[:8]}"
        await until(pilot, f"{second[:8]}   b.iso")
        await pilot.press("tab")
        assert field.value == f"pause {second[:8]}"
        await pilot.press("shift+tab")
        assert field.value == f"pause {first[:8]}"
        await pilot.press("space", "minus", "minus", "q", "tab")
        assert field.value == f"pause {first[:8]} --queue "
        await pilot.press("x", "tab")
        await until(pilot, "nothing fits here")


def test_completions_leave_out_what_is_named_already() -> None:
    names = {"aaaaaaaa11": "a", "aaaaaaab22": "b\x1b"}
    assert completions("pause a", names) == [("aaaaaaaa", "a"), ("aaaaaaab", "b\ufffd")]
    assert completions("pause aaaaaaaa a", names) == [("aaaaaaab", "b\ufffd")]
    assert completions("", names)[0][0] == "add"
    assert completions("frob a", names) == []


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_is_a_verb_or_is_refused_with_a_sentence(verb: str) -> None:
    if verb in VERBS:
        command = parse(f"{verb} --help")
        assert command is not None
        assert COMMANDS[verb].summary in command.help
    else:
        with pytest.raises(UsageError, match=verb):
            parse(verb)


def test_every_verb_is_carried_out() -> None:
    assert set(HANDLERS) == set(VERBS)


async def test_it_fits_forty_columns_and_ascii_mode_shows_nothing_else() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    async with app_for(service, ascii=True).run_test(size=(40, 12)) as pilot:
        await until(pilot, "a.iso")
        await open_line(pilot)
        await pilot.press("tab", "tab")
        assert (await until(pilot, f"of {len(VERBS)}")).isascii()
        await pilot.press("escape")
        await say(pilot, "show")
        assert (await until(pilot, "Esc closes")).isascii()


async def test_hostile_names_reach_no_terminal() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(notifications=True, size=(120, 30)) as pilot:
        await until(pilot, "a.iso")
        for number, text in enumerate(HOSTILE):
            if not text or "\ud800" in text:
                continue
            request = replace(service.download(id_).request, group=text)
            service.change(id_, name=f"b{number}{text}", request=request)
            await until(pilot, f"b{number}")
            await open_line(pilot)
            await pilot.press(*"pause ", "tab", "tab")
            assert_harmless(screen_text(app))
            await pilot.press("escape")
            for line in ("show", f"pause '{text.replace(chr(39), '')}'"):
                await say(pilot, line)
                await pilot.pause()
                assert_harmless(screen_text(app))
                await pilot.press("escape")
        assert app.is_running


async def test_what_is_typed_ahead_of_tab_and_of_up_is_before_them() -> None:
    app = app_for(FakeService())
    async with app.run_test(notifications=True) as pilot:
        line = await open_line(pilot)
        for key in (*"limi", "tab", *"of"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, ":limit of")
        assert line.value == "limit of"
        for key in ("!", "up", "down"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, ":limit of!")
        assert line.value == "limit of!"


async def test_what_makes_a_collection_in_a_shell_makes_one_here(tmp_path: Path) -> None:
    service = FakeService()
    listed = tmp_path / "list.csv"
    listed.write_text("url,path\nhttp://x.test/1,a/1.bin\nnonsense,b\nhttp://x.test/2,../c\n")
    async with app_for(service).run_test(notifications=True, size=(120, 24)) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, f"add --collection birds -i {listed} -d {tmp_path}")
        await until(pilot, "the collection birds is in the list")
        await until(pilot, "line 3: 'nonsense' is not a URL")
        await until(pilot, "line 4: the path '../c' leads out")
    view = await service.collection("birds")
    assert (sum(view.verdicts.values()), view.collection.refused_count) == (1, 2)


async def test_a_list_is_added_without_its_wrong_lines(tmp_path: Path) -> None:
    service = FakeService()
    listed = tmp_path / "list"
    listed.write_text("http://x.test/1\nnonsense\nhttp://x.test/2\n  out=sub/two.bin\n")
    async with app_for(service).run_test(notifications=True, size=(120, 24)) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await say(pilot, f"add -i {listed} -d {tmp_path}")
        await until(pilot, "queued 2 downloads")
        await until(pilot, "line 2: 'nonsense' is not a URL")
    paths = [view.download.path for view in await service.downloads()]
    assert paths[1] == str(tmp_path / "sub/two.bin")
    assert (tmp_path / "sub").is_dir()
