"""The palette finds every action by a few letters, does it, and says why one cannot be done."""

from __future__ import annotations

import pytest

from core.domain.models import Status
from tests.fakes import FakeService
from tests.tui.samples import app_for, queue, screen_text, until
from tui.control.key_actions import KEY_ACTIONS, MAIN, KeyTarget, by_target
from tui.screens.palette_dialog import PaletteEntry, rank


def entries() -> list[PaletteEntry]:
    return [PaletteEntry(action, "", True) for action in by_target(*MAIN, KeyTarget.TABLE)]


async def test_it_lists_every_action_with_its_keys_and_help() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    wanted = [a for a in by_target(*MAIN, KeyTarget.TABLE) if a.id != "palette"]
    async with app_for(service).run_test(notifications=True, size=(100, 80)) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("ctrl+p")
        seen = await until(pilot, "Actions", "Enter runs, Esc closes")
        for _ in wanted[::10]:
            await pilot.press("pagedown")
            await pilot.pause()
            seen += screen_text(pilot.app)  # type: ignore[arg-type]
        for text in ("Ctrl-d", *(action.label for action in wanted)):
            assert text in seen


async def test_a_few_letters_and_enter_do_it() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("ctrl+p")
        await until(pilot, "Actions")
        await pilot.press(*"paus", "enter")
        await until(pilot, "paused", gone="Actions")
        assert ("pause", (id_,)) in service.calls


async def test_actions_of_the_table_are_done_by_the_table() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso")
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("ctrl+p")
        await until(pilot, "Actions")
        await pilot.press(*"mark", "space", *"all", "enter")
        await until(pilot, "2 marked")


async def test_what_cannot_apply_is_not_done_and_says_why() -> None:
    service = FakeService()
    await queue(service, "a.iso", status=Status.COMPLETED)
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, "a.iso")
        await pilot.press("ctrl+p")
        await until(pilot, "Actions")
        await pilot.press(*"pause", "enter")
        await until(pilot, "neither", "Actions")
    assert not [call for call in service.calls if call[0] == "pause"]


async def test_esc_leaves_and_nothing_found_is_said() -> None:
    async with app_for(FakeService()).run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("ctrl+p")
        await until(pilot, "Actions")
        await pilot.press(*"zzzz")
        await until(pilot, "Nothing fits.")
        await pilot.press("enter")
        await pilot.press("escape")
        await until(pilot, gone="Actions")


async def test_the_arrows_choose_and_it_opens_another_screen() -> None:
    async with app_for(FakeService()).run_test(notifications=True) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("ctrl+p")
        await until(pilot, "Actions")
        await pilot.press(*"history", "down", "up", "enter")
        await until(pilot, "History  0 of 0")


def test_a_name_goes_before_help_and_letters_need_not_stand_together() -> None:
    assert rank(entries(), "history")[0].action.id == "history"
    assert rank(entries(), "stgs")[0].action.id == "settings"
    assert "log" in [entry.action.id for entry in rank(entries(), "daemon writes")]
    assert rank(entries(), "  ") == entries()


def test_every_action_is_found_by_its_label() -> None:
    for entry in entries():
        same = [e.action.label for e in rank(entries(), entry.action.label)]
        assert entry.action.label in same[:5]
    assert len(KEY_ACTIONS) > len(entries())


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
async def test_it_fits_and_ascii_mode_shows_nothing_else(size: tuple[int, int]) -> None:
    async with app_for(FakeService(), ascii=True).run_test(size=size) as pilot:
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("ctrl+p")
        assert (await until(pilot, "Actions", "Add paused")).isascii()
