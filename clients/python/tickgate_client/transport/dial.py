"""Makes one WebSocket connection, and says in words why it could not be made."""

import asyncio
import json
import os
import socket
import ssl
from dataclasses import dataclass
from http.client import responses
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import InvalidHandshake, InvalidProxy, InvalidStatus, InvalidURI

from tickgate_client.version import VERSION

MAX_MESSAGE_BYTES: Final = 64 * 2**20
"""A batch of ten thousand symbols is a twentieth of this."""
TRANSIENT: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Refused:
    """No connection."""

    reason: str
    code: int | None = None
    """The HTTP status, if one came."""
    final: bool = False
    """Whether the same attempt would fail again."""
    after_s: float = 0.0
    """So long at least we are to wait."""


class _NoRedirects(websocket):
    """A token goes to the host that was named, and to no other."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(url: str, token: str | None, options: dict[str, Any], timeout_s: float) -> ClientConnection | Refused:
    """Connect to ``url``. ``options`` go to `websockets` as they are, as ``ssl`` and ``proxy``."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    usual = {"compression": None, "max_size": MAX_MESSAGE_BYTES, "close_timeout": 1}
    try:
        return await _NoRedirects(
            url,
            additional_headers=headers,
            user_agent_header=f"tickgate-client/{VERSION} (Python)",
            open_timeout=timeout_s,
            # Whether the gateway lives is seen by its messages, and asked for by ours.
            ping_interval=None,
            **(usual | options),
        )
    except InvalidStatus as error:
        return _status(url, error)
    except ssl.SSLCertVerificationError as error:
        return Refused(f"the certificate of {shown(url)} cannot be verified: {error.verify_message}", final=True)
    except InvalidURI as error:
        return Refused(f"{shown(url)} is no WebSocket's URL: {error.msg}", final=True)
    except (InvalidHandshake, InvalidProxy) as error:
        return Refused(f"what answers at {shown(url)} is no gateway: {error}")
    except TimeoutError:
        return Refused(f"no answer from {shown(url)} within {timeout_s:g} s")
    except (OSError, EOFError) as error:
        return Refused(f"no gateway at {shown(url)}: {_words(error)}")
    except (TypeError, ValueError, ImportError) as error:
        # Of the options, which are the caller's; a SOCKS proxy needs a package that is not here.
        return Refused(f"cannot connect to {shown(url)}: {error}", final=True)


async def hang_up(connection: ClientConnection) -> None:
    """End a connection in order, or at once if the other end does not take part."""
    try:
        async with asyncio.timeout(1.5):
            await connection.close()
    except (OSError, TimeoutError):
        pass
    finally:
        connection.transport.abort()


def numbered(url: str, attempt: int) -> str:
    """``url`` with ``attempt=N`` for the gateway's metrics; as it is at the first attempt.

    A query that is there already stays byte for byte, and keeps an ``attempt`` of its own.
    """
    whole, hash_mark, fragment = url.partition("#")
    path, _, query = whole.partition("?")
    if not attempt or any(name == "attempt" for name, _ in parse_qsl(query, keep_blank_values=True)):
        return url
    between = "&" if query and not query.endswith("&") else ""
    return f"{path}?{query}{between}attempt={attempt}{hash_mark}{fragment}"


def shown(url: str) -> str:
    """``url`` without what may be secret in it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _status(url: str, error: InvalidStatus) -> Refused:
    response = error.response
    status = response.status_code
    try:
        said = str(json.loads(response.body or b"")["error"])
    except (ValueError, KeyError, TypeError):
        said = responses.get(status, "")
    retry_after = response.headers.get("Retry-After", "")
    after_s = min(float(retry_after), 60.0) if retry_after.isdecimal() else 0.0
    final = status < 500 and status not in TRANSIENT
    return Refused(f"{shown(url)} answers {status}: {said}", status, final, after_s)


def _words(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
