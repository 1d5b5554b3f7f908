"""A session: whatever a message says, there is an answer, and it can be sent."""

import random

from msgspec import Struct

from gateway.admission.limits.buckets import Limits
from gateway.auth.grant import ANONYMOUS
from gateway.client.session import Session
from gateway.fanout.slow.backlog import topics_of
from gateway.protocol.encoding import Encoding
from gateway.protocol.json_encoding import JSON
from gateway.protocol.messages import Error
from gateway.protocol.msgpack_encoding import MSGPACK
from market.prices.symbols import parse_symbols
from tests.fuzz.commands import SYMBOLS, command
from tests.fuzz.damage import damaged

_LIMITS = Limits(max_symbols=2, max_errors=0)
_LONGEST_REPLY_BYTES = 16 * 1024
_MOST_TOKENS = 70


class Said(Struct, frozen=True):
    """One message of a client."""

    encoding: Encoding
    message: bytes
    fresh: bool
    """Whether it is the first one of another client."""
    known: bool
    """Whether that one has shown a token, or needs none."""


class Talking:
    """The target."""

    name = "session"

    def __init__(self) -> None:
        self._symbols = parse_symbols(",".join(SYMBOLS))
        self._sessions: dict[Encoding, Session] = {}

    def make(self, rng: random.Random) -> Said:
        """See `tests.fuzz.campaign.Target.make`."""
        encoding = rng.choice((JSON, MSGPACK))
        # Now and then what is said in the other encoding.
        message = command(rng, encoding if rng.random() < 0.95 else rng.choice((JSON, MSGPACK)))
        if rng.random() < 0.1:
            message = damaged(rng, rng.randbytes(rng.choice((0, 1, 10, 100))))
        return Said(encoding, message, rng.random() < 0.1, rng.random() < 0.8)

    def take(self, stimulus: Said) -> str:
        """See `tests.fuzz.campaign.Target.take`."""
        encoding = stimulus.encoding
        session = self._sessions.get(encoding)
        if session is None or stimulus.fresh:
            grant = ANONYMOUS if stimulus.known else None
            session = self._sessions[encoding] = Session(
                self._symbols, _LIMITS, encoding, now_us=lambda: 0, grant=grant
            )
        said = session.read(stimulus.message)
        assert 0 <= session.cost(said) <= _MOST_TOKENS, "dearer than any message can be"
        outcome = session.obey(said)
        if outcome.wants is not None:
            session.wants = outcome.wants
            topics = topics_of(outcome.wants)
            assert len(topics) <= _LIMITS.max_symbols, "more symbols than allowed"
            assert all(symbol in SYMBOLS for symbol in topics), "a symbol that is none"
        assert outcome.close is None, "closed, though errors have no limit here"
        assert outcome.replies or outcome.auth, "no answer"
        sent = b"".join(encoding.message_frame(reply) for reply in outcome.replies)
        assert len(sent) <= _LONGEST_REPLY_BYTES, "an answer much longer than what it answers"
        errors = [reply.code for reply in outcome.replies if isinstance(reply, Error)]
        return errors[-1] if errors else "taken"
