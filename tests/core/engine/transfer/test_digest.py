"""A password goes out as the server asks for it: by Digest, and in the clear only where it must."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from core.domain.errors import ErrorCode
from core.domain.login import basic
from core.domain.models import Download, Status
from core.domain.value import replace
from tests.core.engine.conftest import Workspace, fetch
from tests.faults.digest import PASSWORD, USER, Gate
from tests.faults.model import Request, content
from tests.faults.model import Status as Answer
from tests.faults.server import FaultServer

DATA = content(300_000)
BASIC = basic(USER, PASSWORD)
LOGIN = {"Authorization": BASIC}
CHALLENGE = {"WWW-Authenticate": 'Basic realm="files"'}


async def get(workspace: Workspace, url: str, headers: Mapping[str, str] = LOGIN) -> Download:
    engine = await workspace.engine()
    return await fetch(engine, replace(workspace.request(url), headers=headers, retries=0))


def shown(server: FaultServer, name: str = "a") -> list[str | None]:
    """Return what each request said about who asks, a Digest without its words."""
    given = [r.headers.get("authorization") for r in server.requests_to(name)]
    return [value.partition(" ")[0] if value and value != BASIC else value for value in given]


@pytest.mark.parametrize(
    "gate",
    [
        Gate(algorithm=None, qop=None),
        Gate(algorithm="MD5"),
        Gate(algorithm="MD5-sess"),
        Gate(algorithm="SHA-256", qop="auth,auth-int"),
        Gate(algorithm="SHA-256-sess"),
        Gate(realm="Gesch\udcfctzt"),
        Gate(also='Basic realm="x", Digest realm="y", nonce="z", algorithm=MD4, '),
    ],
)
async def test_every_kind_of_digest_lets_in(
    workspace: Workspace, fault_server: FaultServer, gate: Gate
) -> None:
    url = fault_server.file("a", DATA, statuses=gate) + "?q=%2F&x=a%20b"
    assert (await get(workspace, url)).status is Status.COMPLETED
    assert shown(fault_server) == [None, "Digest"]


async def test_userinfo_of_the_address_logs_in_by_digest(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    url = fault_server.file("a", DATA, statuses=Gate())
    done = await get(workspace, url.replace("://", f"://{USER}:{PASSWORD}@"), {})
    assert done.status is Status.COMPLETED
    assert shown(fault_server) == [None, "Digest"]
    assert PASSWORD not in str(done)


async def test_netrc_logs_in_by_digest(
    workspace: Workspace, fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    url = fault_server.file("a", DATA, statuses=Gate())
    assert (await get(workspace, url, {})).status is Status.COMPLETED
    assert shown(fault_server) == [None, "Digest"]


async def test_a_basic_server_costs_one_request_more_and_only_once(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    def ask(request: Request) -> Answer:
        return 200 if request.headers.get("authorization") == BASIC else (401, CHALLENGE)

    engine = await workspace.engine()
    for name in ("a", "b"):
        url = fault_server.file(name, DATA, statuses=ask)
        request = replace(workspace.request(url), headers=LOGIN)
        assert (await fetch(engine, request)).status is Status.COMPLETED
    assert shown(fault_server, "a") == [None, BASIC]
    assert shown(fault_server, "b") == [BASIC]


@pytest.mark.parametrize("hidden", [401, 403, 404, (302, {"Location": "/no"})])
async def test_a_server_that_never_asks_is_told_all_the_same(
    workspace: Workspace, fault_server: FaultServer, hidden: Answer
) -> None:
    def hide(request: Request) -> Answer:
        return 200 if request.headers.get("authorization") == BASIC else hidden

    url = fault_server.file("a", DATA, statuses=hide)
    assert (await get(workspace, url)).status is Status.COMPLETED
    assert shown(fault_server) == [None, BASIC]


async def test_a_page_to_log_in_at_is_no_file(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    def hide(request: Request) -> Answer:
        moved = (302, {"Location": "/login"})
        return 200 if request.headers.get("authorization") == BASIC else moved

    fault_server.file("login", b"<html>", content_type="text/html")
    url = fault_server.file("a", DATA, statuses=hide)
    assert (await get(workspace, url)).status is Status.COMPLETED
    assert workspace.content("a") == DATA


async def test_a_redirect_is_followed_without_a_password_as_far_as_nobody_asks(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    fault_server.file("b", DATA, statuses=Gate())
    url = fault_server.file("a", redirect_to="/b")
    assert (await get(workspace, url)).status is Status.COMPLETED
    assert shown(fault_server, "a") == [None]
    assert shown(fault_server, "b") == [None, "Digest"]


async def test_what_everybody_may_have_is_taken_without_a_password(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    assert (await get(workspace, fault_server.file("a", DATA))).status is Status.COMPLETED
    assert shown(fault_server) == [None]


async def test_the_way_to_https_is_taken_without_a_password(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    url = fault_server.file("a", redirect_to="https://127.0.0.1:1/a")
    await get(workspace, url)
    assert set(shown(fault_server)) == {None}


async def test_another_origin_gets_no_answer_to_its_challenge(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    async with FaultServer() as elsewhere:
        asked = Gate()
        target = elsewhere.file("a", DATA, statuses=asked)
        failed = await get(workspace, fault_server.file("a", redirect_to=target))
        assert shown(elsewhere) == [None]
    assert failed.error is not None
    assert failed.error.code is ErrorCode.AUTH_REQUIRED
    assert "this host" in failed.error.hint


async def test_who_was_refused_hears_by_whom(
    workspace: Workspace, fault_server: FaultServer
) -> None:
    failed = await get(workspace, fault_server.file("a", DATA, statuses=Gate(secret="another")))
    assert shown(fault_server) == [None, "Digest"]
    assert failed.error is not None
    assert failed.error.message == 'the server refused the name and password for "files" (401)'
    assert "give credentials" not in failed.error.hint
