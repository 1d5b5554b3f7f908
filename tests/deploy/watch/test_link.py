"""A connection to a gateway that is made again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection

from deploy.ports import free_port
from deploy.watch import link as links
from deploy.watch.link import Link, WatchError, subscribe_message
from deploy.watch.messages import Message, Update
from gateway.protocol.messages import Status, Subscribed, Welcome
from tests.deploy.watch.gateways import LIVE, WELCOME, Gateway, greet, say, tick


class Heard:
    """What a link brings, read as it is asked for."""

    def __init__(self, url: str, token: str | None = None, jitter: float = 0.0) -> None:
        message = subscribe_message(["BTC"], None)
        loop = asyncio.get_running_loop()
        self._messages = Link(url, message, token, clock=loop.time, jitter=lambda: jitter).messages()

    async def until(self, condition: Callable[[Message | str], bool]) -> list[Message | str]:
        """Everything up to the first for which it is so, that included."""
        heard: list[Message | str] = []
        async with asyncio.timeout(20):
            async for message in self._messages:
                heard.append(message)
                if condition(message):
                    return heard
        raise AssertionError(heard)

    async def aclose(self) -> None:
        await self._messages.aclose()  # type: ignore[attr-defined] # it is a generator


@pytest.fixture
async def hear() -> AsyncIterator[Callable[..., Heard]]:
    """Make links that are closed at the end."""
    made: list[Heard] = []

    def make(url: str, **options: Any) -> Heard:
        made.append(Heard(url, **options))
        return made[-1]

    yield make
    for heard in made:
        await heard.aclose()


def is_update(message: Message | str) -> bool:
    """Whether it is a price."""
    return isinstance(message, Update)


def is_loss(message: Message | str) -> bool:
    """Whether a connection has ended."""
    return isinstance(message, str)


async def prices(socket: ServerConnection) -> None:
    """Greet, send a price, and stay."""
    await greet(socket, "BTCUSDT")
    await say(socket, tick("BTCUSDT", 1))
    await socket.wait_closed()


def closes(code: int, reason: str) -> Callable[[ServerConnection], Any]:
    """Make a script: greet, and close."""

    async def script(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        await socket.close(code, reason)

    return script


async def test_it_subscribes_when_it_is_welcome(hear: Callable[..., Heard]) -> None:
    """And passes on what comes, in its order; what it does not know is left out."""
    asked = []

    async def script(socket: ServerConnection) -> None:
        asked.append(await greet(socket, "BTCUSDT"))
        await say(socket, {"type": "news"}, tick("BTCUSDT", 1))
        await socket.wait_closed()

    async with Gateway(script).serving() as gateway:
        heard = await hear(gateway.url, token="a.b.c").until(is_update)  # noqa: S106 - of a test
    assert [type(message) for message in heard] == [Welcome, Status, Subscribed, Update]
    assert asked == [{"type": "subscribe", "symbols": ["BTC"], "id": "watch"}]
    assert gateway.requests[0].headers["Authorization"] == "Bearer a.b.c"


async def test_a_connection_that_ends_is_made_again(hear: Callable[..., Heard]) -> None:
    """It says why it ended, in the gateway's words; then there are prices again."""
    async with Gateway(closes(4408, "too slow"), prices).serving() as gateway:
        link = hear(gateway.url)
        assert (await link.until(is_loss))[-1] == "too slow; trying again at once"
        assert is_update((await link.until(is_update))[-1])


