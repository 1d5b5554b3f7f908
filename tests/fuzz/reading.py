"""The frame parser: any bytes are read the same however they are cut, and as another library reads them."""

import random
import re
from typing import Any

from msgspec import Struct

from tests.client_frames import TEXT
from tests.fuzz.damage import in_pieces
from tests.fuzz.streams import costly, stream
from tests.second_opinion import disagreement, read, read_by_websockets

LIMIT_BYTES = 4000
UNREACHED_BYTES = 64 * 2**20
"""The other library counts what a part inflates to; compressed streams are compared below any limit."""


class Pieces(Struct, frozen=True):
    """A stream, how it is cut, and how it is read."""

    pieces: list[bytes]
    deflate: bool
    compared: bool
    """Whether the other library, many times as slow, is asked too."""
    window_bytes: int = 0
    """How far back compressed messages may refer to those before them."""


class Reading:
    """The target."""

    name = "reader"

    def make(self, rng: random.Random) -> Pieces:
        """See `tests.fuzz.campaign.Target.make`."""
        if rng.random() < 0.01:
            # Of a message that goes on behind a last block the other library takes only what stands before.
            return Pieces(in_pieces(rng, costly(rng)), True, False, rng.choice((0, 512, 32 * 1024)))
        return Pieces(in_pieces(rng, stream(rng)), rng.random() < 0.5, rng.random() < 0.2)

    def take(self, stimulus: Pieces) -> str:
        """See `tests.fuzz.campaign.Target.take`."""
        whole, deflate = b"".join(stimulus.pieces), stimulus.deflate
        rules: dict[str, Any] = {"limit": LIMIT_BYTES, "deflate": deflate, "window_bytes": stimulus.window_bytes}
        reading = read(whole, **rules)
        assert reading == read(*stimulus.pieces, **rules), "the cut makes a difference"
        events, violation = reading
        for opcode, payload in events:
            assert len(payload) <= LIMIT_BYTES, "longer than allowed"
            if opcode == TEXT:
                payload.decode()
        if stimulus.compared:
            limit = UNREACHED_BYTES if deflate else LIMIT_BYTES
            ours = read(whole, limit=limit, deflate=deflate)
            differs = disagreement(ours, read_by_websockets(whole, limit=limit, deflate=deflate))
            assert not differs, differs
        if violation is None:
            return "taken"
        assert len(violation.reason.encode()) <= 123, "the reason does not fit"
        # Without the section of the standard, and the number of the opcode.
        return f"{int(violation.code)} {re.split('[:(]', violation.reason)[0].strip()}"
