"""Imported first by each program, for the time of the other imports, which take a while.

SIGHUP does not end it meanwhile: a program reads its settings after them, so there is nothing to read again. And the
search for garbage rests, since next to nothing of what imports make is garbage.
"""

import gc
import signal

_USUAL = gc.get_threshold()
_ENOUGH_FOR_IMPORTS = 1_000_000
"""New objects between two searches. Not without end: who only imports a program keeps this number."""

signal.signal(signal.SIGHUP, signal.SIG_IGN)
gc.set_threshold(_ENOUGH_FOR_IMPORTS)


def imported() -> None:
    """From now on search for garbage as usual, but never again in what was imported (called by each program)."""
    gc.freeze()
    gc.set_threshold(*_USUAL)
