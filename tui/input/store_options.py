"""Who asks an object store, and where that is: a command's options as the daemon hears them."""

from __future__ import annotations

import argparse

from core.domain.checks import check_store_options
from core.domain.errors import UsageError
from core.domain.models import DownloadRequest
from core.domain.origins import Origin
from core.domain.stores import is_store


def store_options(args: argparse.Namespace) -> dict[str, str]:
    """Return what `--profile` and its kin say; raises UsageError for what cannot be meant."""
    said = {
        "profile": getattr(args, "profile", None),
        "anonymous": "true" if getattr(args, "anonymous", False) else None,
        "endpoint_url": getattr(args, "endpoint_url", None),
        "region": getattr(args, "region", None),
    }
    options = {name: text for name, text in said.items() if text is not None}
    check_store_options(options)
    if "anonymous" in options and "profile" in options:
        raise UsageError("--profile says who asks, and --anonymous that nobody does")
    return options


def store_origin(args: argparse.Namespace) -> Origin | None:
    """Return what downloads have in common whose addresses are in a store; raises UsageError."""
    options = store_options(args)
    return Origin(options=options) if options else None


def in_store(request: DownloadRequest) -> bool:
    """Tell whether a request has an address that such options are for."""
    return any(map(is_store, (request.url, *request.mirrors)))
