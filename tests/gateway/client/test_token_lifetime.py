"""The lifetime of one client's token, in virtual time: late, expiring, refreshed, being checked."""

import asyncio
import json
from typing import Any

import pytest

from gateway.admission.limits.buckets import Limits
from gateway.admission.upgrade_request import Slot
from gateway.auth.grant import Grant, RefusedError, TryLaterError
from gateway.auth.settings import AuthSettings
from gateway.client.session import Outcome, Session
from gateway.client.token_lifetime import MOST_HELD, MOST_HELD_BYTES, NOTICE_S, TokenLifetime
from gateway.gateway import Gateway
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import Auth
from gateway.settings import Settings
from gateway.websocket.close_codes import CloseReason
from gateway.websocket.read_scheduler import TURN_S, ReadScheduler
from market.bus.memory import MemoryBus
from tests.fakes import Stopwatch, run_virtual
from tests.gateway.auth.tokens import NOW, SECRET

JWT = AuthSettings(mode="jwt", jwt_secret=SECRET)
AUTH_TIMEOUT_S = 5.0
LIFE_S = 100.0


def alice(**fields: Any) -> Grant:
    """A grant that is valid for `LIFE_S`."""
    return Grant("alice", **({"expires_at": NOW + LIFE_S} | fields))


class Issuer:
    """An authenticator whose tokens are names of grants; those not in `known` take time."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {"token": alice()}
        self.known = True
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Wait if the token is not known; may raise."""

    def verify_now(self, token: str) -> Grant | None:
        return self._open(token) if self.known else None

    async def verify(self, token: str) -> Grant:
        await self.answer
        return self._open(token)

    def _open(self, token: str) -> Grant:
        if token not in self.grants:
            raise RefusedError("bad_signature", "the token's signature does not hold")
        return self.grants[token]


class FakeConnection:
    """Stands for a connection: closed with a reason, or not yet."""

    def __init__(self) -> None:
        self.closing = False
        self.closed_with: CloseReason | None = None

    def close(self, reason: CloseReason) -> None:
        if not self.closing:
            self.closing, self.closed_with = True, reason


class RecordingClient:
    """A client with a token, and everything that was sent to it, with the time."""

    def __init__(self, grant: Grant | None = None, **settings: Any) -> None:
        self.loop = asyncio.get_running_loop()
        self.clock_set_by_s = 0.0
        """How far the wall clock was set forward, or back."""
        self.gateway = Gateway(
            Settings(bus_url="memory://", auth=JWT, auth_timeout_s=AUTH_TIMEOUT_S, **settings),
            MemoryBus(),
            now_us=lambda: int((NOW + self.loop.time() + self.clock_set_by_s) * 1_000_000),
        )
        self.issuer = Issuer()
        self.gateway.authenticator = self.issuer  # type: ignore[assignment] # has what is asked of it
        self.connection = FakeConnection()
        symbols = self.gateway.settings.symbols
        self.session = Session(symbols, Limits(0, 0), JSON, now_us=self.gateway.now_us, grant=grant)
        self.slot = Slot(None)
        self.sent: list[tuple[float, str]] = []
        """The time, and a message's type or an error's code."""
        self.messages: list[Any] = []
        obey = lambda data: self._apply(self.session.receive(data))  # noqa: E731 # short
        self.token_lifetime = TokenLifetime(self.gateway, self.session, self.connection, self.slot, self._apply, obey)
        self.token_lifetime.begin(grant)

    def say(self, **message: Any) -> None:
        """Carry out a message, as the client does."""
        data = json.dumps(message).encode()
        if not self.token_lifetime.holds(data):
            self._apply(self.session.receive(data))

    def authenticate(self, token: str = "token", **fields: Any) -> None:  # noqa: S107 # a name
        self.say(type="auth", token=token, **fields)

    @property
    def words(self) -> list[str]:
        return [word for _, word in self.sent]

    def _apply(self, outcome: Outcome) -> None:
        if outcome.wants is not None:
            self.session.wants = outcome.wants
        for reply in outcome.replies:
            self.messages.append(reply)
            self.sent.append((self.loop.time(), getattr(reply, "code", str(reply.__struct_config__.tag))))
        if outcome.close is not None:
            self.sent.append((self.loop.time(), outcome.close.name))
            self.connection.close(outcome.close)
        if outcome.auth is not None:
            self.token_lifetime.authenticate(outcome.auth)


