"""Whatever a person, a server and a computer do in whatever order: DESIGN.md holds.

Hypothesis makes up runs of requests to the real daemon, of kills, restarts, full disks and servers
that change or fail. `WINCH_LONG=1` makes it 200 long runs of chance in place of a few fixed ones.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from core.domain.models import DownloadRequest
from core.domain.service import MoveTo
from tests.crash.machine_person import Person
from tests.crash.machine_run import Run
from tests.crash.machine_server import KIB, Fault
from tests.crash.machine_story import Story, told
from tests.faults.server import FaultServer
from tests.unix import short_directory

LONG = bool(os.environ.get("WINCH_LONG"))
EXAMPLES, STEPS = (200, 40) if LONG else (12, 20)

PAGES = st.sampled_from(["small", "dated", "mute", "large"])
NAMES = st.sampled_from([None, None, None, "large", "mine"])
PLANTED = st.sampled_from(["small", "large", "mine", "dated (1)", "large.part", "mute.mismatch"])
ONE = st.integers(0, 5)
SOME = st.none() | st.lists(ONE, min_size=1, max_size=3, unique=True)
PLACES = st.sampled_from([*MoveTo, 1, 2, 3])
VERSIONS = st.integers(1, 3)
AMOUNTS = st.sampled_from([1, 60 * KIB, 300 * KIB, 2000 * KIB])
ROOMS = st.sampled_from([0, 100 * KIB, 1000 * KIB])
WISHES = ("pause", "cancel", "remove", "move", "prefer", "hold")
MOMENTS = st.sampled_from([0.0, 0.002, 0.005, 0.01, 0.03])


class Machine(RuleBasedStateMachine):
    """Each rule is something that happens; what must hold is looked at after each.

    No rule is ruled out by what is so: Hypothesis wants the same choices in another attempt, and
    the daemon's pace is not the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self.story = Story()
        self._stack = ExitStack()
        self._runner = self._stack.enter_context(asyncio.Runner())
        self._server = FaultServer()
        self._run: Run
        self._person: Person

    @initialize(
        active=st.integers(1, 3),
        small_disks=st.booleans(),
        pages=st.lists(PAGES, min_size=1, max_size=4, unique=True),
    )
    @told
    def begin(self, active: int, small_disks: bool, pages: list[str]) -> None:
        root = self._stack.enter_context(short_directory())
        self._do(self._server.__aenter__())
        self._run = Run(root, self._server, active=active, small=small_disks)
        self._person = Person(self._run)
        self._do(self._run.start())
        for page in pages:
            self._do(self._person.add(self._request(page, None, False, False)))

    # -- a person ---------------------------------------------------------------------------------

    @rule(page=PAGES, name=NAMES, paused=st.booleans(), sure=st.booleans())
    @told
    def add(self, page: str, name: str | None, paused: bool, sure: bool) -> None:
        self._do(self._person.add(self._request(page, name, paused, sure)))

    @rule(page=PAGES)
    @told
    def add_and_let_flow(self, page: str) -> None:
        self._do(self._person.add(self._request(page, None, False, False)))
        self._do(self._run.let_flow(100 * KIB))

    @rule(some=SOME)
    @told
    def pause(self, some: list[int] | None) -> None:
        self._do(self._person.pause(self._ids(some)))

    @rule(some=SOME)
    @told
    def resume(self, some: list[int] | None) -> None:
        self._do(self._person.resume(self._ids(some)))

    @rule(some=SOME)
    @told
    def retry(self, some: list[int] | None) -> None:
        self._do(self._person.retry(self._ids(some)))

    @rule(some=st.lists(ONE, min_size=1, max_size=2, unique=True))
    @told
    def cancel(self, some: list[int]) -> None:
        self._do(self._person.cancel(self._ids(some)))

    @rule(one=ONE)
    @told
    def start_now(self, one: int) -> None:
        self._do(self._person.start_now(self._chosen([one])))

    @rule(one=ONE)
    @told
    def start_fresh(self, one: int) -> None:
        self._do(self._person.start_fresh(self._chosen([one])))

    @rule(one=ONE, files=st.booleans())
    @told
    def remove(self, one: int, files: bool) -> None:
        if ids := self._chosen([one]):
            self._do(self._person.remove(ids, files=files))

    @rule(one=ONE, to=PLACES)
    @told
    def move(self, one: int, to: MoveTo | int) -> None:
        for id_ in self._chosen([one]):
            self._do(self._person.move(id_, to))

    @rule(one=ONE, priority=st.integers(-1, 1))
    @told
    def prefer(self, one: int, priority: int) -> None:
        for id_ in self._chosen([one]):
            self._do(self._person.prefer(id_, priority))

    @rule(held=st.booleans())
    @told
    def hold(self, held: bool) -> None:
        self._do(self._person.hold(held))

    @rule(name=PLANTED)
    @told
    def put_own_file(self, name: str) -> None:
        self._run.files.plant(name)

    @rule(page=PAGES)
    @told
    def put_own_file_under_way(self, page: str) -> None:
        self._do(self._person.add(self._request(page, None, False, False)))
        self._do(self._run.let_flow(1))
        self._run.files.plant(page)

    # -- the server -------------------------------------------------------------------------------

    @rule(page=PAGES, on=VERSIONS, quietly=st.booleans())
    @told
    def change_on_server(self, page: str, on: int, quietly: bool) -> None:
        self._run.web.change(page, on, quietly=quietly)

    @rule(page=PAGES, on=VERSIONS, quietly=st.booleans(), amount=AMOUNTS, cut=st.booleans())
    @told
    def change_under_way(self, page: str, on: int, quietly: bool, amount: int, cut: bool) -> None:
        self._do(self._person.add(self._request(page, None, False, False)))
        self._do(self._run.let_flow(amount))
        self._run.web.change(page, on, quietly=quietly)
        if cut:
            self._do(self._run.web.cut_all())

    @rule(page=st.sampled_from(["mute", "large"]), on=VERSIONS)
    @told
    def change_between_connections(self, page: str, on: int) -> None:
        self._do(self._person.add(self._request(page, None, False, False)))
        self._do(self._run.let_flow(1))
        self._run.web.change(page, on, quietly=True)
        self._do(self._run.let_flow(1000 * KIB))

    @rule(page=PAGES, fault=st.none() | st.sampled_from(Fault))
    @told
    def spoil(self, page: str, fault: Fault | None) -> None:
        self._run.web.spoil(page, fault)

    @rule()
    @told
    def cut_all(self) -> None:
        self._do(self._run.web.cut_all())

    # -- the computer -----------------------------------------------------------------------------

    @rule(amount=AMOUNTS)
    @told
    def let_flow(self, amount: int) -> None:
        self._do(self._run.let_flow(amount))

    @precondition(lambda self: self._run.disk.is_small)
    @rule(room=ROOMS, of_state=st.sampled_from([False, False, True]))
    @told
    def fill_disk(self, room: int, of_state: bool) -> None:
        (self._run.home if of_state else self._run.disk).fill(0 if of_state else room)

    @rule()
    @told
    def free_disks(self) -> None:
        self._run.home.free()
        self._run.disk.free()

    @rule()
    @told
    def restart(self) -> None:
        self._do(self._run.stop())
        self._do(self._run.start())

    @rule()
    @told
    def kill(self) -> None:
        self._do(self._run.kill())
        self._do(self._run.start())

    @rule(what=st.sampled_from(WISHES), one=ONE)
    @told
    def kill_right_after(self, what: str, one: int) -> None:
        for id_ in self._chosen([one]):
            self._do(self._ask_for(what, id_))
            self._do(self._run.kill())
            self._do(self._run.start())

    @rule(page=PAGES, moment=MOMENTS)
    @told
    def kill_amid_add(self, page: str, moment: float) -> None:
        request = self._request(page, None, False, False)
        adding = self._run.service.add([request])
        self._do(self._run.kill_amid(adding, moment, may_come=[request.url]))
        self._do(self._run.start())

    @rule(one=ONE, moment=MOMENTS)
    @told
    def kill_amid_remove(self, one: int, moment: float) -> None:
        ids = self._chosen([one])
        removing = self._run.service.remove(ids, files=True)
        chosen = self._run.listed(ids)
        self._do(self._run.kill_amid(removing, moment, may_go=chosen))
        self._do(self._run.start())

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def design_holds(self) -> None:
        self._do(self._run.check())

    def teardown(self) -> None:
        try:
            if hasattr(self, "_person") and not self.story.has_ended:
                self._run.disk.free()
                self._run.home.free()
                self._run.web.heal()
                self._do(self._person.finish_everything())
                self._do(self._run.check_finished())
        finally:
            if hasattr(self, "_run"):
                self._runner.run(self._run.close())
            self._runner.run(self._server.stop())
            self._stack.close()

    def _request(self, page: str, name: str | None, paused: bool, sure: bool) -> DownloadRequest:
        return self._person.request(page, name=name, paused=paused, sure=sure)

    def _ask_for(self, what: str, id_: str) -> Coroutine[Any, Any, None]:
        person = self._person
        match what:
            case "pause":
                return person.pause([id_])
            case "cancel":
                return person.cancel([id_])
            case "remove":
                return person.remove([id_], files=True)
            case "move":
                return person.move(id_, MoveTo.TOP)
            case "prefer":
                return person.prefer(id_, 2)
            case _:
                return person.hold(not self._run.model.held)

    def _chosen(self, places: list[int]) -> list[str]:
        model = self._run.model
        order = [id_ for id_ in model.order if id_ not in model.may_go]
        return list(dict.fromkeys(order[place % len(order)] for place in places if order))

    def _ids(self, places: list[int] | None) -> list[str] | None:
        return None if places is None else self._chosen(places)

    def _do(self, work: Coroutine[Any, Any, Any]) -> None:
        with self.story.ending():
            self._runner.run(work)


@pytest.mark.timeout(0 if LONG else 240)
def test_whatever_happens_the_design_holds() -> None:
    with Story.first_failure():
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                phases=[Phase.generate],
                database=None,
                derandomize=not LONG,
                suppress_health_check=list(HealthCheck),
            ),
        )
