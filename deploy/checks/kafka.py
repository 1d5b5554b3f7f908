"""The brokers of Kafka that ``BUS_URL`` names, and their topics. Nothing is created by it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from deploy.checks.finding import Finding
from market.bus import BusDownError
from poller.settings import PollerSettings

_ANSWER_S: Final = 3.0


async def check_kafka(bus_url: str, pollers: Sequence[PollerSettings]) -> list[Finding]:
    """Ask the brokers, as our user."""
    return await asyncio.to_thread(_brokers, bus_url, pollers)


def no_store(pollers: Sequence[PollerSettings], *, auth: bool) -> Iterator[Finding]:
    """What there is not without a store. ``auth`` says whether clients may want tickets."""
    lacks = ["no second poller can take over"] * bool(pollers) + ["there are no tickets"] * auth
    if lacks:
        yield Finding("warning", "store", f"STORE_URL is not set: {', and '.join(lacks)}", "name a Redis in it")


def _brokers(bus_url: str, pollers: Sequence[PollerSettings]) -> list[Finding]:
    # Imported here: who uses no Kafka need not have its client.
    from confluent_kafka import KafkaException

    from market.bus.kafka.connection import topics
    from market.bus.kafka.connection.client import KafkaClient

    client = KafkaClient(bus_url)
    url, admin = client.url, client.admin()
    findings = list(_secrecy(url.tls is not None, bool(url.sasl), url.tls is None or url.tls.verify))
    try:
        found = topics.look(admin, url, timeout_s=_ANSWER_S)
        count = len(admin.list_topics(url.ticks, timeout=_ANSWER_S).brokers)
    except BusDownError as error:
        text, _, fix = str(error).partition("; ")
        return [Finding("wrong", "bus", f"kafka {text}", fix or "see BUS_URL"), *findings]
    except KafkaException as failure:
        text, _, fix = str(client.down(failure)).partition("; ")
        fix = fix or "is it running there, and may this machine reach it? See BUS_URL"
        return [Finding("wrong", "bus", f"kafka {text}", fix), *findings]
    way = f"{', over TLS' if url.tls is not None else ''}{f', as user {url.username}' if url.sasl else ''}"
    text = f"{client.name}: Kafka with {count} broker{'s' * (count != 1)} is reached{way}"
    return [Finding("ok", "bus", text), *_topics(found, url.ticks, url.last, pollers, create=url.create), *findings]


def _topics(
    found: dict[str, int], ticks: str, last: str, pollers: Sequence[PollerSettings], *, create: bool
) -> Iterator[Finding]:
    missing = [topic for topic in (ticks, last) if topic not in found]
    if missing and create:
        yield Finding("ok", "topics", f"{' and '.join(missing)}: not there yet; a poller creates what is missing")
    elif missing:
        text = f"{' and '.join(missing)}: not there, and BUS_URL says create=false"
        yield Finding("wrong", "topics", text, "create them (docs/kafka.md), or remove create=false")
    if found.get(last, 1) != 1:
        yield Finding("wrong", "topics", f"{last} has {found[last]} partitions, and needs 1", "delete it")
    wanted = {poller.bus_partitions for poller in pollers}
    if ticks in found and wanted and wanted != {found[ticks]}:
        text = f"{ticks} has {found[ticks]} partitions, and BUS_PARTITIONS is {max(wanted)}"
        yield Finding("wrong", "topics", text, f"set BUS_PARTITIONS={found[ticks]}, or add partitions")
    elif ticks in found:
        yield Finding("ok", "topics", f"{ticks} has {found[ticks]} partition{'s' * (found[ticks] != 1)}")


def _secrecy(tls: bool, sasl: bool, verified: bool) -> Iterator[Finding]:
    if sasl and not tls:
        text = "user and password go without TLS: whoever is between could read and change all"
        yield Finding("warning", "bus", text, "add tls=true to BUS_URL")
    if not verified:
        text = "its certificate is not checked: whoever is between could read and change all"
        yield Finding("warning", "bus", text, "leave ssl_cert_reqs out of BUS_URL, name ssl_ca_certs")
