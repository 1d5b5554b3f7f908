"""What one client holds: its topics, each with the options of the last subscribe that named it.

Each set of options is one `Subscription`. No topic is in two of them.
"""

from bisect import bisect_right
from typing import Final

import msgspec
from msgspec import UNSET

from gateway.fanout.cohorts.member import Rule, Subscription
from gateway.protocol.encoding import Encoding
from gateway.protocol.messages import Subscribe

Wants = tuple[Subscription, ...]
"""One for each set of options, without a topic in common; empty if nothing is held."""

MOST_SETS: Final = 4
"""The most sets of one connection: each costs a write per flush, and a place in a cohort."""

TOO_MANY_SETS: Final = (
    f"one connection may have {MOST_SETS} different sets of options (channel, batch, max_hz, conflate) at once; "
    "subscribe with one of those it has, or unsubscribe from all symbols of one of them"
)

RATES: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Updates per second. Each wanted rate has one timer. Rates above 50 are for tokens, which may allow them."""


def stepped(max_hz: float) -> float:
    """The highest of `RATES` that is not above ``max_hz``; the lowest rate is the minimum."""
    return RATES[max(bisect_right(RATES, max_hz) - 1, 0)]


def subscription_of(command: Subscribe, topics: frozenset[str], encoding: Encoding, *, deflate: bool) -> Subscription:
    """``topics`` with the options of ``command``; an option that is absent or null has its default.

    ``deflate`` says whether the client can read compressed batches.
    """
    batch, max_hz = command.batch is True, command.max_hz
    every = command.conflate is False
    # "every" has no rate.
    rate = None if every or max_hz is None or max_hz is UNSET else stepped(max_hz)
    rule: Rule = "every" if every else "latest"
    return Subscription(topics, encoding, batch=batch, deflate=batch and deflate, max_hz=rate, rule=rule)


def without(wants: Wants, topics: frozenset[str]) -> Wants:
    """``wants`` without ``topics``; what does not change is the same object."""
    if all(topics.isdisjoint(one.topics) for one in wants):
        return wants
    left = ((one, one.topics - topics) for one in wants)
    return tuple(
        one if len(kept) == len(one.topics) else msgspec.structs.replace(one, topics=kept) for one, kept in left if kept
    )


def put(wants: Wants, subscription: Subscription) -> Wants:
    """``wants`` with the topics of ``subscription`` under its options, whatever options they had before."""
    if not wants:
        return (subscription,)
    options = _options(subscription)
    kept = without(wants, subscription.topics)
    for number, one in enumerate(kept):
        if _options(one) == options:
            joined = msgspec.structs.replace(one, topics=one.topics | subscription.topics)
            return (*kept[:number], joined, *kept[number + 1 :])
    return (*kept, subscription)


def capped(asked: Wants, cap_hz: float) -> Wants:
    """What is granted of ``asked``, at no more than ``cap_hz`` updates per second and topic."""
    wants: Wants = ()
    for one in asked:
        max_hz = cap_hz if one.max_hz is None else min(one.max_hz, cap_hz)
        wants = put(wants, msgspec.structs.replace(one, max_hz=stepped(max_hz), rule="latest"))
    return asked if wants == asked else wants


def _options(subscription: Subscription) -> tuple[object, ...]:
    return subscription.encoding, subscription.batch, subscription.deflate, subscription.max_hz, subscription.rule
