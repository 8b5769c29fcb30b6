"""Every state has a word, and a word that is changed in the vocabulary changes everywhere."""

import subprocess
import sys

import pytest

from core.domain.history import AttemptEnd
from core.domain.models import Phase, Status, WaitReason
from tui.text import vocabulary

_CHANGED = """
from tui.text import vocabulary
for words in (vocabulary.STATES, vocabulary.COMMAND_STATES, vocabulary.PHASES, vocabulary.WAITS):
    for value in words:
        words[value] = f"w{list(words).index(value)}d"

from datetime import UTC, datetime
from core.domain.models import (
    DownloadRecord, DownloadView, Phase, Progress, Status, TimelineEntry, WaitReason
)
from tests.tui.samples import sample as download
from tui.control.key_actions import KEY_ACTIONS
from tui.input.add_validation import AddForm, AddValidation
from tui.input.commands import COMMANDS
from tui.input.disk import Disk
from tui.model.filters import parse
from tui.text import columns, download_state, group_row, wording
from tui.text.header import Surroundings, header
from tui.text.sums import Sums

now = datetime.now(UTC)
each = [download(status=status) for status in Status]
each += [download(status=Status.ACTIVE, phase=phase) for phase in Phase]
each += [download(status=Status.PENDING, wait_reason=reason) for reason in WaitReason]
for it in each:
    print(download_state.status_text(it, Progress(), now))
    print(wording.state(it, Progress()))
sums = Sums(
    counts=dict.fromkeys(Status, 1), rate=0.0, bytes_done=0, bytes_total=0, known=True
)
row = group_row.group_row(columns.layout(200), "g", sums, is_folded=False)
print(*(cell.text for cell in row))
for trouble in (None, *WaitReason):
    around = Surroundings(trouble=trouble)
    print(*(cell.text for cell in header("", sums, around, (), 200)))
named = ("show_", "add_paused")
print(*(action.label for action in KEY_ACTIONS if action.id.startswith(named)))
print(AddForm(paused=True).extras, COMMANDS["resume"].summary)
sent = AddValidation(AddForm(urls="http://h/a", paused=True), {}, [], Disk("/"))
assert all(step is None for step in sent.steps())
print(sent.result.outlook)
entry = TimelineEntry(at=now, text="so", before=Status.PENDING, after=Status.PAUSED)
one = download()
one = DownloadRecord(
    id=one.id, request=one.request, name=one.name, order=1.0, created_at=now, timeline=(entry,)
)
print(*wording.in_full(DownloadView(download=one, progress=Progress(), position=1))[-1:])
assert parse("status:w0d").matches(download(status=Status.PENDING), Progress(), now)
"""


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (vocabulary.STATES, Status),
        (vocabulary.COMMAND_STATES, Status),
        (vocabulary.PHASES, Phase),
        (vocabulary.WAITS, WaitReason),
        (vocabulary.ENDS, AttemptEnd),
        (vocabulary.OUTCOMES, AttemptEnd),
    ],
)
def test_every_value_has_a_word(words: dict[object, str], values: type) -> None:
    assert words.keys() == set(values)  # type: ignore[call-overload]


def test_a_word_is_changed_in_one_place() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _CHANGED], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    shown = ran.stdout.lower()
    words = {*Status, *Phase, *WaitReason, *vocabulary.STATES.values(), *vocabulary.WAITS.values()}
    assert not [word for word in words if word in shown]
    assert "w0d" in shown
