"""``FEED=auto``: is Binance there?"""

import asyncio

import aiohttp

PROBE_TIMEOUT_S = 5.0
"""So long a newcomer may have to wait for the first simulated price where there is no internet."""


async def unreachable(rest_url: str) -> str | None:
    """Why Binance does not answer at ``rest_url`` within `PROBE_TIMEOUT_S`; None when it does.

    Asks ``GET /api/v3/ping`` (Binance API documents, "Test connectivity"), which answers 200 and ``{}``.
    """
    try:
        async with (
            asyncio.timeout(PROBE_TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.get(f"{rest_url}/api/v3/ping", allow_redirects=False) as response,
        ):
            if response.status == 200:
                return None
            return f"HTTP {response.status}"
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT_S:g} s"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return str(error) or type(error).__name__
