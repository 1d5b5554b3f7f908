"""Asking a bus everything, to see whether it can be used."""

from market.bus import Bus, BusDownError, open_bus
from tests.market.bus.receivers import RecordingReceiver
from tests.market.samples import tick


async def outcome_of(what: Bus | str) -> str:
    """Empty where a bus, or the one of a URL, can be used with every kind of connection there is; else why not."""
    bus = open_bus(what) if isinstance(what, str) else what
    receiver = RecordingReceiver()
    try:
        link = await bus.subscribe(["BTCUSDT"], receiver)
        try:
            await bus.publish([tick()])
            await receiver.until_count(1)
        finally:
            link.close()
        assert list(await bus.last_values()) == ["BTCUSDT"]
    except BusDownError as error:
        return str(error)
    finally:
        if isinstance(what, str):
            await bus.aclose()
    return ""
