"""What servers know a person by: in a URL, in netrc and in cookies.txt.

A file is read again when it changes, because the daemon outlives many a login, and in a thread,
because the disk that a person names may hang. What is in it goes into requests only: an error names
the file and never a line of it.
"""

from __future__ import annotations

import asyncio
import os
import time
import urllib.request
import warnings
from collections.abc import Callable, Mapping
from http.cookiejar import LoadError, MozillaCookieJar
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from core.adapters.files.named_file import COOKIES_BYTES, NETRC_BYTES, UnfitFileError, check_named
from core.adapters.net.remembered import Remembered, origin_of
from core.domain.errors import ConfigError
from core.domain.login import basic
from core.policy.transfer.redirects import Hop

T = TypeVar("T")


def without_userinfo(url: str, headers: Mapping[str, str]) -> Hop:
    """Return the request for a URL whose userinfo, if any, has become an Authorization header.

    One that was given in `headers` goes first (RFC 3986 section 3.2.1, RFC 7617).
    """
    if "@" not in url:
        return Hop(url, headers)
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return Hop(url, headers)
    bare = urlunsplit(parts._replace(netloc=host))
    if any(name.lower() == "authorization" for name in headers):
        return Hop(bare, headers)
    user, _, password = userinfo.partition(":")
    return Hop(bare, {**headers, "Authorization": basic(unquote(user), unquote(password))})


class Credentials:
    """What the files hold, for every host and for as long as the daemon lives.

    What netrc says of a host holds for a second (`now` returns monotonic ones).
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._netrc = Netrc()
        self._logins = Remembered(now)
        self._cookies = Cookies()

    async def headers_for(self, hop: Hop, cookies: str | None) -> Mapping[str, str]:
        """Return a request's headers with what files hold for its host; what was given goes first.

        `cookies` is the path of a cookies.txt. Raises ConfigError where a file cannot be used.
        """
        given = {name.lower() for name in hop.headers}
        headers = dict(hop.headers)
        if "authorization" not in given and (login := await self._login(origin_of(hop.url))):
            headers["Authorization"] = login
        if cookies and "cookie" not in given:
            held = await self._cookies.header(cookies, hop.url)
            headers |= {"Cookie": held} if held else {}
        return headers

    async def _login(self, origin: str) -> str:
        """Return the Authorization that netrc has for an origin, "" for none."""
        if (known := self._logins.get(origin)) is not None:
            return known
        host = urlsplit(origin).hostname or ""
        return self._logins.put(origin, await self._netrc.authorization(host) or "")


class _CachedFile(Generic[T]):
    """A file's content as `read` makes it, read again when the file is another one."""

    def __init__(self, path: Path, read: Callable[[Path], T], *, most: int) -> None:
        self._path = path
        self._most = most
        self._read = read
        self._stamp: tuple[int, int, int] | None = None
        self._content: T | None = None

    def get(self) -> T:
        """Return the content; raises what `read` raises, and OSError where it is no file."""
        found = self._path.stat()
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._content is None or stamp != self._stamp:
            # The libraries open the file by themselves.
            check_named(self._path, most=self._most)
            self._content = self._read(self._path)
            self._stamp = stamp
        return self._content


class Netrc:
    """Logins by host, from $NETRC or ~/.netrc."""

    def __init__(self) -> None:
        self._file: _CachedFile[netrc] | None = None
        self._path: Path | None = None

    async def authorization(self, host: str) -> str | None:
        """Return the Authorization for a host, None where the file does not name it (RFC 7617).

        A `default` entry is passed over: any server would be given that password. Raises
        ConfigError.
        """
        return await asyncio.to_thread(self._authorization, host)

    def _authorization(self, host: str) -> str | None:
        path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
        if self._file is None or path != self._path:
            self._path, self._file = path, _CachedFile(path, netrc, most=NETRC_BYTES)
        try:
            hosts = self._file.get().hosts
        except (FileNotFoundError, NotADirectoryError):
            return None
        except NetrcParseError as error:
            raise ConfigError(f"{path} cannot be understood, line {error.lineno}") from None
        except UnfitFileError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"{path} cannot be read", hint="check its permissions") from None
        entry = hosts.get(host) if host != "default" else None
        if entry is None:
            return None
        login, account, password = entry
        return basic(login or account, password or "")


class Cookies:
    """Cookies from files in the Netscape format, as browsers' export and curl write it."""

    def __init__(self) -> None:
        self._files: dict[str, _CachedFile[MozillaCookieJar]] = {}

    async def header(self, path: str, url: str) -> str | None:
        """Return the Cookie header for a URL, by domain, path, `secure` and expiry.

        None where no cookie fits. Raises ConfigError where the file is none.
        """
        return await asyncio.to_thread(self._header, path, url)

    def _header(self, path: str, url: str) -> str | None:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = _CachedFile(Path(path), _read_cookies, most=COOKIES_BYTES)
        try:
            jar = file.get()
        except LoadError:
            raise ConfigError(
                f"{path} is no cookies.txt", hint="export the cookies in the Netscape format"
            ) from None
        except UnfitFileError as error:
            raise ConfigError(f"the cookies in {path} cannot be read: {error.strerror}") from None
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"the cookies in {path} cannot be read") from None
        request = urllib.request.Request(url)  # noqa: S310 (never opened, only asked about)
        jar.add_cookie_header(request)
        return request.get_header("Cookie")


def _read_cookies(path: Path) -> MozillaCookieJar:
    jar = MozillaCookieJar(path)
    with warnings.catch_warnings():
        # The library warns of a bug of its own where a line is no cookie, and then says so again.
        warnings.simplefilter("ignore")
        jar.load(ignore_discard=True, ignore_expires=True)
    cookies = list(jar)
    jar.clear()
    for cookie in cookies:
        # Browsers write 0 for a cookie that has no end; the jar would take it for 1970.
        if cookie.expires == 0:
            cookie.expires = None
        # The jar asks for cookies of a host without a dot, such as localhost, under this name.
        if "." not in cookie.domain:
            cookie.domain += ".local"
        jar.set_cookie(cookie)
    return jar
