"""The scales of one tick: the coarsest that are exact for it, and the fields without room at them.

The scales of an instrument are rules for orders. Market data may be finer: orders older than a change of the rules,
sums of sizes. So a tick has its own scales: never coarser than the instrument's, as fine as its numbers need. A number
that would then pass 2^53 - 1 is left out, the least important first; nothing is ever rounded.
"""

from msgspec import UNSET, UnsetType

from market.prices.tick import MAX_EXACT, POWERS_OF_TEN, Number, at_scale

Field = int | UnsetType


def fit_prices(
    floor: int, bid: Number | None, ask: Number | None, last: Number | None
) -> tuple[int, Field, Field, Field]:
    """Return a scale of at least ``floor``, and bid, ask and last price at it; UNSET if absent or without room.

    A bid and an ask that fit together stay, if necessary at a scale below ``floor``.
    """
    scale, fields = _fit(floor, bid, ask, last)
    if (bid is not None and fields[0] is UNSET) or (ask is not None and fields[1] is UNSET):
        scale, fields = _fit(0, bid, ask, last)
    return scale, *fields


def fit_sizes(
    floor: int, bid_size: Number | None, ask_size: Number | None, volume: Number | None
) -> tuple[int, Field, Field, Field]:
    """The same for sizes and volume, never at a scale below ``floor``."""
    scale, fields = _fit(floor, bid_size, ask_size, volume)
    return scale, *fields


def _fit(
    floor: int, first: Number | None, second: Number | None, third: Number | None
) -> tuple[int, tuple[Field, Field, Field]]:
    """Fit the numbers, which are in the order of their importance."""
    scale = floor
    for its in (first, second, third):
        if its is not None and its[1] > scale:
            scale = its[1]
    one, two, three = _at(first, scale), _at(second, scale), _at(third, scale)
    if one is not None and two is not None and three is not None:
        return scale, (one, two, three)
    return _fit_some(floor, (first, second, third))


def _fit_some(floor: int, numbers: tuple[Number | None, ...]) -> tuple[int, tuple[Field, Field, Field]]:
    """Not all of them have room: keep each one that has room beside the more important ones."""
    scale, kept = floor, list[Number]()
    for its in numbers:
        if its is not None:
            finer = max(scale, its[1])
            if all(at_scale(other, finer) <= MAX_EXACT for other in (its, *kept)):
                scale = finer
                kept.append(its)
    first, second, third = (at_scale(its, scale) if its is not None and its in kept else UNSET for its in numbers)
    return scale, (first, second, third)


def _at(its: Number | None, scale: int) -> Field | None:
    """The field of ``its`` at ``scale``; None if it has no room."""
    if its is None:
        return UNSET
    value = its[0] * POWERS_OF_TEN[scale - its[1]]
    return value if value <= MAX_EXACT else None
