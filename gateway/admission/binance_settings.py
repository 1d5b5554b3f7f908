"""The settings of the endpoint for clients of Binance (`gateway.binance`)."""

from typing import Literal, get_args

from msgspec import Struct

from gateway.admission.origin import Authority
from market.settings.environ import Environ, SettingError, shown

OnStale = Literal["close", "silent"]


class BinanceSettings(Struct, frozen=True, kw_only=True):
    """How clients that were written for Binance are served. Each variable begins with ``BINANCE_COMPAT_``."""

    hosts: frozenset[Authority] = frozenset()
    """Names of this gateway under which ``/ws``, ``/stream`` and ``/api/v3`` are Binance's, without ``/binance`` in
    front: ``stream.example.com,api.example.com``, with a port or for any. They count as ``ALLOWED_HOSTS`` too."""
    stale: OnStale = "close"
    """What tells Binance's clients that their prices are stale, as their protocol has no word for it: ``close`` ends
    their connections with 1013 after 10 s; ``silent`` only sends nothing."""

    def names(self, host: str) -> bool:
        """Whether a request with this `Host` header came to one of the names."""
        if not self.hosts:
            return False
        named = Authority.parse(host)
        return named is not None and (named in self.hosts or Authority(named.host, None) in self.hosts)

    @classmethod
    def from_environ(cls, env: Environ) -> "BinanceSettings":
        """Read the variables.

        Raises:
            SettingError: the first one that cannot be used.
        """
        hosts = set()
        for entry in filter(None, (part.strip() for part in env.get("BINANCE_COMPAT_HOSTS", "").split(","))):
            host = Authority.parse(entry)
            if host is None:
                raise SettingError(
                    f"BINANCE_COMPAT_HOSTS has {shown(entry)}, which is no host; write names like"
                    " stream.example.com or localhost:9443, with commas between them"
                )
            hosts.add(host)
        return cls(hosts=frozenset(hosts), stale=env.choice("BINANCE_COMPAT_STALE", cls().stale, get_args(OnStale)))
