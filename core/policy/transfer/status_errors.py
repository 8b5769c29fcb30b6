"""Which error a status stands for that brings no bytes (RFC 9110 section 15), and what may help.

For the judgement of answers. Header names are lower case.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.domain.errors import (
    AuthRequiredError,
    HttpStatusError,
    NotFoundError,
    ProtocolError,
    TransferError,
)
from core.domain.units import rough_duration
from core.policy.transfer.challenges import SentLogin, refusal
from core.policy.transfer.http_dates import parse_retry_after

_PHRASES = {
    400: " (bad request)",
    403: " (forbidden)",
    404: " (not found)",
    407: " (proxy authentication required)",
    410: " (gone)",
    429: " (too many requests)",
    500: " (internal server error)",
    502: " (bad gateway)",
    503: " (service unavailable)",
    504: " (gateway timeout)",
}


def status_error(
    status: int, headers: Mapping[str, str], now: float, login: SentLogin = SentLogin.NONE
) -> TransferError:
    """Name the error that a status without a usable body stands for."""
    if status < 400:
        return ProtocolError(
            f"the server answered {status}, which carries no file",
            hint="check the address in a browser",
        )
    message = f"the server answered {status}{_PHRASES.get(status, '')}"
    wait = parse_retry_after(headers.get("retry-after"), now)
    if status in (404, 410):
        return NotFoundError(message, status=status, hint="check the address")
    if status == 401:
        message, hint = refusal(headers.get("www-authenticate", ""), login)
        return AuthRequiredError(message, status=status, hint=hint)
    if status == 407:
        hint = "the proxy's address in the environment (http_proxy) has to hold the right login"
        return AuthRequiredError(message, status=status, hint=hint)
    needs = "need credentials" if login is SentLogin.NONE else "be closed to this login"
    hint = f"the address may {needs} or have expired" if status == 403 else ""
    if wait is not None and wait >= 1:
        hint = f"the server asks to be left alone for {rough_duration(wait)}"
    return HttpStatusError(message, status=status, retry_after=wait, hint=hint)