async def test_a_gateway_that_goes_away_says_when_to_come_back(hear: Callable[..., Heard]) -> None:
    """The pause is the gateway's, not the backoff's."""

    async def leaving(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        await say(socket, {"type": "shutdown", "reconnect_after_ms": 200})
        await socket.close(1012, "this gateway is going away")

    async with Gateway(leaving, prices).serving() as gateway:
        link = hear(gateway.url, jitter=60.0)
        (*_, loss) = await link.until(is_loss)
        assert loss in {f"this gateway is going away; trying again in 0.{tenths} s" for tenths in (1, 2)}
        assert is_update((await link.until(is_update))[-1])


async def test_pauses_grow_while_nothing_listens(hear: Callable[..., Heard], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as long each time, up to half a minute."""
    monkeypatch.setattr(links, "BACKOFF_BASE_S", 0.1)
    monkeypatch.setattr(links, "BACKOFF_CAP_S", 0.4)
    url = f"ws://127.0.0.1:{free_port()}/ws"
    link = hear(url, jitter=1.0)
    heard = [(await link.until(is_loss))[-1] for _ in range(4)]
    assert heard == [
        f"no gateway at {url} (Connection refused; --url names another); trying again in {pause} s"
        for pause in (0.1, 0.2, 0.4, 0.4)
    ]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_gateway_that_is_full_is_asked_again(status: int, hear: Callable[..., Heard]) -> None:
    """So are a limit that will pass, and a fault."""
    async with Gateway(status, prices).serving() as gateway:
        link = hear(gateway.url)
        assert (await link.until(is_loss))[-1] == (
            f"{gateway.url} answers with HTTP status {status}; trying again at once"
        )
        await link.until(is_update)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "--token-file"), (403, "ALLOWED_HOSTS"), (404, "it is /ws"), (200, "it is /ws")]
)
async def test_a_refusal_that_will_not_pass_ends_it(status: int, hint: str, hear: Callable[..., Heard]) -> None:
    """With what to change."""
    async with Gateway(status).serving() as gateway:
        with pytest.raises(WatchError, match=rf"answers with HTTP status {status}: .*{hint}"):
            await hear(gateway.url).until(is_update)


@pytest.mark.parametrize("code", [1009, 4401, 4403])
async def test_a_close_code_that_means_never_ends_it(code: int, hear: Callable[..., Heard]) -> None:
    """With the gateway's reason."""
    async with Gateway(closes(code, "the token has expired")).serving() as gateway:
        with pytest.raises(WatchError, match=f"closed with {code}: the token has expired"):
            await hear(gateway.url).until(is_loss)


async def test_a_gateway_that_wants_a_token_is_heard(hear: Callable[..., Heard]) -> None:
    """It answers the subscribe with an error; the message says how to give one."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, WELCOME, LIVE)
        await socket.recv()
        await say(socket, {"type": "error", "code": "unauthorised", "message": "a token is needed", "id": "watch"})
        await socket.wait_closed()

    async with Gateway(script).serving() as gateway:
        with pytest.raises(WatchError, match="a token is needed; give a token with --token-file"):
            await hear(gateway.url).until(is_update)


async def test_a_subscribe_that_came_too_early_is_sent_again(hear: Callable[..., Heard]) -> None:
    """On another connection: a gateway that was too busy to look at it will not answer it."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, WELCOME, LIVE)
        await socket.recv()
        await say(socket, {"type": "error", "code": "rate_limited", "message": "too many messages"})
        await socket.wait_closed()

    async with Gateway(script, prices).serving() as gateway:
        link = hear(gateway.url)
        assert (await link.until(is_loss))[-1] == "too many messages; trying again at once"
        await link.until(is_update)


async def test_a_gateway_that_hangs_is_given_up(hear: Callable[..., Heard], monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither speaks nor answers pings: no prices may not look like quiet ones."""
    monkeypatch.setattr(links, "HEARTBEAT_S", 0.2)
    hung: list[asyncio.Event] = []

    async def hanging(socket: ServerConnection) -> None:
        await greet(socket, "BTCUSDT")
        hung.append(asyncio.Event())
        socket.transport.pause_reading()
        await hung[0].wait()

    async with Gateway(hanging, prices).serving() as gateway:
        link = hear(gateway.url)
        assert (await link.until(is_loss))[-1] == "the connection was lost; trying again at once"
        await link.until(is_update)
        hung[0].set()


def test_without_symbols_it_asks_for_all() -> None:
    """A rate is the subscribe's option."""
    assert subscribe_message([], None) == {"type": "subscribe", "symbols": ["*"], "id": "watch"}
    assert subscribe_message(["BTC"], 2.0)["max_hz"] == 2.0
