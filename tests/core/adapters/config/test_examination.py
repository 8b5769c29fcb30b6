"""What `winch doctor` says of the person's own programs without running any."""

from __future__ import annotations

from pathlib import Path

from core.adapters.config.examination import examine
from core.adapters.system.paths import Paths


def test_a_hook_that_cannot_run_or_may_be_changed_by_others_is_a_problem(tmp_path: Path) -> None:
    paths = Paths.discover({"WINCH_HOME": str(tmp_path)})
    paths.prepare()
    for name, mode in (("good", 0o755), ("open", 0o777), ("dull", 0o644)):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(mode)
    lines = [
        f"on_start = ['{tmp_path}/good', 'x']",
        f"on_done = ['{tmp_path}/open']",
        f"on_failed = ['{tmp_path}/dull']",
        "on_queue_done = ['no-such-program']",
    ]
    paths.config_file.write_text("\n".join(["[hooks]", *lines]))
    paths.config_file.chmod(0o600)
    told = {f.text: f.level for f in examine(paths, {}, schema=4) if f.subject == "hooks"}
    good, open_, dull, missing = told
    assert good == f"on_start runs {tmp_path}/good"
    assert open_.startswith(f"on_done runs {tmp_path}/open, which ")
    assert dull == f"on_failed cannot run: {tmp_path}/dull is no program"
    assert missing == "on_queue_done cannot run: no-such-program is no program"
    assert list(told.values()) == ["ok", "problem", "problem", "problem"]
