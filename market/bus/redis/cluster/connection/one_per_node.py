"""One of a kind for each node: made when it is first asked for, and again when it is gone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from market.bus.redis.cluster.connection.url import Address


class Mortal(Protocol):
    """What may end by itself."""

    @property
    def alive(self) -> bool:
        """Whether it can still be used."""

    def close(self, reason: str = "closed") -> None:
        """End it."""


T = TypeVar("T", bound=Mortal)


class OnePerNode(Generic[T]):
    """Connections, at most one to each node. Callers that ask at the same time share it."""

    def __init__(self, make: Callable[[Address], Awaitable[T]]) -> None:
        """``make`` connects to a node; it raises what `get` then raises."""
        self._make = make
        self._made: dict[Address, T] = {}
        self._making: dict[Address, asyncio.Task[T]] = {}
        self._closed = False

    def alive(self) -> list[T]:
        """All that can be used."""
        return [one for one in self._made.values() if one.alive]

    def present(self, address: Address | None) -> T | None:
        """The one for a node, if there is one that can be used."""
        one = self._made.get(address) if address is not None else None
        return one if one is not None and one.alive else None

    async def get(self, address: Address) -> T:
        """The one for a node.

        Raises:
            ConnectionError: they have been closed. A new one would have nobody to end it.
        """
        if self._closed:
            raise ConnectionError("closed")
        if (one := self.present(address)) is not None:
            return one
        making = self._making.get(address)
        if making is None:
            self._making[address] = making = asyncio.create_task(self._add(address))
            making.add_done_callback(_seen)
        # A caller that gives up takes the connection from nobody else.
        return await asyncio.shield(making)

    def drop(self, address: Address, reason: str) -> None:
        """End the one for a node, if there is one."""
        if (one := self._made.pop(address, None)) is not None:
            one.close(reason)

    def keep(self, addresses: frozenset[Address]) -> None:
        """End those for all other nodes."""
        for address in self._made.keys() - addresses:
            self.drop(address, "no longer needed")

    def close(self) -> None:
        """End all, also those that are being made. There will be no others."""
        self._closed = True
        for task in self._making.values():
            task.cancel()
        for address in tuple(self._made):
            self.drop(address, "closed")

    async def aclose(self) -> None:
        """Do the same, and wait until those that are being made have ended."""
        making = tuple(self._making.values())
        self.close()
        if making:
            await asyncio.wait(making)

    async def _add(self, address: Address) -> T:
        try:
            one = await self._make(address)
        finally:
            del self._making[address]
        if self._closed:
            # The cancellation got lost, as it may (`market.process.tasks`).
            one.close()
            raise ConnectionError("closed")
        self._made[address] = one
        return one


def _seen(task: asyncio.Task[T]) -> None:
    """Take the error of ``task``: perhaps nobody waits for it any more."""
    if not task.cancelled():
        task.exception()
