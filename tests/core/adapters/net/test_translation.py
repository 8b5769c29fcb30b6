"""What the library raises, in winch's words."""

from __future__ import annotations

import pytest
from aiohttp.http_exceptions import BadStatusLine

from core.adapters.net.translation import translated
from core.domain.errors import ProtocolError


def test_what_breaks_http_is_told_in_one_line_with_what_it_was() -> None:
    broken = BadStatusLine("x", "Bad status line:\n\n  b'\\x1b]0;x'\n    ^")
    with pytest.raises(ProtocolError) as info, translated("http://host/a"):
        raise broken
    assert info.value.message == ("the answer of host breaks HTTP: Bad status line: b'\\x1b]0;x' ^")
