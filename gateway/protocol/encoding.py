"""How messages are written on the wire: one object per encoding. No other code knows more of an encoding.

`gateway.protocol.encodings` has those that clients can choose.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from gateway.protocol.channels import TICKER, Channel
from gateway.protocol.forms import Form, FramedTick, StatusForm, forms_of_tick, of_status
from gateway.protocol.messages import Message, Status
from gateway.websocket.framing.deflate import LEAST_BYTES, compress
from gateway.websocket.framing.frames import RSV1, TEXT, frame

Join = Callable[[Collection[bytes]], bytes]
"""Joins many ticks, each in the form of `Encoding.form`, into one blob."""

News = Callable[[Any], object]
"""What of an update a client can see; None if that is nothing."""

_JOINED: Final[Join] = b"".join
"""One object for all cohorts: each look at the method would make another."""


class Decoder(Protocol):
    """Reads the messages of clients."""

    format: str
    """What they are written in, as clients know it."""

    def decode(self, data: bytes, /) -> Any:
        """Read one message. Bad input gives an answer, never an exception."""


class Encoding:
    """One way to write and read messages. An encoding equals only itself."""

    __slots__ = (
        "_batch_payload", "_channels", "_encode", "_status_blob", "_statuses", "_wrap", "channel", "decimal", "decode",
        "every", "news", "opcode", "partial", "pings", "positions", "snapshot_frame", "status_frame",
        "subprotocol", "tells_states", "tick_body", "tick_frame", "wrong_frame",
    )  # fmt: skip

    def __init__(
        self,
        *,
        subprotocol: str,
        opcode: int,
        decoder: Decoder,
        encode: Callable[[Message], bytes],
        tick_body: Callable[[Any], bytes],
        tick_frame: Callable[[bytes], bytes],
        snapshot_frame: Callable[[bytes], bytes],
        batch_payload: Callable[[Collection[bytes]], bytes],
        channel: Channel = TICKER,
        others: "Collection[Encoding]" = (),
        wrap: Callable[[bytes], bytes] | None = None,
        pings: bool = True,
        tells_states: bool = True,
        news: News | None = None,
    ) -> None:
        """``tick_body`` writes a tick without a ``type``, and ``batch_payload`` a ``ticks`` message of such bodies.

        ``tick_frame`` and ``snapshot_frame`` make whole frames of one such body. These are updates of ``channel``; the
        same encoding of updates of other channels is among ``others``. ``wrap`` makes a frame of any other message; by
        default one of a WebSocket.
        """
        self.channel: Channel = channel
        """The channel whose updates it writes."""
        self._channels = {its.channel: its for its in (self, *others)}
        self.subprotocol = subprotocol
        """What a client asks for in ``Sec-WebSocket-Protocol``."""
        self.opcode = opcode
        """The opcode of its frames, in both directions."""
        self.decode = decoder.decode
        """Read one message of a client."""
        self.wrong_frame = (
            f"binary frame where text is due; send {decoder.format} text"
            if opcode == TEXT
            else f"text frame where binary is due; send {decoder.format}"
        )
        """What is answered to a message in a frame of the other opcode."""
        body, tick, snapshot = forms_of_tick(tick_body, tick_frame, snapshot_frame)
        self.tick_body: Form = body
        """The tick alone, for a batch."""
        self.tick_frame: Form = tick
        """A whole ``tick`` frame."""
        self.snapshot_frame: Form = snapshot
        """A whole ``snapshot`` frame."""
        self.status_frame: StatusForm = of_status(self.message_frame)
        """A whole ``symbol_status`` frame."""
        self._statuses: Sequence[Status] = ()
        self._status_blob = b""
        self.news = news
        """What it says of an update, None for nothing; one that says the same as the last one is not sent. Without it,
        every update is news."""
        self._encode = encode
        self._batch_payload = batch_payload
        self._wrap = wrap or partial(frame, opcode)
        self.pings = pings
        """Whether pings may go between its frames, and are answered."""
        self.tells_states = tells_states
        """Whether it has words for prices that are not current. Else such prices are not sent, and the client is closed
        if they stay so."""
        self.positions: Callable[[Mapping[str, int]], bytes] | None = None
        """How the position of a connection that gets every tick is noted behind each flush: topic → seq of the last
        tick. None notes nothing."""
        self.decimal = self.every = self.partial = self
        """The same encoding: with decimal strings for numbers; for every tick, with `positions`; for a connection that
        has not been sent yet all that it missed, without them."""

    def __repr__(self) -> str:
        """Show the name that clients use."""
        return f"<Encoding {self.subprotocol}>"

    def of(self, channel: Channel) -> "Encoding | None":
        """The same encoding, with the forms of updates of ``channel``; None if it has none."""
        return self._channels.get(channel)

    def message_frame(self, message: Message) -> bytes:
        """The frame of any message that is not a tick or a snapshot."""
        return self._wrap(self._encode(message))

    def venue_status_frames(self, statuses: Sequence[Status]) -> bytes:
        """A frame for the status of each venue. Each client is sent them first, so they are made once per change."""
        if statuses != self._statuses:
            self._statuses, self._status_blob = statuses, b"".join(map(self.message_frame, statuses))
        return self._status_blob

    def snapshot_frames(self, ticks: Iterable[FramedTick]) -> bytes:
        """A ``snapshot`` frame for each tick."""
        return b"".join(map(self.snapshot_frame, ticks))

    def form(self, *, batch: bool) -> Form:
        """The form of a tick that `joiner` takes."""
        return self.tick_body if batch else self.tick_frame

    def joiner(self, *, batch: bool, deflate: bool = False) -> Join:
        """How a flush becomes bytes: a frame per tick, or one ``ticks`` frame for all, compressed if wanted."""
        if not batch:
            return _JOINED
        return self._compressed_batch if deflate else self._batch

    def _batch(self, bodies: Collection[bytes]) -> bytes:
        return self._wrap(self._batch_payload(bodies))

    def _compressed_batch(self, bodies: Collection[bytes]) -> bytes:
        payload = self._batch_payload(bodies)
        if len(payload) < LEAST_BYTES:
            return self._wrap(payload)
        return frame(RSV1 | self.opcode, compress(payload))
