"""Which node has which slot: asked of the nodes themselves, and corrected by each `MOVED`.

A node that is cut off from the others still answers, as it knew the cluster before. So several are asked, and the
answer of the highest epoch counts.
"""

import asyncio
import logging
import random
from collections.abc import Iterable
from typing import Final

from redis.exceptions import RedisError

from market.bus.redis.cluster.connection.nodes import Nodes
from market.bus.redis.cluster.connection.slots import NO_SLOTS, SlotMap, read_slots
from market.bus.redis.cluster.connection.url import Address
from market.bus.redis.connection.commands import command
from market.process.events import CLUSTER_NODE_SILENT

logger = logging.getLogger(__name__)

_ASKED: Final = 3
"""Nodes asked at once; all are asked if none of these answers."""
_ANSWER_S: Final = 1.0
"""For the first answer."""
_FURTHER_S: Final = 0.05
"""For the others, after the first."""
_EVERY_S: Final = 0.1
"""Between two rounds, at least."""
_SLOTS: Final = command(b"CLUSTER", b"SLOTS")
_INFO: Final = command(b"CLUSTER", b"INFO")
_EPOCH: Final = b"cluster_current_epoch:"


class Topology:
    """Finds the node of a slot."""

    def __init__(self, nodes: Nodes, seeds: Iterable[Address], rng: random.Random) -> None:
        """Know nothing yet but ``seeds``, some nodes' addresses."""
        self._nodes = nodes
        self._seeds = tuple(seeds)
        self._rng = rng
        self._slots: SlotMap = NO_SLOTS
        self._moved: dict[int, tuple[Address, int]] = {}
        """Slot → where it is by the word of its earlier node, and the epoch of the slots that this corrects."""
        self._round: asyncio.Task[None] | None = None
        self._next_at = 0.0
        self.trouble = ""
        """Why the last round brought nothing; empty if it did."""

    @property
    def has_answered(self) -> bool:
        """Whether any node has ever said who has which slot."""
        return bool(self._slots.nodes)

    def owner(self, slot: int) -> Address | None:
        """The node that has ``slot``, as far as is known."""
        if slot in self._moved:
            address, epoch = self._moved[slot]
            if self._slots.epoch <= epoch:
                return address
            del self._moved[slot]
        return self._slots.owner(slot)

    def moved(self, slot: int, address: Address) -> None:
        """The node that was asked for ``slot`` says that it is at ``address`` now."""
        self._moved[slot] = address, self._slots.epoch

    async def refresh(self, suspect: Address | None = None) -> None:
        """Ask the nodes who has which slot, ``suspect`` only if no other answers. Callers share one round."""
        await asyncio.shield(self.refresh_soon(suspect))

    def refresh_soon(self, suspect: Address | None = None) -> asyncio.Task[None]:
        """Do the same without waiting for the answers."""
        if self._round is None:
            self._round = asyncio.create_task(self._ask_round(suspect))
        return self._round

    async def aclose(self) -> None:
        """End a round under way."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.wait((self._round,))

    async def _ask_round(self, suspect: Address | None) -> None:
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(self._next_at - loop.time())
            known = list(self._slots.nodes or self._seeds)
            self._rng.shuffle(known)
            known.sort(key=lambda address: address == suspect)
            found = await self._ask(known[:_ASKED])
            if not found:
                found = await self._ask(dict.fromkeys((*known[_ASKED:], *self._seeds)))
            if found:
                self._slots = max(found, key=lambda its: its.epoch)
                self._nodes.pipes.keep(self._slots.nodes | frozenset(self._seeds))
                self.trouble = ""
            elif not self.trouble:
                self.trouble = "no node of the cluster answered in time"
        finally:
            self._round = None
            self._next_at = loop.time() + _EVERY_S

    async def _ask(self, addresses: Iterable[Address]) -> list[SlotMap]:
        """What nodes answer before the others become tedious."""
        tasks = {asyncio.create_task(self._ask_one(address)) for address in addresses}
        if not tasks:
            return []
        found: list[SlotMap] = []
        try:
            deadline = asyncio.get_running_loop().time() + _ANSWER_S
            while tasks and (left_s := deadline - asyncio.get_running_loop().time()) > 0:
                done, tasks = await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                answers = [answer for task in done if (answer := task.result()) is not None]
                if answers and not found:
                    deadline = asyncio.get_running_loop().time() + _FURTHER_S
                found += answers
        finally:
            for task in tasks:
                task.cancel()
        return found

    async def _ask_one(self, address: Address) -> SlotMap | None:
        try:
            pipe = await self._nodes.pipes.get(address)
            info, answer = await asyncio.gather(pipe.execute(_INFO), pipe.execute(_SLOTS))
            epochs = [int(line[len(_EPOCH) :]) for line in info.split() if line.startswith(_EPOCH)]
            slots = read_slots(answer, epochs[0] if epochs else 0, address)
        except (RedisError, OSError, ValueError, AttributeError) as error:
            self.trouble = str(error) or type(error).__name__
            logger.debug(CLUSTER_NODE_SILENT, address, error)
            return None
        if not slots.nodes:
            self.trouble = f"{address} knows no cluster with slots; CLUSTER MEET and CLUSTER ADDSLOTSRANGE make one"
            return None
        return slots
