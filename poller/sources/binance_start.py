"""What every Binance source does before its first price."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from market.symbols import Scales
from poller.sources.backoff import Backoff
from poller.sources.binance_api import INVALID_SYMBOL, Api, Fault, symbols_query
from poller.sources.binance_scales import BadExchangeInfoError, ExchangeInfo
from poller.sources.binance_timing import RestTiming
from poller.sources.weight import EXCHANGE_INFO_WEIGHT

logger = logging.getLogger(__name__)

_PATH = "/api/v3/exchangeInfo"


async def fetch_scales(
    api: Api, symbols: tuple[str, ...], *, timing: RestTiming, backoff: Backoff, failing: Callable[[str], None]
) -> Mapping[str, Scales]:
    """The scales of ``symbols``, asked for until they are there; each failure's reason goes to ``failing``.

    Raises:
        UnknownSymbolError: a symbol is not listed.
        PollerError: a symbol's numbers would not fit 2^53 - 1.
    """
    # `exchangeInfo` wants `symbols` from the first on; `symbol` gives the same shape, so both will do.
    query = symbols_query(symbols)
    failures = 0
    while True:
        if api.ban_reason:
            failing(api.ban_reason)
        body = await api.get(_PATH, query, EXCHANGE_INFO_WEIGHT, timing.exchange_info_timeout_s)
        if isinstance(body, Fault):
            reason = body.reason
            if body.code == INVALID_SYMBOL and query:
                query = {}  # the answer does not say which one; the whole list does, and what it may be meant for
                continue
        else:
            try:
                info = ExchangeInfo(body)
                scales = info.scales(symbols)
            except BadExchangeInfoError as error:
                reason = str(error)
            else:
                if failures:
                    logger.info("exchangeInfo answered after %d failures", failures)
                if info.weight_limit is not None:
                    api.budget.limit = info.weight_limit
                return scales
        if not failures:
            logger.warning("exchangeInfo fails, trying on: %s", reason)
        failures += 1
        failing(reason)
        await asyncio.sleep(backoff.next_s())
