"""The same stream for programs without asyncio: it runs in a thread of its own.

The thread reads whatever the program does meanwhile, so a program that is slow finds the newest prices.
"""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import CancelledError as FutureCancelledError
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tickgate_client.errors import ClosedError
from tickgate_client.events import Event, State, Stats
from tickgate_client.protocol.subscriptions import TICKER
from tickgate_client.stream import Stream
from tickgate_client.tick import Tick

T = TypeVar("T")

_CLOSE_S: Final = 5.0


class SyncStream:
    """Prices of a gateway; ``for tick in stream`` gives them. See `Stream`, whose arguments and methods it has.

    Ctrl-C ends a wait at once. One thread iterates; others may read ``states`` and ``ticks``.
    """

    def __init__(self, url: str, **options: Any) -> None:
        """The arguments of `Stream`."""
        self._stream = Stream(url, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tickgate-client", daemon=True)
        self.url = url
        self.states: Mapping[str, State] = self._stream.states
        self.ticks: Mapping[str, Tick] = self._stream.ticks
        self.stats: Mapping[str, Stats] = self._stream.stats

    def __enter__(self) -> Self:
        """Connect; see `Stream.__aenter__`."""
        self._thread.start()
        try:
            self._call(self._stream.__aenter__())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self.close()

    @property
    def connected(self) -> bool:
        """See `Stream.connected`."""
        return self._stream.connected

    @property
    def conflated(self) -> int:
        """See `Stream.conflated`."""
        return self._stream.conflated

    @property
    def clock_offset_s(self) -> float | None:
        """See `Stream.clock_offset_s`."""
        return self._stream.clock_offset_s

    @property
    def clock_error_s(self) -> float | None:
        """See `Stream.clock_error_s`."""
        return self._stream.clock_error_s

    def age_s(self, tick: Tick) -> float:
        """See `Stream.age_s`."""
        return self._stream.age_s(tick)

    def subscribe(
        self, *symbols: str, max_hz: float | None = None, conflate: bool = True, channel: str = TICKER
    ) -> list[str]:
        """See `Stream.subscribe`."""
        return self._call(self._stream.subscribe(*symbols, max_hz=max_hz, conflate=conflate, channel=channel))

    def unsubscribe(self, *symbols: str, channel: str = TICKER) -> list[str]:
        """See `Stream.unsubscribe`."""
        return self._call(self._stream.unsubscribe(*symbols, channel=channel))

    def symbols(self) -> list[dict[str, Any]]:
        """See `Stream.symbols`."""
        return self._call(self._stream.symbols())

    def take(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None if none came in time, or the stream is closed.

        Raises:
            RefusedError: the gateway will not serve us any more.
        """
        core = self._stream._core
        while (event := core.inbox.take()) is None:
            if core.ended is not None:
                if isinstance(core.ended, ClosedError):
                    return None
                raise core.ended
            arrived = threading.Event()
            core.inbox.on_arrival = arrived.set
            # What came before it was set has called nobody.
            if not len(core.inbox) and core.ended is None and not arrived.wait(timeout_s):
                core.inbox.on_arrival = None
                return None
        return event

    def events(self) -> Iterator[Event]:
        """See `Stream.events`."""
        while (event := self.take()) is not None:
            yield event

    def __iter__(self) -> Iterator[Tick]:
        """See `Stream.__aiter__`."""
        return (event for event in self.events() if isinstance(event, Tick))

    def close(self) -> None:
        """Disconnect, and end the thread."""
        if not self._thread.is_alive():
            return
        try:
            self._call(self._stream.close(), _CLOSE_S)
        except (TimeoutError, ClosedError):
            pass
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        if not self._thread.is_alive():
            coroutine.close()
            raise ClosedError("the stream is closed")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result(timeout_s)
        except FutureCancelledError:
            raise ClosedError("the stream is closed") from None
        except BaseException:
            future.cancel()
            raise


connect_sync = SyncStream
"""A stream of the gateway at a URL: ``with connect_sync("ws://127.0.0.1:8080/ws") as stream``."""
