"""How large each scenario is: in every run of the tests, and in the long form."""

from __future__ import annotations

FILES, LONG_FILES = 60, 2000
PERCENT, LONG_PERCENT = 10.0, 5.0
"""Requests that fail, of a hundred: of few, more have to, so that some do."""
REQUESTS, LONG_REQUESTS = 60, 400
"""Requests that are answered in a second: the kill has to come before the end."""
LINES, LONG_LINES = 200_000, 10_000_000
"""Lines of a list that is hostile."""