def test_who_shows_no_token_in_time_is_closed_with_4409() -> None:
    """A client without a token is closed exactly in time, with an error before; other messages do not help."""

    async def main() -> None:
        client = RecordingClient()
        await asyncio.sleep(AUTH_TIMEOUT_S - 1)
        client.say(type="ping")
        assert ["unauthorised"] == client.words
        await asyncio.sleep(2)
        assert [(AUTH_TIMEOUT_S, "unauthorised"), (AUTH_TIMEOUT_S, "AUTH_TIMEOUT")] == client.sent[1:]

    run_virtual(main())


def test_a_token_in_the_first_message_opens_the_door() -> None:
    """The answer has subject and end of the token, and the timeout is over."""

    async def main() -> None:
        client = RecordingClient()
        client.authenticate(id=1)
        [answer] = client.messages
        assert ("alice", int((NOW + LIFE_S) * 1e6), 1) == (answer.subject, answer.expires_us, answer.id)
        assert "alice" == client.slot.subject
        client.say(type="subscribe", symbols=["BTC"])
        await asyncio.sleep(AUTH_TIMEOUT_S + 1)
        assert ["authenticated", "subscribed"] == client.words

    run_virtual(main())


def test_a_first_token_that_opens_nothing_ends_the_connection() -> None:
    """A first token that is not valid ends the connection with 4401, after an error with the reason."""

    async def main() -> None:
        client = RecordingClient()
        client.authenticate("forged")
        assert ["unauthorised", "UNAUTHORISED"] == client.words
        assert 1 == client.gateway.counters.tokens_refused.total()

    run_virtual(main())


def test_an_end_is_announced_and_then_comes() -> None:
    """`expiring` comes half a minute before the token's end, 4401 exactly at its end."""

    async def main() -> None:
        client = RecordingClient(alice())
        await asyncio.sleep(LIFE_S + 1)
        assert [(LIFE_S - NOTICE_S, "expiring"), (LIFE_S, "expired"), (LIFE_S, "EXPIRED")] == client.sent
        assert int((NOW + LIFE_S) * 1e6) == client.messages[0].expires_us

    run_virtual(main())


def test_a_short_life_is_announced_at_once() -> None:
    """A token with less than half a minute is announced as expiring at once."""

    async def main() -> None:
        client = RecordingClient(alice(expires_at=NOW + 10))
        await asyncio.sleep(11)
        assert [(0, "expiring"), (10, "expired"), (10, "EXPIRED")] == client.sent

    run_virtual(main())


def test_a_token_without_an_end_is_never_announced() -> None:
    """A token without an end is valid a day later, without a notice."""

    async def main() -> None:
        client = RecordingClient(Grant("alice"))
        await asyncio.sleep(86_400)
        assert [] == client.sent

    run_virtual(main())


@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_a_wall_clock_that_is_set_changes_nothing(step_s: int) -> None:
    """A wall clock set an hour forward ends no token, and one set back keeps none alive."""

    async def main() -> None:
        client = RecordingClient(alice())
        client.clock_set_by_s = step_s
        await asyncio.sleep(LIFE_S + 1)
        assert [(LIFE_S - NOTICE_S, "expiring"), (LIFE_S, "expired"), (LIFE_S, "EXPIRED")] == client.sent

    run_virtual(main())


def test_a_second_token_takes_the_place_of_the_first() -> None:
    """A second token replaces the first: the connection lasts until the second one's end."""

    async def main() -> None:
        client = RecordingClient(alice())
        client.issuer.grants["longer"] = alice(expires_at=NOW + 3 * LIFE_S)
        await asyncio.sleep(LIFE_S - 10)
        client.authenticate("longer")
        await asyncio.sleep(3 * LIFE_S)
        assert [
            (LIFE_S - NOTICE_S, "expiring"),
            (LIFE_S - 10, "authenticated"),
            (3 * LIFE_S - NOTICE_S, "expiring"),
            (3 * LIFE_S, "expired"),
            (3 * LIFE_S, "EXPIRED"),
        ] == client.sent

    run_virtual(main())


