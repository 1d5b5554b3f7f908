"""The target of a request: its form (RFC 9112, section 3.2), and that it names no other host than `Host`.

Names are checked by `Host` everywhere. If the target names a host as well, it counts and `Host` does not (section
3.2.2). So a different one would pass for ours. No client of ours has a reason to send such a request; it is refused.
"""

import re
from typing import Final

from aiohttp import hdrs
from multidict import MultiMapping

from gateway.admission.origin import Authority
from gateway.errors import RefusalError

_ABSOLUTE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)")
_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def require_own_target(method: str, target: str, headers: MultiMapping[str]) -> None:
    """Check that ``target``, as in the request line, means the host that `Host` names.

    Raises:
        RefusalError: it means another, or has a form that only proxies get.
    """
    if method == hdrs.METH_CONNECT:
        raise RefusalError(405, "bad_request", "this is no proxy", {hdrs.ALLOW: "GET, HEAD, POST, OPTIONS"})
    if target.startswith("/") or (target == "*" and method == hdrs.METH_OPTIONS):
        return
    match = _ABSOLUTE.match(target)
    port = _PORTS.get(match[1].lower()) if match else None
    if match is None or port is None:
        raise RefusalError(400, "bad_request", "the target of a request is a path, or a URL of http, https, ws or wss")
    # Userinfo is not accepted: it would hide which part is the host.
    named, host = Authority.parse(match[2]), Authority.parse(headers.get(hdrs.HOST, ""))
    if named is None or host is None or (named.host, named.port or port) != (host.host, host.port or port):
        raise RefusalError(400, "bad_request", "the target of the request names another host than Host does")
