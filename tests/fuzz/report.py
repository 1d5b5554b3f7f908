"""What came of a target, as numbers."""

from collections import Counter

from msgspec import Struct, field

from tests.fuzz.memory import Held

MOST_GROWTH_BYTES = 16 * 2**20
"""Resident memory may settle by so much after the first inputs; a leak of 100 bytes an input is past it in 200,000."""
MOST_GROWTH_BLOCKS = 2_000
"""Python objects may become more by so much: interned strings, caches of regular expressions and the like."""

_SHOWN_AT_MOST = 5


class Result(Struct):
    """One target's."""

    target: str
    inputs: int = 0
    seconds: float = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """How many inputs were taken how: close codes, error codes, "taken" and the like."""
    before: Held | None = None
    """Memory after the first inputs; None where too few came to tell."""
    after: Held | None = None
    breaches: list[str] = field(default_factory=list)
    """What must not happen, and on which input it did."""
    notes: list[str] = field(default_factory=list)

    def judge_memory(self) -> None:
        """Note a breach where memory has grown."""
        if self.before is None or self.after is None:
            return
        grown = self.after.resident_bytes - self.before.resident_bytes
        if grown > MOST_GROWTH_BYTES:
            self.breaches.append(f"resident memory grew by {grown / 2**20:.1f} MiB")
        if self.after.blocks - self.before.blocks > MOST_GROWTH_BLOCKS:
            self.breaches.append(f"{self.after.blocks - self.before.blocks:,} more blocks of memory are held")

    def __str__(self) -> str:
        rate = self.inputs / self.seconds if self.seconds else 0
        lines = [f"{self.target}: {self.inputs:,} inputs in {self.seconds:.0f} s ({rate:,.0f} a second)"]
        lines += [f"  {count:>9,}  {outcome}" for outcome, count in self.outcomes.most_common()]
        if self.before is not None and self.after is not None:
            lines.append(f"  memory    {self.before} at the start, {self.after} at the end")
        lines += [f"  {note}" for note in self.notes]
        lines += [f"  BREACH    {breach}" for breach in self.breaches[:_SHOWN_AT_MOST]]
        if len(self.breaches) > _SHOWN_AT_MOST:
            lines.append(f"  BREACH    and {len(self.breaches) - _SHOWN_AT_MOST:,} more")
        return "\n".join(lines)