def test_a_bad_second_token_changes_nothing() -> None:
    """A bad second token is an error; the connection lasts until the first one's end."""

    async def main() -> None:
        client = RecordingClient(alice())
        client.authenticate("forged", id="x")
        assert (["unauthorised"], None) == (client.words, client.connection.closed_with)
        await asyncio.sleep(LIFE_S + 1)
        assert (LIFE_S, "EXPIRED") == client.sent[-1]

    run_virtual(main())


def test_a_second_token_of_somebody_else_ends_the_connection() -> None:
    """A second token of another subject ends the connection with 4403."""

    async def main() -> None:
        client = RecordingClient(alice())
        client.issuer.grants["bobs"] = Grant("bob")
        client.authenticate("bobs")
        assert ["forbidden", "FORBIDDEN"] == client.words

    run_virtual(main())


def test_a_refresh_is_not_counted_again() -> None:
    """A connection counts once for its subject, with any number of tokens."""

    async def main() -> None:
        client = RecordingClient(max_connections_per_subject=1)
        client.authenticate()
        client.authenticate()
        assert ["authenticated", "authenticated"] == client.words
        client.gateway.admission.leave(client.slot)
        assert 0 == len(client.gateway.admission._subjects)

    run_virtual(main())


def test_one_connection_too_many_of_a_subject_is_closed_with_4429() -> None:
    """One connection too many of a subject is closed with 4429, as the handshake would have been refused."""

    async def main() -> None:
        client = RecordingClient(max_connections_per_subject=1)
        assert client.gateway.admission.identify(Slot(None), alice())
        client.authenticate()
        assert ["too_many_connections", "TOO_MANY_CONNECTIONS"] == client.words
        assert "" == client.slot.subject

    run_virtual(main())


def test_what_comes_while_a_token_is_looked_at_waits_and_keeps_its_order() -> None:
    """Messages during the check of a token wait and keep their order; their answers come after the token's."""

    async def main() -> None:
        client = RecordingClient()
        client.issuer.known = False
        client.authenticate()
        client.say(type="subscribe", symbols=["BTC"], id=1)
        client.say(type="subscribe", symbols=["ETH"], id=2)
        client.say(type="list", id=3)
        await asyncio.sleep(1)
        assert [] == client.sent
        client.issuer.answer.set_result(None)
        await asyncio.sleep(1)
        assert ["authenticated", "subscribed", "subscribed", "subscriptions"] == client.words
        assert [1, 2, 3] == [message.id for message in client.messages[1:]]
        client.say(type="ping")
        assert "pong" == client.words[-1]

    run_virtual(main())


def test_what_waited_for_a_token_is_heard_in_turns() -> None:
    """Waiting messages are handled in turns of the usual size; later messages wait behind them."""

    async def main() -> None:
        client = RecordingClient()
        watch = Stopwatch()
        client.gateway.read_scheduler = ReadScheduler(watch)
        obey = client.token_lifetime._obey
        assert obey is not None

        def obey_slowly(data: bytes) -> None:
            watch.now += TURN_S / 4
            obey(data)

        client.token_lifetime._obey = obey_slowly
        client.issuer.known = False
        client.authenticate()
        for number in range(10):
            client.say(type="ping", id=number)
        client.issuer.answer.set_result(None)
        most = 0
        while "pong" not in client.words or len(client.gateway.read_scheduler):
            before = len(client.sent)
            await asyncio.sleep(0)
            most = max(most, len(client.sent) - before)
            if not before and client.sent:
                client.say(type="ping", id=10)
        assert list(range(11)) == [message.id for message in client.messages[1:]]
        assert most <= 5
        client.say(type="ping", id=11)
        assert 11 == client.messages[-1].id

    run_virtual(main())


