"""Arguments of commands: numbers with bounds, and errors that say what to write."""

import argparse
import math
from collections.abc import Callable


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Reads a time in seconds from ``least`` to ``most``, with or without an ``s`` behind it."""

    def read(text: str) -> float:
        try:
            number = float(text.strip().removesuffix("s"))
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} to {most:g}")
        return number

    return read


def count(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number from ``least`` to ``most``."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 20 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return int(text)

    return read
