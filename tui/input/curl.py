"""Curl commands: what of one, as browsers copy it ("Copy as cURL", for bash), winch can do itself.

And the other way round: the command that fetches what a download does.

Pure. The shell's quotes are read as bash reads them, but nothing is expanded or run. Secrets are in
the headers that come out, never in the words about them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from core.domain.checks import OWN_HEADERS, check_header, check_name
from core.domain.errors import UsageError
from core.domain.login import basic, read_basic
from core.domain.models import Download
from tui.input.shell import read_command

_SHORT = {
    "A": "user-agent",
    "b": "cookie",
    "d": "data",
    "e": "referer",
    "F": "form",
    "g": "globoff",
    "G": "get",
    "H": "header",
    "I": "head",
    "k": "insecure",
    "o": "output",
    "r": "range",
    "T": "upload-file",
    "u": "user",
    "X": "request",
    "x": "proxy",
}
_SHORT_WITH_VALUE = frozenset("AbcCdDeEFhHKmoPQrtTuUwxXyYz")
_WITH_VALUE = """
cacert capath cert cert-type ciphers config connect-timeout connect-to continue-at cookie
cookie-jar create-file-mode data data-ascii data-binary data-raw data-urlencode doh-url
dump-header form form-string header interface json key limit-rate max-filesize max-redirs
max-time netrc-file noproxy oauth2-bearer output output-dir pass preproxy proto proto-redir
proxy proxy-header proxy-user range rate referer request request-target resolve retry
retry-delay retry-max-time socks4 socks4a socks5 socks5-hostname speed-limit speed-time stderr
time-cond tls-max trace trace-ascii unix-socket upload-file url url-query user user-agent
write-out
"""
# What winch does anyway, or what only says how curl talks to the person.
_SILENT = """
compressed location silent show-error fail fail-with-body fail-early remote-name
remote-name-all remote-header-name progress-bar no-progress-meter verbose include globoff get
http1.1 http2 no-buffer continue-at retry retry-delay retry-max-time write-out create-dirs
styled-output no-styled-output max-redirs
"""
_SILENT_SHORT = frozenset("LsSfOJ#vigGNC")
_VALUED = frozenset(_WITH_VALUE.split())
_QUIET = frozenset(_SILENT.split())
_HEADER_OF = {"user-agent": "User-Agent", "referer": "Referer"}
_CURL = re.compile(r"[ \t]*(?:\$[ \t]+)?curl(?:\.exe)?(?=\s|$)")
_BODY = re.compile(r"data(-.*)?|form(-string)?|json|upload-file")
_CONDITIONAL = frozenset(
    {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}
)  # A server answers them with "not modified" where the browser has the file.


@dataclass(frozen=True, slots=True, kw_only=True)
class Curl:
    """What a command asks for: URLs with the name of their `-o`, and the headers for all of them.

    `left_out` names what was there and is not done.
    """

    urls: tuple[tuple[str, str | None], ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return in words what is taken over and what is left out, without any value."""
        names = [name for name in self.headers if name.lower() != "cookie"]
        cookie = next((v for n, v in self.headers.items() if n.lower() == "cookie"), "")
        cookies = len([part for part in cookie.split(";") if part.strip()])
        counts = ((len(names), "header"), (cookies, "cookie"))
        taken = [f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in counts if n]
        text = f"curl: {' and '.join(taken) or 'nothing but the URL'} taken over"
        return f"{text}, left out: {', '.join(self.left_out)}" if self.left_out else text


def is_curl(text: str, at: int = 0) -> bool:
    """Tell whether a curl command begins at a place in the text."""
    return _CURL.match(text, at) is not None


def parse_curl(text: str, at: int = 0) -> tuple[Curl | UsageError, int]:
    """Read the command at a place, and return with it where it ends.

    The error instead says what is wrong with it, or why it is no plain download.
    """
    begin = _CURL.match(text, at)
    command = read_command(text, begin.end() if begin else at)
    try:
        if command.trouble is not None:
            raise command.trouble
        if text[command.end : command.end + 1] == "&" and re.match(r"&[^\s&]", text[command.end :]):
            raise UsageError("an & without quotes ends the command", hint="put the URL in quotes")
        reader = _Reader()
        for name, value in _options(command.words):
            reader.take(name, value)
        return reader.finish(), command.end
    except UsageError as error:
        return error, command.end


def curl_command(download: Download) -> str:
    """Return a command line for a POSIX shell, with all that the server is to be told.

    Secrets are in it as they are in the request.
    """
    request = download.request
    words = ["curl", "-fgL", "-o", download.name]
    for name, value in request.headers.items():
        if name.lower() == "authorization" and (login := read_basic(value)):
            # As winch does: by Digest where the server asks for it.
            words += ["--anyauth", "-u", ":".join(login)]
            continue
        # A header without a value is one that curl leaves out; with a semicolon it is sent empty.
        words += ["-H", f"{name}: {value}" if value else f"{name};"]
    if request.cookies:
        words += ["-b", request.cookies]
    return shlex.join([*words, "--", request.url])


