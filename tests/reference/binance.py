"""Tables of released clients of Binance that were run: made of what the tests run."""

from collections.abc import Iterable, Mapping

from tests.foreign.binance.clients import CLIENTS, LONG_CLIENTS, ForeignClient
from tests.reference.sources import table


def parts() -> Mapping[str, str]:
    """Name of a part of docs/binance.md -> its text."""
    return {"clients": _table(CLIENTS), "long-clients": _table(LONG_CLIENTS)}


def _table(clients: Iterable[ForeignClient]) -> str:
    columns = ("client", "version", "language", "streams and commands", "REST")
    return table(columns, (_row(client) for client in clients))


def _row(client: ForeignClient) -> tuple[str, ...]:
    rest = sorted(did.removeprefix("REST ") for did in client.did if did.startswith("REST "))
    streams = sorted(did for did in client.did if not did.startswith("REST "))
    return (f"`{client.name}`", client.version, client.language, ", ".join(streams) or "–", ", ".join(rest) or "–")
