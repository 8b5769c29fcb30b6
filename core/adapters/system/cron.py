"""The daemon as an `@reboot` line of the person's crontab, where nothing better starts programs.

The crontab is theirs: each line but our own stays as it is, byte for byte.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress

from core.adapters.system.process import ask, said
from core.adapters.system.unit_files import Program, crontab_line, crontab_mark
from core.domain.errors import DaemonError

_PATIENCE = 10.0


class Cron:
    """A line of a crontab that ends with our mark."""

    kind = "cron"
    place = "your crontab"

    def __init__(self, name: str, environment: Mapping[str, str]) -> None:
        self._mark = os.fsencode(crontab_mark(name))
        self._environment = environment

    def text(self, program: Program) -> str:
        """Return the line; raises DaemonError where it is too long."""
        return crontab_line(program) + "\n"

    def refusal(self) -> str | None:
        """Return why there can be no crontab here, None where there can."""
        try:
            self._read()
        except DaemonError as error:
            return error.message
        return None

    def written(self) -> str | None:
        """Return our line as it is in the crontab, None where it is not there."""
        with suppress(DaemonError):
            for line in self._read().splitlines(keepends=True):
                if self._is_ours(line):
                    return line.decode("utf-8", "replace")
        return None

    def install(self, program: Program) -> bool:
        """Put the line in, at the end; False where it is there already, the same.

        Raises DaemonError.
        """
        line, before = self.text(program).encode(), self._read()
        ours = [each for each in before.splitlines(keepends=True) if self._is_ours(each)]
        if ours == [line]:
            return False
        rest = self._without_ours(before)
        if rest and not rest.endswith(b"\n"):
            rest += b"\n"
        self._write(rest + line)
        return True

    def uninstall(self) -> bool:
        """Take the line out; False where it is not there. Raises DaemonError."""
        before = self._read()
        rest = self._without_ours(before)
        if rest == before:
            return False
        self._write(rest)
        return True

    def _is_ours(self, line: bytes) -> bool:
        return line.startswith(b"@reboot ") and line.rstrip().endswith(self._mark)

    def _without_ours(self, content: bytes) -> bytes:
        # By line breaks alone: a carriage return belongs to a line.
        lines = content.split(b"\n")
        return b"\n".join(line for line in lines if not self._is_ours(line))

    def _read(self) -> bytes:
        found = self._crontab("-l")
        if found.returncode == 0:
            return found.stdout
        # The same status stands for all that can go wrong, and then there is much to lose.
        if b"no crontab for" in found.stderr:
            return b""
        raise DaemonError(f"`crontab -l`: {said(found)}")

    def _write(self, content: bytes) -> None:
        # One that is empty is not the same as none: `crontab -l` tells them apart.
        found = self._crontab("-", content) if content else self._crontab("-r")
        if found.returncode:
            raise DaemonError(f"the crontab could not be changed: {said(found)}")
        if self._read() != content:
            raise DaemonError(
                "the crontab is not as it was written: another program changes it as well",
                hint="`crontab -l` shows it",
            )

    def _crontab(self, word: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        found = ask(("crontab", word), self._environment, patience=_PATIENCE, content=content)
        if found is None:
            raise DaemonError("`crontab` is not here, or does not answer")
        return found
