"""Authentication: a JSON Web Token (RFC 7519) becomes a grant, or is refused.

The form of a token is checked first, then its signature, then its claims. No error and no log line repeats any part of
it.
"""

import functools
import logging
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from gateway.auth.compact import Compact, read_compact
from gateway.auth.download import UrlError, check_url, download
from gateway.auth.grant import Grant, RefusedError, Rules, read_grant
from gateway.auth.jwks import Jwks
from gateway.auth.keys import Family, Key, KeyMaterialError, from_pem, from_secret
from gateway.auth.revocations import Revocations
from gateway.auth.settings import AuthSettings
from gateway.log_events import AUDIENCE_NOT_SET
from market.settings.environ import SettingError, shown

logger = logging.getLogger(__name__)

_MAX_PEM_BYTES: Final = 65_536


class Keys(Protocol):
    """Where an issuer's keys come from."""

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms of all keys together."""

    def start(self) -> None:
        """Begin to keep the keys fresh."""

    async def aclose(self) -> None:
        """Stop that."""

    def refresh(self) -> None:
        """Fetch the keys again, if there is an issuer to ask."""

    def find(self, kid: str | None) -> Key | None:
        """See `Jwks.find`."""

    async def fetch(self, kid: str | None) -> Key:
        """See `Jwks.fetch`."""


class _OneKey:
    """The key of the settings. It checks any token, whatever ``kid`` it names."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self.algorithms = key.algorithms

    def start(self) -> None:
        pass

    async def aclose(self) -> None:
        pass

    def refresh(self) -> None:
        pass

    def is_same(self, other: Keys) -> bool:
        return isinstance(other, _OneKey) and self._key.is_same(other._key)

    def find(self, _kid: str | None) -> Key:
        return self._key

    async def fetch(self, _kid: str | None) -> Key:
        return self._key


class Authenticator:
    """Checks tokens with the keys of one issuer."""

    def __init__(
        self,
        settings: AuthSettings,
        *,
        now_s: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """``now_s`` is the wall clock (Unix seconds). A key file is read now; nothing is fetched before `start`.

        Raises:
            SettingError: there is no key, there are several, or it cannot be used.
        """
        self._rng = rng or random.Random()  # noqa: S311 - spreads requests, makes no secret
        self._settings = settings
        self._keys = _open_keys(settings, self._rng)
        self._rules = Rules(settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway_s)
        self._now_s = now_s
        self.revocations = Revocations()
        if not settings.jwt_secret and not settings.jwt_audience:
            logger.warning(AUDIENCE_NOT_SET)

    def start(self) -> None:
        """Begin to keep the keys fresh. Needs a running event loop."""
        self._keys.start()

    async def aclose(self) -> None:
        """Stop what `start` began."""
        await self._keys.aclose()

    def change(self, settings: AuthSettings) -> "Keys | None":
        """Check tokens by other ``settings`` from now on. A key file is read again, and an issuer asked again.

        Returns the former keys, for the caller to close; None if the keys are the same.

        Raises:
            SettingError: as in `__init__`; then nothing has changed.
        """
        before, keys = self._keys, _open_keys(settings, self._rng)
        self._rules = Rules(settings.jwt_issuer, settings.jwt_audience, settings.jwt_leeway_s)
        old, self._settings = self._settings, settings
        if isinstance(keys, _OneKey):
            if keys.is_same(before):
                return None
        elif (old.jwt_jwks_url, old.jwt_family) == (settings.jwt_jwks_url, settings.jwt_family):
            # The issuer's keys stay valid while it is asked again.
            before.refresh()
            return None
        self._keys = keys
        keys.start()
        return before

    def verify_now(self, token: str | bytes) -> Grant | None:
        """The grant of a token; None if its key must be fetched first, by `verify`.

        Raises:
            RefusedError: the token is not valid here.
        """
        compact = read_compact(token, self._keys.algorithms)
        key = self._keys.find(compact.kid)
        return None if key is None else self._open(compact, key)

    async def verify(self, token: str | bytes) -> Grant:
        """The grant of a token.

        Raises:
            RefusedError: the token is not valid here.
            TryLaterError: its key cannot be fetched now.
        """
        compact = read_compact(token, self._keys.algorithms)
        key = self._keys.find(compact.kid) or await self._keys.fetch(compact.kid)
        return self._open(compact, key)

    def _open(self, compact: Compact, key: Key) -> Grant:
        compact.require(key.algorithms)
        payload = key.open(compact.token)
        if payload is None:
            raise RefusedError("bad_signature", "the token's signature does not hold")
        return self.revocations.check(read_grant(payload, self._rules, self._now_s()))


def _open_keys(settings: AuthSettings, rng: random.Random) -> Keys:
    """The keys of the settings, which name exactly one source of them."""
    sources = {
        "JWT_SECRET": settings.jwt_secret,
        "JWT_PUBLIC_KEY_FILE": settings.jwt_public_key_file,
        "JWT_JWKS_URL": settings.jwt_jwks_url,
    }
    given = [name for name, value in sources.items() if value]
    if len(given) != 1:
        raise SettingError(
            f"AUTH_MODE jwt needs exactly one of {', '.join(sources)}; set are {' and '.join(given) or 'none'}"
        )
    family: Family | None = None if settings.jwt_family == "auto" else settings.jwt_family
    try:
        if settings.jwt_jwks_url:
            url = check_url(settings.jwt_jwks_url)
            return Jwks(functools.partial(download, url, proxies=settings.proxies), family, rng)
        if settings.jwt_secret:
            key = from_secret(settings.jwt_secret)
        else:
            key = from_pem(_read_file(settings.jwt_public_key_file))
    except (KeyMaterialError, UrlError) as error:
        raise SettingError(f"{given[0]} {error}") from None
    if family not in (None, key.family):
        raise SettingError(f"JWT_FAMILY {family} does not go with {given[0]}, which is for {key.family}; unset it")
    return _OneKey(key)


def _read_file(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return file.read(_MAX_PEM_BYTES)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SettingError(f"JWT_PUBLIC_KEY_FILE {shown(path)} cannot be read ({why}); is the path right?") from None