def test_a_second_token_among_what_waits_is_looked_at_in_its_turn() -> None:
    """A second token among waiting messages is checked in turn, and later ones wait again."""

    async def main() -> None:
        client = RecordingClient()
        client.issuer.known = False
        client.issuer.grants["other"] = alice(symbols=frozenset({"ETHUSDT"}))
        client.authenticate(id=1)
        client.say(type="subscribe", symbols=["BTC"], id=2)
        client.authenticate("other", id=3)
        client.say(type="list", id=4)
        client.issuer.answer.set_result(None)
        await asyncio.sleep(1)
        assert ["authenticated", "subscribed", "authenticated", "unsubscribed", "subscriptions"] == client.words
        assert [] == client.messages[-1].symbols

    run_virtual(main())


@pytest.mark.parametrize(
    ("count", "size"), [(MOST_HELD + 1, 10), (3, MOST_HELD_BYTES // 2)], ids=["too many", "too large"]
)
def test_not_everything_waits(count: int, size: int) -> None:
    """A flood of waiting messages, in number or bytes, closes the connection."""

    async def main() -> None:
        client = RecordingClient()
        client.issuer.known = False
        client.authenticate()
        message = b"x" * size
        for _ in range(count - 1):
            assert client.token_lifetime.holds(message)
        assert client.connection.closed_with is None
        assert client.token_lifetime.holds(message)
        assert CloseReason.TOO_MANY_MESSAGES is client.connection.closed_with

    run_virtual(main())


def test_a_token_that_came_in_time_may_take_long_to_be_looked_at() -> None:
    """A token that came in time may be checked late without a close."""

    async def main() -> None:
        client = RecordingClient()
        client.issuer.known = False
        await asyncio.sleep(AUTH_TIMEOUT_S - 1)
        client.authenticate()
        await asyncio.sleep(AUTH_TIMEOUT_S)
        assert [] == client.sent
        client.issuer.answer.set_result(None)
        await asyncio.sleep(1)
        assert ["authenticated"] == client.words

    run_virtual(main())


def test_a_refresh_that_takes_long_does_not_put_off_the_end() -> None:
    """A second token that is still being checked does not delay the first one's end."""

    async def main() -> None:
        client = RecordingClient(alice())
        client.issuer.known = False
        await asyncio.sleep(LIFE_S - 1)
        client.authenticate()
        await asyncio.sleep(2)
        assert CloseReason.EXPIRED is client.connection.closed_with
        before = client.sent
        client.issuer.answer.set_result(None)
        await asyncio.sleep(1)
        assert before == client.sent

    run_virtual(main())


@pytest.mark.parametrize("grant", [None, alice()], ids=["the first", "a refresh"])
def test_a_token_that_cannot_be_checked_is_asked_for_later(grant: Grant | None) -> None:
    """A token that cannot be checked closes a new client with 1013; an authenticated one stays and is answered."""

    async def main() -> None:
        client = RecordingClient(grant)
        client.issuer.known = False
        client.issuer.answer.set_exception(TryLaterError("the issuer's keys cannot be fetched now", 5))
        client.authenticate(id=7)
        client.say(type="ping")
        await asyncio.sleep(1)
        assert 7 == client.messages[0].id
        if grant is None:
            assert ["try_later", "TRY_LATER"] == client.words
        else:
            assert ["try_later", "pong"] == client.words

    run_virtual(main())


def test_who_goes_while_its_token_is_looked_at_is_counted_nowhere() -> None:
    """A client that goes during a check counts nowhere and leaves no timer."""

    async def main() -> None:
        client = RecordingClient()
        client.issuer.known = False
        client.authenticate()
        client.say(type="ping")
        client.token_lifetime.end()
        client.issuer.answer.set_result(None)
        await asyncio.sleep(LIFE_S + 1)
        assert ([], "") == (client.sent, client.slot.subject)
        assert 0 == len(client.gateway.admission._subjects)

    run_virtual(main())


def test_who_goes_is_told_nothing_any_more() -> None:
    """A client that has gone gets no notice and no end."""

    async def main() -> None:
        client = RecordingClient(alice())
        client.token_lifetime.end()
        client.token_lifetime.authenticate(Auth(token="token"))  # noqa: S106 # a name
        await asyncio.sleep(LIFE_S + 1)
        assert [] == client.sent

    run_virtual(main())