class _Reader:
    """Takes a command's options in, one after the other."""

    def __init__(self) -> None:
        self._urls: list[str] = []
        self._names: list[str | None] = []
        self._headers: dict[str, tuple[str, str]] = {}
        self._cookies: list[str] = []
        # In the order found, each once.
        self._left_out: dict[str, None] = {}

    def take(self, name: str, value: str) -> None:
        if _BODY.fullmatch(name):
            raise UsageError(
                "this curl command sends data (POST); winch only fetches",
                hint="copy the request that answers with the file itself",
            )
        match name:
            case "url":
                self._urls.append(value)
            case "request" | "head":
                _check_method(value or "HEAD")
            case "user-agent" | "referer":
                self._set(_HEADER_OF[name], value.removesuffix(";auto"))
            case "header":
                self._header(value)
            case "cookie":
                self._cookie(value)
            case "user":
                self._user(value)
            case "output":
                self._output(value)
            case _ if name not in _QUIET:
                self._leave_out(f"{'-' if len(name) == 1 else '--'}{name}")

    def finish(self) -> Curl:
        if not self._urls:
            raise UsageError("this curl command names no URL")
        if self._cookies:
            self._set("Cookie", "; ".join(self._cookies))
        names = [*self._names, *[None] * len(self._urls)]
        return Curl(
            urls=tuple(zip(self._urls, names, strict=False)),
            headers=dict(self._headers.values()),
            left_out=tuple(self._left_out),
        )

    def _header(self, line: str) -> None:
        if line.startswith("@"):
            self._leave_out("headers from a file")
            return
        # `Name;` sends an empty header, `Name:` takes one of curl's own away: there is none here.
        name, colon, value = line.partition(":")
        if not colon and line.rstrip().endswith(";"):
            name, colon = line.rstrip()[:-1], ";"
        if not colon:
            raise UsageError("a -H of the curl command is no header", hint="write 'Name: value'")
        name, value = name.strip(), value.strip()
        if name.lower() == "cookie" and value:
            self._cookies.append(value.rstrip("; "))
        elif name.lower() in OWN_HEADERS | _CONDITIONAL:
            self._leave_out(name)
        elif value or colon == ";":
            self._set(name, value)

    def _cookie(self, value: str) -> None:
        if "=" in value:
            self._cookies.append(value.strip().rstrip("; "))
        else:
            self._leave_out("cookies from a file")

    def _user(self, value: str) -> None:
        user, colon, password = value.partition(":")
        if not colon:
            raise UsageError(
                "the -u of the curl command has no password", hint="write -u 'name:password'"
            )
        self._set("Authorization", basic(user, password))

    def _output(self, value: str) -> None:
        name = value.rpartition("/")[2]
        if name != value:
            self._leave_out("the directory of -o")
        if value != "-":
            check_name(name)
        self._names.append(None if value == "-" else name)

    def _set(self, name: str, value: str) -> None:
        check_header(name, value)
        self._headers[name.lower()] = (name, value)

    def _leave_out(self, what: str) -> None:
        self._left_out[what] = None


def _check_method(method: str) -> None:
    if method.upper() != "GET":
        raise UsageError(
            f"this curl command asks with {method[:20].upper()}; winch only fetches (GET)",
            hint="copy the request that answers with the file itself",
        )


def _options(found: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield options by their long names with their values ("" for none), a bare word as `url`."""
    rest = iter(found)
    only_urls = False
    for word in rest:
        if only_urls or not word.startswith("-") or word == "-":
            yield "url", word
        elif word == "--":
            only_urls = True
        elif word.startswith("--"):
            name = word[2:]
            if name in ("next", "config"):
                raise UsageError(f"a curl command with --{name} is more than winch can read")
            yield name, _value(rest, word) if name in _VALUED else ""
        else:
            yield from _short(word[1:], rest)


def _short(letters: str, rest: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield the options of a cluster such as `-sSLo NAME`."""
    for index, letter in enumerate(letters):
        if letter in "K:":
            raise UsageError(f"a curl command with -{letter} is more than winch can read")
        if letter in _SHORT_WITH_VALUE:
            value = letters[index + 1 :] or _value(rest, f"-{letter}")
            if letter not in _SILENT_SHORT:
                yield _SHORT.get(letter, letter), value
            return
        if letter not in _SILENT_SHORT:
            yield _SHORT.get(letter, letter), ""


def _value(rest: Iterator[str], option: str) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError(f"the {option} of the curl command has no value")
    return value
