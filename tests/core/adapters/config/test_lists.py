"""Settings that are lists: programs with their arguments, and events; no text is split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from core.adapters.config.config_file import load
from core.domain.errors import ConfigError
from core.domain.hooks import HookEvent
from core.domain.settings import HookSettings, Settings


def settings(tmp_path: Path, text: str, env: Mapping[str, str] | None = None) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text)
    file.chmod(0o600)
    loaded = load(file, env or {})
    file.write_text(loaded.to_toml())
    assert load(file, {}).settings == loaded.settings
    return loaded.settings


def error(tmp_path: Path, text: str, env: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        settings(tmp_path, text, env)
    where, _, what = raised.value.message.partition(": ")
    assert where == (next(iter(env)) if env else f"{tmp_path}/config.toml, line 2")
    return f"{what} | {raised.value.hint}"


def test_a_list_is_read_as_it_stands_and_shown_so_that_it_can_be_read_again(
    tmp_path: Path,
) -> None:
    found = settings(
        tmp_path,
        "[hooks]\non_done = ['~/bin/un pack', \"$1\\n\", '']\ntimeout = '90m'\n"
        "[notify]\nurl = 'https://:tk@ntfy.sh/x'\nevents = ['done', 'failed']\n",
    )
    assert found.hooks == HookSettings(on_done=("~/bin/un pack", "$1\n", ""), timeout="90m")
    assert found.hooks.timeout_seconds == 5400.0
    assert found.hooks.command(HookEvent.DONE)[0] == "~/bin/un pack"
    assert found.notify.events == (HookEvent.DONE, HookEvent.FAILED)


def test_one_text_is_refused_with_the_list_that_it_may_mean(tmp_path: Path) -> None:
    said = error(tmp_path, "[hooks]\non_done = 'notify-send \"all done\" $'\n")
    assert said.endswith('| write it as on_done = ["sh", "-c", "…"], as no shell reads it')
    said = error(tmp_path, "[hooks]\non_done = 'notify-send \"all done\"'\n")
    assert said == (
        "hooks.on_done must be a list of texts, not 'notify-send \"all done\"'"
        ' | write it as on_done = ["notify-send", "all done"]'
    )


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("on_done = ['bin/x']", "'bin/x' leads elsewhere from each directory"),
        ("on_done = ['./x']", "leads elsewhere"),
        ("on_done = ['~other/x']", "leads elsewhere"),
        ("on_done = ['-x']", "its first word names the program"),
        ("on_done = ['']", "its first word names the program"),
        ("on_done = ['a', \"\\u0000\"]", "it holds a NUL"),
        ("on_done = ['a', 1]", "must be a list of texts"),
        (f"on_done = {['a'] * 101}", "more than 100 words"),
        (f"on_failed = ['a', '{'x' * 20_000}']", "16,384 characters"),
        ("timeout = '0s'", "0s does not lie between 1s and 7d"),
        ("concurrency = 0", "between 1 and 64"),
    ],
)
def test_what_cannot_be_run_is_refused_where_it_stands(
    tmp_path: Path, line: str, cause: str
) -> None:
    assert cause in error(tmp_path, f"[hooks]\n{line}\n")


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("events = ['don']", "notify.events has no 'don' | did you mean done?"),
        ("events = 'done'", 'write it as events = ["done"]'),
        ("format = 'slack'", "one of ntfy, json"),
        ("url = 'ntfy.sh/x'", "is not a URL"),
        ("url = 's3://bucket/key'", "it is no http or https address"),
    ],
)
def test_a_notice_that_cannot_be_sent_is_refused(tmp_path: Path, line: str, cause: str) -> None:
    assert cause in error(tmp_path, f"[notify]\n{line}\n")


def test_the_environment_gives_a_list_as_the_file_does(tmp_path: Path) -> None:
    found = settings(tmp_path, "", {"WINCH_HOOKS_ON_DONE": '["a", "b c"]'})
    assert found.hooks.on_done == ("a", "b c")
    said = error(tmp_path, "", {"WINCH_HOOKS_ON_DONE": "a b"})
    assert 'on_done = ["a", "b"]' in said


def test_a_file_that_others_may_write_runs_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[hooks]\non_done = ['/bin/true']\n")
    file.chmod(0o666)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    assert raised.value.hint.startswith(f"chmod go-w '{file}'")
