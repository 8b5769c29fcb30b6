"""The environment names the proxy, and a change of it counts at once."""

from __future__ import annotations

import pytest

from core.adapters.net.proxies import proxy_for
from core.domain.errors import ConfigError


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_each_look_sees_the_environment_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "proxy.test:3128")
    assert proxy_for("http://host.test/f") == "http://proxy.test:3128"
    assert proxy_for("https://host.test/f") is None
    monkeypatch.setenv("http_proxy", "http://other.test:1")
    assert proxy_for("http://host.test/f") == "http://other.test:1"
    monkeypatch.setenv("no_proxy", "host.test")
    assert proxy_for("http://host.test/f") is None
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.test")
    with pytest.raises(ConfigError):
        proxy_for("https://elsewhere.test/f")


def test_a_proxy_that_is_no_text_is_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://\udce9:1")
    with pytest.raises(ConfigError, match="http_proxy"):
        proxy_for("http://host.test/f")
