"""The case of letters in names: only that of A to Z changes.

The rules of other letters depend on the language (the Turkish i), or change a name's length (ß becomes SS), so two
symbols might become one.
"""

import string
from typing import Final

_UPPER: Final = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def upper(name: str) -> str:
    """``name`` with the letters a to z in upper case."""
    return name.upper() if name.isascii() else name.translate(_UPPER)


def lower(name: str) -> str:
    """``name`` with the letters A to Z in lower case."""
    return name.lower() if name.isascii() else name.translate(_LOWER)
