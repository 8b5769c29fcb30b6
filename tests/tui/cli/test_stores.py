"""Objects and buckets from the command line; what signs for them is in no output and no file."""

from __future__ import annotations

import json
from pathlib import Path

from tests.store_server import KEYS, Door
from tests.tui.cli.conftest import Winch

SECRETS = (KEYS.access_key, KEYS.secret_key, "X-Amz-Sig", "X-Amz-Cred")


class Watched:
    """Runs commands, and looks for secrets in all that they say."""

    def __init__(self, winch: Winch) -> None:
        self._winch = winch

    def __call__(self, *words: str, status: int = 0) -> str:
        result = self._winch(*words)
        said = result.stdout + result.stderr
        assert not [secret for secret in SECRETS if secret in said], words
        assert result.returncode == status, said
        return result.stdout + result.stderr


def test_what_signs_for_objects_is_told_and_kept_nowhere(
    store_door: Door, winch: Winch, tmp_path: Path
) -> None:
    server, run = store_door.server, Watched(winch)
    server.bucket("everywhere")
    server.put("everywhere", "set/a b.txt", b"some text", digest=True)
    for number in range(20):
        server.put("everywhere", f"set/sub/{number}", b"x" * number)
    assert "sha256 is right" in run("get", "s3://everywhere/set/a b.txt")
    assert (winch.directory / "a b.txt").read_bytes() == b"some text"
    run("get", "s3://everywhere/set/none", status=3)
    run("get", "s3://everywhere/set/a b.txt", "--anonymous", "-o", "other", status=22)
    run("add", "--collection", "set", "s3://everywhere/set/", "--exclude", "sub/1*")
    run("wait", "--all")
    rows = json.loads(run("report", "set", "--json"))
    assert {row["verdict"] for row in rows} == {"whole"}
    assert {row["url"] for row in rows} == {f"s3://everywhere/set/{row['path']}" for row in rows}
    assert len(rows) == 10
    asked = len(store_door.requests)
    run("sync", "set")
    assert len(store_door.requests) == asked + 1, "one page of the listing"
    for words in (("show", "set"), ("ls",), ("history",), ("collections",), ("report", "set")):
        run(*words, "--json")
    run("show", "set")
    run("export", "-")
    run("daemon", "stop")
    kept = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        content = path.read_bytes()
        assert not [secret for secret in SECRETS if secret.encode() in content], path


def test_a_prefix_and_options_that_cannot_be_meant_are_said_at_once(winch: Winch) -> None:
    run = Watched(winch)
    assert "no endpoint" in run("get", "s3://bucket/a", "--endpoint-url", "s3://bucket/c", status=2)
    assert "--anonymous" in run("add", "s3://bucket/a", "--anonymous", "--profile", "lab", status=2)
