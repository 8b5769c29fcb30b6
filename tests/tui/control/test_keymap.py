"""Which keys a person can give to actions, and what is said where that cannot be."""

import string

import pytest
from textual.keys import _character_to_key

from core.domain.errors import ConfigError
from tests.fakes import FakeService
from tests.tui.samples import app_for, queue, until
from tui.control.key_actions import KEY_ACTIONS, MAIN
from tui.control.keymap import RESERVED, Keymap, binding_name, key_name

BY_ID = {action.id: action for action in KEY_ACTIONS}


@pytest.mark.parametrize("character", string.punctuation + string.ascii_letters + string.digits)
def test_a_printed_key_and_its_name_are_the_same_key(character: str) -> None:
    assert binding_name(character) == _character_to_key(character)
    assert key_name(binding_name(character)) == character


def test_an_action_gets_other_keys_and_gives_its_own_away() -> None:
    keymap = Keymap({"toggle_pause": "F5, ?", "help": "p", "remove": ","} | {"settings": "f6"})
    assert keymap.changed["toggle_pause"] == "f5,question_mark"
    assert keymap.names("toggle_pause") == ("F5", "?")
    assert keymap.action_of("p", MAIN) is BY_ID["help"]
    assert keymap.names("remove") == (",",)
    assert "add" not in keymap.changed


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"retyr": "r"}, ["retyr", "did you mean retry?"]),
        ({"retry": "p"}, ["p is the key", "retry", "toggle_pause"]),
        ({"retry": "f5", "remove": "f5"}, ["F5", "retry", "remove"]),
        ({"retry": "j"}, ["j is the key", "retry", "cursor_down"]),
        ({"retry": ""}, ["retry has no key"]),
        *(({"retry": key}, ["retry", "belongs to the terminal"]) for key in sorted(RESERVED)),
    ],
)
def test_what_cannot_be_meant_names_both_sides(changed: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Keymap(changed)
    text = f"{caught.value.message} {caught.value.hint}"
    assert all(word in text for word in words), text


async def test_the_screen_obeys_and_shows_other_keys() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service, keys={"toggle_pause": "w", "help": "p"})
    async with app.run_test(notifications=True) as pilot:
        await until(pilot, "a.iso", "w Pause", "p Help")
        await pilot.press("w")
        await until(pilot, "4 Paused 1")
        await pilot.press("p")
        await until(pilot, "Esc closes")
    assert service.calls[1:] == [("pause", (id_,))]
