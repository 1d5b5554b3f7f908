"""Sends a target its inputs, one after the other, in this very process."""

import random
import time
from collections.abc import Callable
from typing import Any, Protocol

from tests.fuzz.memory import held_here
from tests.fuzz.report import Result

_WARM_UP = 0.1
"""After so much of the inputs everything that is made once has been made."""
_FEWEST_TO_TELL = 10_000
"""With fewer inputs memory says nothing."""


class Target(Protocol):
    """Something that takes whatever comes."""

    @property
    def name(self) -> str:
        """For the report."""

    def make(self, rng: random.Random) -> Any:
        """An input."""

    def take(self, stimulus: Any) -> str:
        """What became of it, in a word or two.

        Raises:
            Exception: something that must not happen.
        """


def run(target: Target, inputs: int, rng: random.Random, *, timer: Callable[[], float] = time.perf_counter) -> Result:
    """Send ``inputs`` of them; a breach is noted, and does not end it."""
    result = Result(target.name)
    start = timer()
    for number in range(inputs):
        if number == int(inputs * _WARM_UP) and inputs >= _FEWEST_TO_TELL:
            result.before = held_here()
        stimulus = target.make(rng)
        try:
            outcome = target.take(stimulus)
        except Exception as error:
            result.breaches.append(f"input {number}: {type(error).__name__}: {error} on {_shown(stimulus)}")
            outcome = "BREACH"
        result.outcomes[outcome] += 1
        result.inputs += 1
    result.seconds = timer() - start
    if result.before is not None:
        result.after = held_here()
    result.judge_memory()
    return result


def _shown(stimulus: Any) -> str:
    text = repr(stimulus)
    return text if len(text) <= 600 else f"{text[:600]}... ({len(text):,} characters)"
