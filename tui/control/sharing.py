"""A download in words that other programs understand: the curl command that fetches the same."""

from __future__ import annotations

import shlex

from core.domain.login import read_basic
from core.domain.models import Download


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
