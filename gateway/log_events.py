"""The events of a gateway's log. docs/logs.md has them all."""

from typing import Final

from market.process.event import Event

CLIENT_CLOSED: Final = Event(
    "client_closed",
    ("INFO", "DEBUG"),
    "client %(client)s gone: %(end)s; from %(address)s, subject %(subject)r, code %(code)d, after %(duration_s).1f s,"
    " %(bytes_out)d bytes out, %(bytes_in)d in, %(messages)d messages, slow for %(slow_s).1f s",
)
CLIENTS_CLOSED: Final = Event(
    "clients_closed", "INFO", "%(count)d more clients were closed with code %(code)d in the last minute"
)
