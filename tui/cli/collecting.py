"""`winch add --collection`: make of many files one thing, and print its name."""

from __future__ import annotations

import argparse
from collections.abc import Coroutine
from typing import Any

from tui.cli.refusals import Refusals
from tui.cli.service_access import connected
from tui.cli.terminal import out, say
from tui.control.collecting import collect
from tui.control.configuration import default_directory
from tui.input.source_options import collection_request, named_files
from tui.text import fmt
from tui.text.collection_report import collection_record
from tui.text.json_records import dump
from tui.text.wording import HELD


def add_collection(args: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """Make a collection and print its name once that is on disk."""
    request = collection_request(args, default_directory())
    urls = named_files(args)

    async def ask() -> int:
        refusals = Refusals(args.input)
        view = await collect(connected, args, request, urls, refusals.tell)
        async with connected() as service:
            if not args.paused and (await service.status()).paused:
                say(HELD)
        out(dump(collection_record(view)) if args.json else fmt.clean(request.name))
        return refusals.end()

    return ask()
