"""What a person writes for a machine never becomes anything else on the command line of ssh."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.domain.host_names import (
    check_destination,
    check_host_name,
    check_host_program,
    check_host_words,
    host_named,
    hosts_named,
)
from core.domain.machines import Host
from core.domain.settings import HostSettings, Settings


@pytest.mark.parametrize(
    "text", ["server", "me@server", "ssh://me@server:2222", "10.0.0.7", "me@fe80::1%eth0", "a_b.c"]
)
def test_what_ssh_takes_for_a_machine_is_taken(text: str) -> None:
    check_destination(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=touch /tmp/x",
        "-l",
        "me@-oProxyCommand=id",
        "ssh://-oProxyCommand=id",
        "ssh://me@-oProxyCommand=id",
        "server; id",
        "`id`",
        "$(id)@server",
        "two words",
        "a\tb",
        "a\nb",
        "a\x1b[2J",
        "a\x00b",
        "a\N{RIGHT-TO-LEFT OVERRIDE}b",
        "a\udc80b",
        "h" * 256,
    ],
)
def test_what_is_more_than_a_machine_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        check_destination(text)


@given(st.text(max_size=40))
def test_nothing_that_is_taken_is_an_option_or_holds_a_sign_of_the_shell(text: str) -> None:
    try:
        check_destination(text)
    except UsageError:
        return
    assert text.isprintable()
    assert not text.startswith("-")
    assert "@-" not in text[text.rfind("@") :]
    assert not set(text) & set(" ;&|<>$`'\"\\(){}*")


@pytest.mark.parametrize("name", ["all", "a,b", "-x", ".x", "", "a b", "a/b", "me@x", "x" * 65])
def test_a_name_that_could_be_taken_for_something_else_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        check_host_name(name)


def test_what_is_run_names_a_program_and_a_machine() -> None:
    check_host_words(["ssh", "-p", "2222", "me@server"])
    check_host_words(["sh", "-c", 'exec ssh server "$@"', "-"])
    for wrong in ([], [""], ["-x"], ["ssh"], ["/usr/bin/ssh", "-v"], ["ssh", "a\nb"], ["a"] * 101):
        with pytest.raises(UsageError):
            check_host_words(wrong)
    check_host_program("~/.local/bin/winch")
    for text in ("", " ", "a\nb", "w" * 5000):
        with pytest.raises(UsageError):
            check_host_program(text)


def test_a_name_of_the_settings_goes_before_what_ssh_takes() -> None:
    own = HostSettings(ssh=("ssh", "-p", "2222", "me@x"), winch="~/winch")
    settings = Settings(hosts={"server": own, "lab": HostSettings()})
    assert host_named("server", settings) == Host(name="server", ssh=own.ssh or (), winch="~/winch")
    assert host_named("lab", settings).ssh == ("ssh", "lab")
    assert host_named("me@lab", settings) == Host(name="me@lab", ssh=("ssh", "me@lab"))
    with pytest.raises(UsageError):
        host_named("-oProxyCommand=id", settings)


def test_several_machines_are_named_once_each_in_their_order() -> None:
    settings = Settings(hosts={"b": HostSettings(), "a": HostSettings()})
    assert [host.name for host in hosts_named("c, a,c", settings)] == ["c", "a"]
    assert [host.name for host in hosts_named("all", settings)] == ["b", "a"]
    for wrong in ("", "a,", "a,all", ",".join(map(str, range(2000)))):
        with pytest.raises(UsageError):
            hosts_named(wrong, settings)
    with pytest.raises(UsageError, match="names no hosts"):
        hosts_named("all", Settings())
