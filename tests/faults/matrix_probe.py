"""Rows 30 to 37: the first request, and where redirects lead (RFC 9110 section 15.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from core.domain.errors import ErrorCode
from tests.faults.cases import (
    AGAIN,
    ALONE,
    DATA,
    GOOD,
    JOINED,
    NAME,
    OTHER,
    REPLACED,
    VERIFIED,
    Answer,
    Ask,
    Case,
    Failed,
    Serve,
    Stage,
    ends,
    raw,
)
from tests.faults.model import File

REDIRECT = Failed(code=ErrorCode.REDIRECT)
SECRETS = {
    "Authorization": "Bearer t0ken",
    "Cookie": "session=1",
    "X-Api-Key": "k3y",
    "Referer": "http://intranet/",
}
_SECRET_NAMES = {name.lower() for name in SECRETS}


def only_get(stage: Stage) -> None:
    """Look that nothing but GET was asked."""
    assert {request.method for request in stage.server.requests} == {"GET"}


def to(location: str, status: int = 302) -> bytes:
    """Return a redirect."""
    return raw(f"HTTP/1.1 {status} Found\nLocation: {location}\nContent-Length: 0")


def led_by(location: str, status: int = 302) -> Callable[[Stage], str]:
    """Lay out an address that redirects to the file, whatever happens there."""

    def prepare(stage: Stage) -> str:
        target = location.format(port=stage.server.url.rpartition(":")[2])
        return stage.server.file(f"way/{NAME}", redirect_to=target, redirect_status=status)

    return prepare


def moved(ask: Ask) -> Answer:
    """Send whoever asks here to the other server, which has the same file."""
    return to(ask.stage.elsewhere.file(NAME, DATA))


def _by_name(url: str) -> str:
    return url.replace("127.0.0.1", "localhost")


def no_secret_left(stage: Stage) -> None:
    """Look that the own server heard every secret and the other one none."""
    assert stage.elsewhere.requests
    assert all(set(request.headers) >= _SECRET_NAMES for request in stage.asked())
    foreign = [set(request.headers) for request in stage.elsewhere.requests]
    assert not any(_SECRET_NAMES & names for names in foreign)


def expiring(good: Serve) -> Serve:
    """Return how to answer signed addresses: the first signature is not taken any more."""

    def serve(ask: Ask) -> Answer:
        return (
            raw("HTTP/1.1 403 Forbidden\nContent-Length: 7\nConnection: close", b"expired")
            if (ask.request.target.endswith("signature=1"))
            else good(ask)
        )

    return serve


def signing(stage: Stage) -> str:
    """Lead to the file with a new signature each time."""
    count = 0

    async def sign(request: object, writer: object) -> bool:
        nonlocal count
        count += 1
        writer.write(to(f"/{NAME}?signature={count}"))  # type: ignore[attr-defined]
        return True

    return stage.server.script(f"sign/{NAME}", sign)


def signed(times: int) -> Callable[[Stage], None]:
    """Look how often a signature was asked for."""

    def check(stage: Stage) -> None:
        assert len(stage.asked(f"sign/{NAME}")) == times

    return check


def by_luck(ask: Ask) -> File:
    """Answer continuations and joining connections from a server with another version."""
    return replace(GOOD, content=OTHER, etag='"v2"') if ask.turn == 1 else GOOD


def _untouched(stage: Stage) -> None:
    assert stage.elsewhere.requests == []


CASES = (
    Case(
        row=30,
        title="HEAD refused",
        serve=lambda ask: (
            GOOD if ask.request.method == "GET" else replace(GOOD, statuses=[405] * 9)
        ),
        ends=ends((*ALONE, *JOINED)) | ends(AGAIN, VERIFIED),
        check=only_get,
    ),
    *(
        Case(
            row=31,
            title=f"{status} {kind}",
            serve=GOOD,
            prepare=led_by(location, status),
            ends=ends((*ALONE, *JOINED)) | ends(AGAIN, VERIFIED),
        )
        for status, kind, location in (
            (301, "relative", f"../{NAME}"),
            (302, "path", f"/{NAME}?q=1"),
            (307, "scheme-relative", f"//127.0.0.1:{{port}}/{NAME}"),
        )
    ),
    Case(
        row=32,
        title="loop",
        serve=to(f"/{NAME}"),
        ends=ends((*ALONE, *AGAIN), REDIRECT) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=32,
        title="nowhere",
        serve=raw("HTTP/1.1 302 Found\nContent-Length: 0"),
        ends=ends((*ALONE, *AGAIN), REDIRECT) | ends(JOINED),
        peers=2,
    ),
    Case(
        row=33,
        title="https to http",
        tls=True,
        serve=lambda ask: to(ask.stage.elsewhere.file(NAME, DATA)),
        ends=ends((*ALONE, *AGAIN), REDIRECT) | ends(JOINED),
        peers=2,
        check=_untouched,
    ),
    Case(
        row=34,
        title="another origin",
        serve=moved,
        headers=SECRETS,
        ends=ends((*ALONE, *AGAIN, *JOINED)),
        peers=2,
        check=no_secret_left,
    ),
    *(
        Case(
            row=35,
            title=title,
            serve=to(location),
            ends=ends((*ALONE, *AGAIN), REDIRECT) | ends(JOINED),
            peers=2,
        )
        for title, location in (
            ("to a file", "file:///etc/passwd"),
            ("to ftp", "ftp://127.0.0.1/x"),
            ("to data", "data:,x"),
        )
    ),
    Case(
        row=35,
        title="from the world to loopback",
        serve=lambda ask: to(_by_name(ask.stage.elsewhere.file(NAME, DATA))),
        ends=ends((*ALONE, *AGAIN), REDIRECT),
        public=True,
        check=_untouched,
    ),
    Case(
        row=35,
        title="from loopback to loopback",
        serve=lambda ask: to(_by_name(ask.stage.elsewhere.file(NAME, DATA))),
        ends=ends((*ALONE, *AGAIN)),
    ),
    Case(
        row=36,
        title="signature expired",
        serve=expiring(lambda ask: GOOD),
        prepare=signing,
        ends=ends(JOINED) | ends(AGAIN, VERIFIED),
        check=signed(2),
    ),
    Case(
        row=36,
        title="signature expired and file changed",
        serve=expiring(lambda ask: replace(GOOD, content=OTHER, etag='"v2"')),
        prepare=signing,
        ends=ends(AGAIN, REPLACED),
        check=signed(2),
    ),
    Case(
        row=37,
        title="connections to different versions",
        serve=replace(GOOD, content=OTHER, etag='"v2"'),
        ends=ends(JOINED),
        peers=2,
    ),
    Case(
        row=37,
        title="retry on another version",
        serve=by_luck,
        ends=ends(AGAIN, REPLACED),
    ),
)
