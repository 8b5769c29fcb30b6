"""What the ends of connections tell: of a failure, of the file, and whether its server can be asked
for ranges at all.

For the pool, which goes on as long as none of them puts the file itself in doubt.
"""

from __future__ import annotations

from collections.abc import Callable

from core.adapters.system.clock import Clock
from core.domain.errors import DiskError, HttpStatusError, ProtocolError, StateError, WinchError
from core.domain.value import replace
from core.engine.transfer.connection import ConnectionFailed, NothingLeft, PoolConnection
from core.engine.transfer.opening import Contradicted
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.source import Source, Sources
from core.policy.transfer.ranges import CHANGED


class PoolEnds:
    """Takes in how the connections of one download end; `note` gets sentences for the timeline."""

    def __init__(
        self, file: UnfinishedFile, sources: Sources, clock: Clock, note: Callable[[str], None]
    ) -> None:
        self._file = file
        self._sources = sources
        self._clock = clock
        self._note = note
        self.primary = sources.usable[0]
        """The address whose word on the file counts."""
        self.single = not file.resource.ranges or file.resource.total is None
        """Whether one connection is all that can be had."""
        self.on_trial = False
        """Whether the server has still to show that it serves ranges, by one connection more."""
        self.mixed: str | None = None
        """By what the servers behind one name were told apart."""
        self.error: WinchError | None = None
        """What the last connection that failed failed with."""

    def take_in(self, connection: PoolConnection, others: int) -> Contradicted | None:
        """Take in how a connection ended; returns why the file has to begin anew, if so.

        `others` is how many connections are left. Raises DiskError and StateError.
        """
        source = connection.source
        match connection.task.result():
            case Contradicted() as contradiction:
                return self._take_in_contradiction(source, contradiction, others)
            case ConnectionFailed(error=DiskError() | StateError() as error):
                raise error
            case ConnectionFailed(error=error):
                self.error = error
                if self.on_trial and isinstance(error, HttpStatusError | ProtocolError):
                    self._stay_single(error.message)
                self._sources.failed(source, error, self._clock.monotonic(), others=others)
        return None

    def result(self) -> NothingLeft | Contradicted:
        """Return what it comes to once no connection is left, or raise the error of the last."""
        segments = self._file.segments
        if segments.is_complete and segments.doubts:
            return Contradicted("answers to different ranges cannot be compared", True)
        if self.error is not None and not segments.is_complete:
            raise self.error
        return NothingLeft()

    def _take_in_contradiction(
        self, source: Source, contradiction: Contradicted, others: int
    ) -> Contradicted | None:
        if source is not self.primary:
            self._sources.drop(source, contradiction.reason)
            return None
        if contradiction.bytes_differ or not others:
            return contradiction
        # Different servers behind one name: what the others fetch belongs together.
        if contradiction.reason.startswith(CHANGED) and not self.single:
            self.mixed = contradiction.reason.removeprefix(f"{CHANGED}: ")
        self._stay_single(contradiction.reason)
        return None

    def _stay_single(self, reason: str) -> None:
        if self.single:
            return
        self.single = True
        self._note(f"one connection only: {reason}")
        if self.on_trial:
            self.on_trial = False
            self._file.resource = replace(self._file.resource, ranges=False)
