"""Several machines on one screen: which is shown, what each keeps, and what a lost link takes."""

from __future__ import annotations

import asyncio

import pytest
from textual.widgets import Input

from core.domain.errors import HostError, UsageError
from core.domain.machines import Host
from core.domain.models import Phase, Progress, Status
from core.domain.service import DownloadService
from core.domain.settings import ScreenSettings, Settings
from tests.fakes import FakeService
from tests.tui.samples import NOW, queue, screen_text, until, until_gone
from tui.app import WinchApp
from tui.control import feed
from tui.control.feed import Connect
from tui.control.hosts import Elsewhere
from tui.terminal.features import Terminal


class Net:
    """Machines by their names; one that is `cut` loses its link and gets no other."""

    def __init__(self, *names: str) -> None:
        self.here = FakeService()
        self.services = {name: FakeService() for name in names}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        self.started_here = False
        self.started: set[str] = set()
        self.opened = asyncio.Event()
        self.opened.set()

    def reach(self, host: Host) -> Connect:
        async def connect(*, start: bool = True) -> DownloadService:
            self.asked.append(host.name)
            if start:
                self.started.add(host.name)
            await self.opened.wait()
            if host.name in self.cut:
                raise HostError(f"{host.name} cannot be reached: No route", hint="see [/b] ssh")
            return self.services[host.name]

        return connect

    def lose(self, name: str) -> None:
        """Let the link to a machine die."""
        self.cut.add(name)
        self.services[name].lose()

    def app(self, *, given: tuple[str, ...] = (), terminal: Terminal | None = None) -> WinchApp:
        async def connect(*, start: bool = True) -> DownloadService:
            self.started_here |= start
            return self.here

        def named(text: str) -> Host:
            if not text.isalnum():
                raise UsageError(f"'{text}' is no host")
            self.services.setdefault(text, FakeService())
            return Host(name=text, ssh=("ssh", "-p", "22", f"me@{text}"))

        hosts = [named(name) for name in self.services]
        elsewhere = Elsewhere(
            given=[host for name in given for host in hosts if host.name == name],
            configured=hosts,
            reach=self.reach,
            named=named,
        )
        settings = Settings(screen=ScreenSettings(refresh=60.0))
        return WinchApp(
            connect,
            settings,
            directory="/data",
            host="laptop",
            terminal=terminal,
            now=lambda: NOW,
            elsewhere=elsewhere,
        )


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at machines as often as it takes, and connect again when told to."""
    monkeypatch.setattr(feed, "GLANCE_EVERY", 0.01)
    monkeypatch.setattr(feed, "FIRST_WAIT", 3600.0)


async def test_no_machine_is_asked_before_somebody_wants_to_see_it() -> None:
    net = Net("server", "attic")
    net.cut.add("attic")
    (id_, _) = await queue(net.services["server"], "far.iso", "other.iso")
    net.services["server"].change(id_, status=Status.ACTIVE, phase=Phase.DOWNLOADING)
    net.services["server"].emit_progress({id_: Progress(bytes_downloaded=1, rate=2048.0)})
    app = net.app()
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "[laptop] server  attic", "Nothing to haul yet.")
        assert not net.asked
        await pilot.press("@")
        await until(pilot, "server ↓ 2.00 KiB/s 1 active", "attic no connection", "this machine")
        await pilot.press("down", "up", "down")
        await until(pilot, "attic cannot be reached: No route; see [/b] ssh")
        await pilot.press("escape")
        # Its queue is not asked for before it is shown.
        assert not app.hosts.known[1].store.by_id
        # Nor is a daemon that somebody has stopped there started for a glance.
        assert not net.started
        await pilot.press("]")
        shown = await until(pilot, "@server", "far.iso", "other.iso", "laptop [server")
        assert "as of" not in shown


async def test_each_machine_keeps_marks_filter_and_what_was_being_typed() -> None:
    net = Net("server")
    await queue(net.here, "a.iso", "b.iso")
    await queue(net.services["server"], "x.iso", "y.iso", "x.zip")
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "@server", "x.zip")
        await pilot.press("slash", "i", "s", "o", "enter", "space", "a")
        await pilot.press(*"http://h/z")
        await until(pilot, "1 marked", "/iso", "Add downloads on server")
        app.hosts.step(1)
        await until(pilot, "[laptop]", "a.iso", "b.iso", gone="Add downloads")
        assert "marked" not in screen_text(app)
        await pilot.press("]")
        await until(pilot, "Add downloads on server", "http://h/z", "1 marked", "/iso")
        await pilot.press("tab", "enter")
        await until(pilot, "@server", gone="Add downloads")
        views = await net.services["server"].downloads()
        assert [view.download.request.url for view in views][-1] == "http://h/z"
        assert len(await net.here.downloads()) == 2


async def test_a_lost_link_takes_nothing_and_an_answer_sent_then_is_kept() -> None:
    net = Net("server")
    await queue(net.services["server"], "x.iso", "y.iso")
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "y.iso")
        await pilot.press("j", "space", "t", "5", "0", "k")
        net.lose("server")
        await until(pilot, "as of 12:00:00", "the connection", "Ctrl-r tries now", "1 marked")
        await pilot.press("enter")
        await until(pilot, "there is no connection to server", "50k")
        net.cut.clear()
        await pilot.press("escape", "ctrl+r")
        await until(pilot, "1 marked", gone="as of")
        await pilot.press("t", *"50k", "enter")
        await until(pilot, "limit 50.0 KiB/s")


async def test_it_is_connected_again_from_within_a_line() -> None:
    net = Net("server")
    await queue(net.services["server"], "slow.iso", "x.iso")
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "slow.iso", "x.iso")
        await pilot.press("/", *"slo")
        net.lose("server")
        await until(pilot, "Ctrl-r tries now")
        net.cut.clear()
        await pilot.press("ctrl+r")
        await until_gone(pilot, "Ctrl-r tries now")
        await pilot.press("w")
        await until(pilot, "slow.iso", "slow", gone="x.iso")


async def test_a_line_after_the_colon_stays_where_it_cannot_be_sent() -> None:
    net = Net("server")
    await queue(net.services["server"], "x.iso")
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "x.iso")
        await pilot.press(":", *"limit 5k")
        net.lose("server")
        await until(pilot, "Ctrl-r tries now")
        await pilot.press("enter")
        await until(pilot, "there is no connection to server", "limit 5k")
        net.cut.clear()
        app.main.action_reconnect()
        await until_gone(pilot, "Ctrl-r tries now")
        await pilot.press("enter")
        await until(pilot, "rate")
        assert net.services["server"].calls[-2][0] == "limit"


async def test_what_could_not_be_added_may_be_once_the_link_is_back() -> None:
    net = Net("server")
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "@server", "Nothing to haul yet.")
        await pilot.press("a", *"http://h/z")
        await until(pilot, "Adds 1 download.")
        net.lose("server")
        await until(pilot, "Ctrl-r tries now")
        await pilot.press("tab", "enter")
        await until(pilot, "there is no connection to server")
        net.cut.clear()
        app.main.action_reconnect()
        await until(pilot, "http://h/z", "Adds 1 download.", gone="there is no connection")
        await pilot.press("enter")
        await until_gone(pilot, "Add downloads")
        assert len(await net.services["server"].downloads()) == 1


async def test_directories_are_the_other_machines_and_the_own_ones_never_get_there() -> None:
    net = Net("server")
    net.services["server"].directory = "/srv/haul"
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "@server", "Nothing to haul yet.")
        await pilot.press("a")
        await until(pilot, "/srv/haul", "does not exist")
        await pilot.press(*"http://h/z", "tab")
        app.screen.query_one("#directory", Input).value = "sub"
        await pilot.press("enter")
        await until_gone(pilot, "Add downloads")
        (view,) = await net.services["server"].downloads()
        assert view.download.request.directory == "/srv/haul/sub"


async def test_a_machine_that_is_in_no_settings_is_reached_by_its_name() -> None:
    net = Net()
    app = net.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "Nothing to haul yet.")
        assert "[laptop]" not in screen_text(app)
        await pilot.press("@", *"a b", "enter")
        await until(pilot, "'a b' is no host")
        await pilot.press("backspace", "backspace", *"ttic")
        await until(pilot, "Enter connects to attic")
        await pilot.press("enter")
        await until(pilot, "@attic", "laptop [attic]")
        await pilot.press("@", "enter")
        await until(pilot, "[laptop] attic")


async def test_a_finished_file_of_another_machine_comes_by_a_line_for_the_shell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net("server")
    await queue(net.services["server"], "it's done.iso", status=Status.COMPLETED)
    app = net.app(given=("server",))
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "it's done.iso")
        await pilot.press("y")
        await until(pilot, "rsync command")
        await pilot.press("r")
        await until(pilot, "clipboard")
    assert copied == ["""rsync -P -s -e 'ssh -p 22' 'me@server:/data/it'"'"'s done.iso' ."""]


async def test_the_title_of_the_terminal_names_another_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net("server")
    app = net.app(given=("server",), terminal=Terminal(has_title=True))
    written: list[str] = []
    monkeypatch.setattr(app, "write", written.append)
    app.window_title._write = written.append
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "@server")
        await pilot.press("[")
        await until(pilot, "[laptop]")
    assert any("winch @server" in text for text in written)


async def test_the_line_of_machines_fits_a_narrow_window_in_ascii() -> None:
    net = Net("server", "attic", "cellar", "garage")
    app = net.app(given=("server",), terminal=Terminal(is_ascii=True))
    async with app.run_test(size=(40, 16)) as pilot:
        await until(pilot, "[server]", "@server")
        shown = screen_text(app)
        assert shown.isascii()


async def test_a_verb_means_the_paths_of_the_machine_that_is_shown() -> None:
    net = Net("server")
    net.services["server"].directory = "/srv/haul"
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press(":", *"add http://h/z -d sub", "enter")
        await until(pilot, "queued 1 download")
        await pilot.press(":", *"add http://h/y", "enter")
        await until(pilot, "2 queued")
        views = await net.services["server"].downloads()
        assert [v.download.request.directory for v in views] == ["/srv/haul/sub", "/srv/haul"]


async def test_every_page_names_the_machine_and_its_settings_are_changed_there() -> None:
    net = Net("server")
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("comma")
        await until(pilot, "Settings of server; [screen] is of this machine", "@server")
        await pilot.press("G", "enter")
        line = """ssh -t -p 22 me@server '${EDITOR:-vi} "$(winch config path)"'"""
        await until(pilot, "This is a setting of server", line)
        await pilot.press("escape", "escape", "H", "e")
        await until(pilot, "History", "@server", "JSON Lines as *.jsonl, on this machine")
        await pilot.press("escape", "escape", "[", "H")
        await until(pilot, "History", gone="@")


async def test_the_first_that_was_named_is_shown_and_all_of_them_are_asked() -> None:
    net = Net("attic", "cellar", "server")
    app = net.app(given=("server", "attic"))
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "[server]", "Nothing to haul yet.")
        assert sorted(net.asked) == ["attic", "server"]
        await pilot.press("@")
        await until(pilot, "this machine", gone="not asked")
        assert not net.started_here
        await pilot.press(*"laptop", "enter")
        await until(pilot, "[laptop]")


async def test_what_is_waited_for_is_said_before_there_is_a_list() -> None:
    net = Net("server")
    await queue(net.services["server"], "x.iso")
    net.opened.clear()
    app = net.app(given=("server",))
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, "connecting to server")
        await pilot.press("p")
        await until(pilot, "The list is not here yet.")
        net.opened.set()
        await until(pilot, "x.iso", gone="connecting to")
