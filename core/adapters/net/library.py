"""aiohttp as winch has it: loaded in one place, so that all of it is as wanted whoever comes first.

The only importer of aiohttp. A few files of this folder take it from here (pyproject.toml has the
list); what they raise and return beyond it is winch's.
"""

from __future__ import annotations

from core.adapters.net.tls import certificates_unread

# It makes two contexts for TLS as it is imported, which are not those that are used here.
with certificates_unread():
    import aiohttp
    import aiohttp.http
    from aiohttp.client_proto import ResponseHandler

__all__ = ["ResponseHandler", "aiohttp"]
