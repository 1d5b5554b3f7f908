"""What somebody sends first who knows little of a gateway, and where the answers lead.

Straight, and through HAProxy.
"""

from collections.abc import Callable

import aiohttp
import pytest

from deploy.launcher.programs import Plan
from tests.client import connected
from tests.integration.fronts import behind_haproxy
from tests.integration.stacks import run_plan, running

pytestmark = pytest.mark.integration

WAYS = [
    pytest.param(run_plan, id="alone"),
    pytest.param(behind_haproxy, id="behind-haproxy", marks=pytest.mark.haproxy),
]
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@pytest.mark.parametrize("plan", WAYS)
async def test_each_wrong_step_names_the_right_one(plan: Callable[..., Plan]) -> None:
    """From a wrong path to the list of symbols, and from a wrong name to prices."""
    async with running(plan(SYMBOLS="BTCUSDT,ETHUSDT", TRUSTED_PROXIES="127.0.0.1")) as stack:
        front = stack.plan.front
        url = f"ws://{front}/ws"
        async with aiohttp.ClientSession(f"http://{front}") as http:
            for path in ("/", "/ws/", "/websocket", "/stream"):
                async with http.get(path, headers=UPGRADE) as response:
                    assert 404 == response.status
                    assert {"error": f"no WebSocket is here: connect to {url}", "code": "path"} == await response.json()
            async with http.get("/ws") as response:
                assert 426 == response.status
                assert f"`npx wscat -c {url}`" in (await response.json())["error"]
            async with http.options("/ws", headers={"Origin": "http://localhost:5173"}) as response:
                assert (403, "origin") == (response.status, (await response.json())["code"])
            async with http.get("/v1/symbols") as response:
                listed = (await response.json())["symbols"]
        assert ["BTCUSDT", "ETHUSDT"] == [entry["symbol"] for entry in listed]
        async with connected(url) as client:
            await client.send({"type": "symbols"})
            await client.send({"type": "subscribe", "symbols": ["XBTUSD"]})
            await client.send({"type": "subscribe", "symbols": ["BTC/USDT"]})
            await client.until(lambda client: len(client.prices.get("BTCUSDT", ())) > 1)
            [answer] = [message for message in client.messages if message["type"] == "symbols"]
            assert ["BTCUSDT", "ETHUSDT"] == [entry["symbol"] for entry in answer["symbols"]]
            [error] = [message for message in client.messages if message["type"] == "error"]
            assert '\'XBTUSD\' (did you mean BTCUSDT?); {"type":"symbols"} lists what there is' in error["message"]
