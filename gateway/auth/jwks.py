"""An issuer's keys, kept fresh without hurting the issuer.

They are fetched at the start and every ten minutes, so that a revoked key vanishes. A token with an unknown ``kid``
causes a fetch of its own. Anyone can make such tokens, so there is one fetch at a time, and a cool-down after it. A
fetch that fails leaves the keys as they are.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from gateway.auth.download import DownloadError
from gateway.auth.grant import RefusedError, TryLaterError
from gateway.auth.keys import ALGORITHMS, PUBLIC_FAMILIES, Family, Key
from gateway.auth.keyset import KeySet, KeySetError, read_key_set
from gateway.log_events import ISSUER_KEYS, ISSUER_KEYS_NOT_FETCHED, ISSUER_KEYS_NOT_READ
from market.process.tasks import end

logger = logging.getLogger(__name__)

_MAX_ABSENT: Final = 1000


class Policy(Struct, frozen=True):
    """When keys are fetched, in seconds."""

    refresh_s: float = 600
    """The keys are fetched again after so long. Then a revoked key is no longer accepted."""
    cooldown_s: float = 30
    """For so long after a fetch an unknown ``kid`` causes no other."""
    retry_s: float = 5
    """The same after a fetch that failed."""


USUAL_POLICY: Final = Policy()


class Jwks:
    """The keys of one issuer. Started, used and closed in one event loop."""

    def __init__(
        self,
        download: Callable[[], Awaitable[bytes]],
        family: Family | None,
        rng: random.Random,
        policy: Policy = USUAL_POLICY,
    ) -> None:
        """``download`` gets the key set, or raises `DownloadError`. ``rng`` spreads the requests of many gateways.

        Without ``family``, the keys decide it: see `gateway.auth.keyset.read_key_set`.
        """
        self._download = download
        self._family = family
        self._rng = rng
        self._policy = policy
        self._set = KeySet()
        self._failing = False
        self._cool_at = 0.0
        # Names that the last fetch did not bring: these keys certainly do not exist.
        self._absent: set[str | None] = set()
        self._fetching: asyncio.Task[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms of the known keys, and of those that may still be published."""
        families = PUBLIC_FAMILIES if self._family is None else (self._family,)
        return tuple(name for family in families for name in ALGORITHMS[family])

    def start(self) -> None:
        """Fetch the keys now, and then regularly."""
        self._fetch_now()

    def refresh(self) -> None:
        """Fetch the keys again now, and then regularly."""
        self._fetch_now()

    async def aclose(self) -> None:
        """Stop fetching."""
        if self._fetching is not None:
            await end(self._fetching)
        if self._timer is not None:
            self._timer.cancel()

    def find(self, kid: str | None) -> Key | None:
        """The key named ``kid``, or the only key if ``kid`` is None. None if a fetch might bring it.

        Raises:
            RefusedError: there is no name, but several keys.
        """
        keys = self._set.keys
        if kid is not None:
            return keys.get(kid)
        if len(keys) > 1:
            raise RefusedError("unknown_key", "the token does not say which key signed it (`kid`)")
        return next(iter(keys.values()), None)

    async def fetch(self, kid: str | None) -> Key:
        """Fetch the key that `find` did not find.

        Raises:
            RefusedError: a fetch has shown that the issuer does not publish it.
            TryLaterError: the issuer cannot be asked now.
        """
        wait_s = self._cool_at - asyncio.get_running_loop().time()
        if wait_s > 0:
            if kid not in self._absent:
                raise TryLaterError("the key that signed the token is not known yet", wait_s)
        else:
            fetching = self._fetch_now()
            # A waiting client may be cancelled, the fetch may not: else strangers that hang up could keep it from ever
            # ending.
            await asyncio.wait((fetching,))
            key = self.find(kid)
            if key is not None:
                return key
            if fetching.cancelled() or not fetching.result():
                raise TryLaterError("the issuer's keys cannot be fetched now", self._policy.retry_s)
            if len(self._absent) < _MAX_ABSENT:
                self._absent.add(kid)
        raise RefusedError("unknown_key", "the token is signed with a key that the issuer does not publish")

    def _fetch_now(self) -> asyncio.Task[bool]:
        if self._fetching is None:
            if self._timer is not None:
                self._timer.cancel()
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        return self._fetching

    async def _fetch(self) -> bool:
        """Fetch the keys; return whether it succeeded."""
        policy, loop = self._policy, asyncio.get_running_loop()
        fetched = await self._replace()
        self._failing = not fetched
        self._cool_at = loop.time() + (policy.cooldown_s if fetched else policy.retry_s)
        again_s = policy.refresh_s if fetched else policy.cooldown_s
        self._timer = loop.call_later(again_s * self._rng.uniform(0.9, 1), self._fetch_now)
        self._fetching = None
        return fetched

    async def _replace(self) -> bool:
        old = self._set
        try:
            new = read_key_set(await self._download(), self._family, old.family)
        except (DownloadError, KeySetError) as error:
            # Logged once, not at each try.
            level = logging.DEBUG if self._failing else logging.WARNING
            logger.log(level, ISSUER_KEYS_NOT_FETCHED, error)
            return False
        except Exception:
            # Our own error must not end the fetching: it would be as if the issuer were gone for ever.
            level = logging.DEBUG if self._failing else logging.ERROR
            logger.log(level, ISSUER_KEYS_NOT_READ, exc_info=True)
            return False
        if self._failing or new.keys.keys() != old.keys.keys() or not new.keys:
            level = logging.INFO if new.keys else logging.WARNING
            logger.log(level, ISSUER_KEYS, len(new.keys), new.skipped)
        self._set = new
        self._absent.clear()
        return True
