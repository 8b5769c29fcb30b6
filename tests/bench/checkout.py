"""Whose winch is measured: this checkout's, or in turn that of another one (`--against`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BEFORE = ", before"
"""What is added to the name of a row that the other checkout's winch made."""
_NAME = "PYTHONPATH"


@contextmanager
def using(checkout: Path | None) -> Iterator[None]:
    """Have all processes that are started meanwhile take winch from a checkout; None: from here.

    Both use the same interpreter and the same libraries, so that nothing but winch differs.
    """
    before = os.environ.get(_NAME)
    if checkout is not None:
        os.environ[_NAME] = str(checkout.absolute())
    try:
        yield
    finally:
        if before is not None:
            os.environ[_NAME] = before
        else:
            os.environ.pop(_NAME, None)


def source() -> str:
    """Return the directory that winch is taken from now."""
    return os.environ.get(_NAME) or str(Path(__file__).parents[2])
