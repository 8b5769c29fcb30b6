"""Take secrets out of what is logged or shown: userinfo, signatures, authorization."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_SECRET_PARAMETER = re.compile(
    r"(?i)(^|[&;])((?:x-amz-|x-goog-)?(?:signature|credential|security-token)|sig|token|access_token"
    r"|key|api[_-]?key|auth|password|passwd|secret|policy|expires-signature|awsaccesskeyid)=[^&;]*"
)
_SECRET_HEADER = re.compile(r"(?i)auth|cookie|token|secret|api-?key|password|credential")


def redact_url(url: str) -> str:
    """Return a URL that may be shown: no userinfo, no signature or token in its query.

    Text that does not parse as a URL loses everything up to its last `@`, rather than be trusted.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]
    netloc = parts.netloc.rpartition("@")[2]
    query = _SECRET_PARAMETER.sub(r"\1\2=…", parts.query)
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))


def is_secret_header(name: str) -> bool:
    """Tell whether a request header carries something that belongs to one origin only."""
    return _SECRET_HEADER.search(name) is not None
