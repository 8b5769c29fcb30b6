"""A download in full swing and a close look at it, for the tests of what shows them."""

from __future__ import annotations

from core.domain.inspection import (
    Cause,
    Connection,
    ConnectionState,
    DownloadLimits,
    Figures,
    HostLimit,
    Inspection,
    ResponseHead,
    Slowness,
)
from core.domain.models import Download, Phase, Progress, Segment, Status, TimelineEntry
from core.domain.value import replace
from tests.tui.samples import NOW, sample

TOTAL = 1 << 30
WHY = "the limit of all downloads is 2.0 MiB/s, which it shares with 2 others"


def running(**changes: object) -> Download:
    """Return a download in the midst of it."""
    return sample().replace(
        **{
            "status": Status.ACTIVE,
            "phase": Phase.DOWNLOADING,
            "total_bytes": TOTAL,
            "resume_verdict": "verified",
            "started_at": NOW,
        }
        | changes
    )


def moving(**changes: object) -> Progress:
    """Return how far that one is."""
    figures = {"bytes_downloaded": TOTAL // 2, "rate": 2.0 * 2**20, "eta": 256, "connections": 2}
    return Progress(**figures | changes)  # type: ignore[arg-type]


def connections(count: int) -> tuple[Connection, ...]:
    """Return as many, each with its own stretch of the second half."""
    size = TOTAL // 2 // count
    return tuple(
        Connection(
            url="https://example.org/1",
            start=TOTAL // 2 + number * size,
            position=TOTAL // 2 + number * size,
            end=TOTAL // 2 + (number + 1) * size,
            state=ConnectionState.LIMITED,
            asked=3.0,
            rate=1024.0,
            peer=f"192.0.2.{number}",
        )
        for number in range(count)
    )


def inspected(id_: str = "00000001", *, count: int = 2, **changes: object) -> Inspection:
    """Return what is seen of it, with so many connections."""
    lines = connections(count)
    seen = Inspection(
        id=id_,
        limits=DownloadLimits(
            own=None,
            total=2 * 2**20,
            connections=8,
            hosts=(
                HostLimit(host="example.org", connections=6, share=4, refused=True, more_in=42),
            ),
        ),
        total=TOTAL,
        done=(Segment(0, TOTAL // 2),),
        claimed=tuple(Segment(line.position, line.end) for line in lines),
        connections=lines,
        answer=ResponseHead(
            at=NOW,
            url="https://example.org/1",
            status=206,
            reason="Partial Content",
            headers=(("ETag", '"v1"'), ("Server", "nginx")),
        ),
        slowness=Slowness(
            cause=Cause.TOTAL_LIMIT,
            sentence=WHY,
            figures=Figures(rate=1e6, limited=0.9, receiving=0.1, cpu=0.05),
        ),
        timeline=(
            TimelineEntry(at=NOW, text="added"),
            TimelineEntry(at=NOW, text="the server answered 503"),
        ),
    )
    return replace(seen, **changes)  # type: ignore[arg-type]
