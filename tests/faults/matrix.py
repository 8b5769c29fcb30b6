"""What servers do and what winch must do: the conformance table, whole.

A row is one thing that servers do; its cases are the forms it takes. Where a server does what is
not here, the rule is the same: never mix bytes that are not proved to belong together, never call
short or foreign content complete, keep what is good, say what happened.
"""

from __future__ import annotations

from tests.faults import (
    matrix_errors,
    matrix_framing,
    matrix_login,
    matrix_probe,
    matrix_ranges,
    matrix_servers,
    matrix_text,
    matrix_time,
    matrix_validators,
)
from tests.faults.cases import Case

ROWS = range(1, 62)

CASES: tuple[Case, ...] = (
    *matrix_ranges.CASES,
    *matrix_validators.CASES,
    *matrix_framing.CASES,
    *matrix_probe.CASES,
    *matrix_errors.CASES,
    *matrix_text.CASES,
    *matrix_login.CASES,
    *matrix_time.CASES,
    *matrix_servers.CASES,
)
