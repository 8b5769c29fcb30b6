"""From the arguments of a command, in the shell or on the `:` line, to what the service is asked.

Everything that can be known to be wrong without a server is said here, before a daemon is started.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from getpass import getpass
from pathlib import Path

from core import launcher
from core.domain import checks
from core.domain.errors import UsageError
from core.domain.history import HistoryQuery
from core.domain.login import basic
from core.domain.models import Checksum, Conflict, DownloadRequest
from core.domain.service import LimitChanges
from core.domain.setting_checks import check_limit
from core.domain.units import parse_duration, parse_rate
from core.domain.value import replace
from tui.input.caller import CALLER
from tui.input.remote import REMOTE, remote_path
from tui.input.store_options import in_store, store_origin
from tui.text.fmt import clean


def named_requests(args: argparse.Namespace, shared: DownloadRequest) -> list[DownloadRequest]:
    """Return a request for each URL of the command line, each once; raises UsageError."""
    requests = [replace(shared, url=url) for url in dict.fromkeys(map(check_url, args.urls))]
    # Only what is in a store is asked for with its options.
    return [r if r.origin is None or in_store(r) else replace(r, origin=None) for r in requests]


def shared_request(args: argparse.Namespace, directory: str) -> DownloadRequest:
    """Return what all of a command's downloads have in common, without a URL.

    Raises UsageError, also where there is no URL, or more than an option fits.
    """
    count = len(set(args.urls))
    sources = (args.input, getattr(args, "manifest", None), getattr(args, "recursive", None))
    if not count and sources == (None, None, None):
        raise UsageError("there is no URL to download", hint="name one, or -i FILE")
    if args.format is not None and sources[:2] == (None, None):
        raise UsageError("--format tells how a list is written, and there is none")
    only_one = (("-o", args.output), ("--checksum", args.checksum), ("--mirror", args.mirror))
    for option, value in only_one:
        if value in (None, []):
            continue
        if args.input is not None:
            raise UsageError(f"{option} fits one URL, and -i names many", hint="say it in the list")
        if count > 1:
            raise UsageError(f"{option} fits one URL, but there are {count}")
    if args.connections is not None:
        check_limit("connections", args.connections)
    if args.output is not None:
        checks.check_name(args.output)
    if args.base is not None:
        check_url(args.base)
    return DownloadRequest(
        url="",
        directory=absolute(args.directory or directory),
        name=args.output,
        checksum=None if args.checksum is None else Checksum.parse(args.checksum),
        conflict=None if args.conflict is None else Conflict(args.conflict),
        retries=args.retries,
        connections=args.connections,
        limit=None if args.limit is None else parse_rate(args.limit) or 0,
        mirrors=tuple(dict.fromkeys(map(check_url, args.mirror))),
        headers=_headers(args.header, _login(args)),
        cookies=_cookies(args.cookies),
        priority=getattr(args, "priority", 0),
        group=_text(args.group, "the group") if getattr(args, "group", None) else None,
        paused=getattr(args, "paused", False),
        restart=not args.no_restart,
        wait_for_host=args.wait_for_host,
        origin=store_origin(args),
    )


def requests_for_urls(urls: Iterable[str], directory: str) -> list[DownloadRequest]:
    """Return plain requests for URLs, each once; raises UsageError."""
    where = absolute(directory)
    return [
        DownloadRequest(url=url, directory=where) for url in dict.fromkeys(map(check_url, urls))
    ]


def limit_changes(args: argparse.Namespace) -> LimitChanges:
    """Return what is to be changed; raises UsageError."""
    reset = args.rate == "auto"
    return LimitChanges(
        rate=None if args.rate is None or reset else parse_rate(args.rate) or 0,
        active=args.active,
        connections=args.connections,
        connections_per_host=args.per_host,
        reset=reset,
    )


def history_query(args: argparse.Namespace, text: str, *, limit: int | None) -> HistoryQuery:
    """Return what the options ask for; raises UsageError."""
    return HistoryQuery(limit=limit, since=_since(args.since), text=text, failed=args.failed)


def absolute(directory: str) -> str:
    """Return a directory as the daemon, which runs elsewhere, has to hear it; raises UsageError."""
    if (remote := REMOTE.get()) is not None:
        return _text(remote_path(directory, remote.there), "the path")
    return here(directory)


def here(text: str) -> str:
    """Return a path of the machine on which the command was typed; raises UsageError."""
    path = Path(text).expanduser()
    if (caller := CALLER.get()) is not None:
        path = Path(caller.directory, path)
    return _text(str(path.absolute()), "the path")


def check_url(url: str) -> str:
    """Return the URL without what stands around it; raises UsageError for no such address."""
    checks.check_url(url := url.strip())
    return url


def _since(text: str | None) -> datetime | None:
    """Return the beginning of `7d` before now, or of a local day `2026-03-01`; UsageError."""
    if text is None:
        return None
    try:
        try:
            return datetime.fromisoformat(text).astimezone()
        except ValueError:
            return datetime.now(UTC) - timedelta(seconds=parse_duration(text))
    except UsageError as error:
        raise UsageError(error.message, hint=f"{error.hint}, or a day: 2026-03-01") from None
    except OverflowError:
        raise UsageError(f"'{text}' is too long ago") from None


def _login(args: argparse.Namespace) -> str | None:
    """Return what proves to the server who asks (RFC 7617, RFC 6750), as an Authorization."""
    if args.bearer is not None:
        return f"Bearer {args.bearer}"
    if args.user is None:
        return None
    user, colon, password = args.user.partition(":")
    if not colon and sys.stdin.isatty():
        password = getpass(f"winch: password of {clean(user)}: ", sys.stderr)
    return basic(_text(user, "the user's name"), _text(password, "the password", is_secret=True))


def _headers(lines: Iterable[str], login: str | None) -> Mapping[str, str]:
    headers = {}
    if login is not None:
        lines = [*lines, f"Authorization: {login}"]
    for line in lines:
        name, colon, value = line.partition(":")
        # The value may be a secret, and without a colon the line may be all value: never repeated.
        if not colon:
            raise UsageError("a --header is no header", hint="write it as 'Name: value'")
        checks.check_header(name.strip(), value.strip())
        if name.strip().lower() == "authorization" and login not in (None, value.strip()):
            raise UsageError(
                "there are two ways to log in", hint="give --header, --user or --bearer, not two"
            )
        headers[name.strip()] = value.strip()
    return headers


def _cookies(file: str | None) -> str | None:
    """Return where the cookies are, as the daemon has to hear it; raises UsageError."""
    if file is None:
        return None
    if (remote := REMOTE.get()) is not None:
        raise UsageError(
            f"the daemon of {remote.host.name} would read the cookies, and they are here",
            hint="send what is needed with --header 'Cookie: …'",
        )
    path = absolute(file)
    try:
        launcher.check_named(path, most=launcher.COOKIES_BYTES)
    except OSError as error:
        raise UsageError(
            f"the cookies in {file} cannot be read: {error.strerror}", hint="see --cookies FILE"
        ) from None
    return path


def _text(value: str, what: str, *, is_secret: bool = False) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        shown = "" if is_secret else f": {os.fsencode(value)!r}"
        raise UsageError(f"{what} is not UTF-8 text{shown}") from None
    return value
