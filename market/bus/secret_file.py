"""Secrets in files, as orchestrators mount them: one line, read again whenever it is needed."""

from pathlib import Path
from typing import Final

from market.errors import MarketError

_MOST_BYTES: Final = 4096


class SecretFileError(MarketError, ValueError):
    """A file that cannot be used as a secret. The message names no path and shows nothing of what is in it."""


def read_secret(path: str) -> str:
    """The line in the file; a line end behind it is no part of it.

    Raises:
        SecretFileError: it cannot be read, or has no line or several.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SecretFileError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from None
    text = raw.decode(errors="replace").removesuffix("\n").removesuffix("\r")
    if len(raw) > _MOST_BYTES:
        raise SecretFileError(f"is longer than {_MOST_BYTES} bytes; name a file with the secret alone")
    if not text:
        raise SecretFileError("is empty; write the secret into it, on one line")
    if not text.isprintable() or "\ufffd" in text:
        raise SecretFileError("has several lines, or what cannot be printed; write the secret on one line, as UTF-8")
    return text
