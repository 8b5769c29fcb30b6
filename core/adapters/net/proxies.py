"""Which proxy the environment names for a URL: http_proxy, https_proxy and no_proxy."""

from __future__ import annotations

import os
import time
import urllib.request
from functools import lru_cache
from urllib.parse import urlsplit

from core.domain.errors import ConfigError
from core.domain.text import valid

_VARIABLES = [
    variable
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for variable in (name, name.upper())
]


def proxy_for(url: str) -> str | None:
    """Return the proxy's URL, credentials included, or None for a direct connection.

    On macOS the system's settings count where the environment says nothing. Raises ConfigError for
    a proxy that speaks something else than HTTP.
    """
    parts = urlsplit(url)
    said = tuple(os.environ.get(name) for name in _VARIABLES)
    proxy = _proxies(said, int(time.monotonic())).get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if valid(proxy) != proxy:
        raise ConfigError(f"{parts.scheme}_proxy is not UTF-8 text")
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    scheme = urlsplit(proxy).scheme
    if scheme not in ("http", "https"):
        raise ConfigError(
            f"{parts.scheme}_proxy names a {scheme} proxy; winch speaks with HTTP proxies only",
            hint="name an http:// proxy, or the host in no_proxy",
        )
    return proxy


def connected_host(url: str) -> str:
    """Return the host that a request for a URL connects to: the URL's own, or its proxy.

    A proxy that cannot be used is passed over: the request itself says so.
    """
    try:
        proxy = proxy_for(url)
    except ConfigError:
        proxy = None
    return urlsplit(proxy or url).hostname or ""


@lru_cache(maxsize=1)
def _proxies(_said: tuple[str | None, ...], _second: int) -> dict[str, str]:
    # Reads the whole environment, or macOS's settings: too much for each of a thousand requests.
    return urllib.request.getproxies()
