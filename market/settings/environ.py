"""Read settings from the environment: each variable becomes a value, or an error that names it."""

import math
import re
from collections.abc import Mapping
from typing import TypeVar
from urllib.parse import quote, urlsplit

from market.bus import BusUrlError, open_bus, open_store
from market.bus.secret_file import SecretFileError, read_secret
from market.errors import MarketError
from market.prices.symbols import SymbolError, Symbols, parse_symbols
from market.settings.names import is_link
from market.settings.proxy import Proxies, ProxyError

T = TypeVar("T", bound=str)


class SettingError(MarketError, ValueError):
    """A variable that cannot be used; the message begins with its name and ends with the fix."""


class Environ:
    """The environment, one variable at a time. An empty variable is a value like any other, not the default.

    Raises:
        SettingError: by every method, where the variable's value cannot be used.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        """``variables`` is ``os.environ``, or a test's own."""
        self._variables = variables

    def get(self, name: str, default: str) -> str:
        """The value, unchanged."""
        return self._variables.get(name, default)

    def secret(self, name: str, file: str) -> str:
        """A secret, or the one in the file that the variable ``file`` names; empty if there is none."""
        value, path = self.get(name, ""), self.get(file, "")
        if value and path:
            raise SettingError(f"{file} and {name} are both set; unset one")
        return self._read(file, path) if path else value

    def _read(self, file: str, path: str) -> str:
        try:
            return read_secret(path)
        except SecretFileError as error:
            raise SettingError(f"{file} {shown(path)} {error}") from None

    def _with_password(self, name: str, url: str, file: str) -> str:
        """``url`` with the option that names the file of its password, if there is one."""
        path = self.get(file, "")
        if not path:
            return url
        self._read(file, path)
        if url.startswith("memory:") or not url:
            raise SettingError(f"{file} is set, and {name} has nobody who asks for a password; unset it")
        return f"{url}{'&' if '?' in url else '?'}password_file={quote(path, safe='')}"

    def bus_url(self, name: str, default: str, file: str) -> str:
        """A URL that `market.bus.open_bus` takes. It may hold a password, so no message shows it.

        The variable ``file`` may name a file of the password.
        """
        value = self._with_password(name, self.get(name, default), file)
        try:
            # Opened only to check the URL; nothing is connected.
            open_bus(value)
        except BusUrlError as error:
            raise SettingError(f"{name} {error}") from None
        return value

    def store_url(self, name: str, file: str) -> str:
        """A URL that `market.bus.open_store` takes; empty if there is none. The rest as for `bus_url`."""
        value = self._with_password(name, self.get(name, ""), file)
        try:
            if value:
                open_store(value)
        except BusUrlError as error:
            raise SettingError(f"{name} {error}") from None
        return value

    def symbols(self, name: str, default: Symbols) -> Symbols:
        """A comma-separated list of symbols, or ``@file``."""
        if name not in self._variables:
            return default
        try:
            return parse_symbols(self._variables[name])
        except SymbolError as error:
            raise SettingError(f"{name} {error}") from None

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self._variables.get(name)
        if value is None:
            return default
        # isdecimal alone would let other scripts' digits through.
        if not (value.isascii() and value.isdecimal() and len(value) <= 20 and least <= int(value) <= most):
            whose = (
                "; Kubernetes sets it for a Service of that name: set enableServiceLinks: false, or call it otherwise"
                if is_link(name, value)
                else ""
            )
            raise SettingError(f"{name} {shown(value)} must be a whole number from {least} to {most}{whose}")
        return int(value)

    def optional(self, name: str, least: int, most: int) -> int | None:
        """A whole number from ``least`` to ``most``; None if it is not set."""
        return self.integer(name, least, least, most) if self.any(name) else None

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number from ``least`` to ``most``; with ``most`` infinite, from ``least`` up."""
        value = self._variables.get(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and least <= number <= most):
            span = f"from {least:g} to {most:g}" if math.isfinite(most) else f"from {least:g} up"
            raise SettingError(f"{name} {shown(value)} must be a number {span}")
        return number

    def choice(self, name: str, default: T, choices: tuple[T, ...]) -> T:
        """One of ``choices``, in capitals or not."""
        value = self.get(name, default)
        for choice in choices:
            if same(value, choice):
                return choice
        raise SettingError(f"{name} {shown(value)} must be one of {', '.join(choices)}")

    def base_urls(self, name: str, default: tuple[str, ...], schemes: tuple[str, ...]) -> tuple[str, ...]:
        """One or more base URLs, separated by commas: scheme, host and port, and nothing behind those."""
        value = self._variables.get(name)
        if value is None:
            return default
        urls = [entry.strip() for entry in value.split(",")]
        for url in urls:
            if not _is_base_url(url, schemes):
                # A user and a password are refused too, but not shown.
                url = re.sub("(?<=//)[^/]*@", "…@", url)
                raise SettingError(f"{name} {shown(url)} is not the base of a URL; write {schemes[0]}://host:port")
        return tuple(dict.fromkeys(url.removesuffix("/") for url in urls))

    def proxies(self) -> Proxies:
        """``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``, in upper or lower case."""
        try:
            return Proxies(self._variables)
        except ProxyError as error:
            raise SettingError(str(error)) from None

    def flag(self, name: str) -> bool:
        """Whether a switch is on: 1 or 0; off if it is not set."""
        return self.choice(name, "0", ("0", "1")) == "1"

    def any(self, *names: str) -> bool:
        """Whether one of ``names`` is set."""
        return any(name in self._variables for name in names)


def _is_base_url(text: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in schemes and parts.hostname and parts.port != 0 and not parts.username
    except ValueError:
        return False
    return bool(usable) and parts.path in {"", "/"} and not (parts.query or parts.fragment or " " in text)


def same(value: str, choice: str) -> bool:
    """Whether ``value`` is ``choice``, but for capitals and blanks around it."""
    return value == choice or value.strip().lower() == choice.lower()


def shown(value: str) -> str:
    """A value for a message: one line, and short."""
    return repr(value[:60] + "…" if len(value) > 60 else value)
