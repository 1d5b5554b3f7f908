"""Who pays, and who is refused, on clocks that are numbers."""

from collections import Counter
from typing import Any

import pytest

from gateway.admission.limits.buckets import Bucket
from gateway.admission.limits.budget import Budgets, Refusal
from gateway.admission.upgrade_request import Slot
from gateway.settings import Settings

NOT_LIMITED: dict[str, Any] = {
    "max_messages_per_second": 0,
    "max_messages_per_second_per_subject": 0,
    "max_messages_per_second_per_ip": 0,
}


def budgets(**rates: float) -> Budgets:
    """Make budgets with no limit but these."""
    settings: dict[str, Any] = NOT_LIMITED | rates
    return Budgets(Settings(**settings))


class Budget:
    """A connection that pays."""

    def __init__(self, shared: Budgets, slot: Slot) -> None:
        self._shared, self._slot, self._bucket = shared, slot, Bucket(shared.connection)

    def take(self, now: float, extra: int = 0, *, anyway: bool = False) -> Refusal | None:
        return self._shared.take(self._bucket, self._slot, now, extra, anyway=anyway)

    def charge(self, tokens: int, now: float) -> None:
        self._shared.charge(self._bucket, self._slot, tokens, now)


def answers(budget: Budget, times: int, now: float, extra: int = 0, *, anyway: bool = False) -> Counter[str]:
    """What came of so many messages at once: ``ok``, or the verdict and who had nothing left."""
    counted: Counter[str] = Counter()
    for _ in range(times):
        refusal = budget.take(now, extra, anyway=anyway)
        counted["ok" if refusal is None else f"{refusal.verdict} {refusal.payer}"] += 1
    return counted


def test_a_connection_pays_for_itself() -> None:
    """Two seconds' worth passes, one more is refused, then the connection is closed; a neighbour is not affected."""
    shared = budgets(max_messages_per_second=10)
    first, second = Budget(shared, Slot("192.0.2.1")), Budget(shared, Slot("192.0.2.1"))
    assert {"ok": 20, "refuse connection": 10, "close connection": 5} == answers(first, 35, 5.0)
    assert {"ok": 1} == answers(second, 1, 5.0)


@pytest.mark.parametrize(
    ("rates", "slot", "payer"),
    [
        ({"max_messages_per_second": 10}, Slot(None), "connection"),
        ({"max_messages_per_second_per_subject": 10}, Slot(None, "alice"), "subject"),
        ({"max_messages_per_second_per_ip": 2}, Slot("192.0.2.1"), "address"),
    ],
)
def test_dear_work_is_paid_for_by_all_who_are_counted(rates: dict[str, float], slot: Slot, payer: str) -> None:
    """The cost of a message beyond a ping is owed by all payers, and nothing more enters until it is paid."""
    for way in ("take", "charge"):
        budget = Budget(budgets(**rates), slot)
        if way == "take":
            assert budget.take(5.0, 40) is None
        else:
            assert budget.take(5.0) is None
            budget.charge(40, 5.0)
        refusal = budget.take(5.1)
        assert refusal is not None
        assert payer == refusal.payer
        assert budget.take(5.0 + 41) is None


def test_all_connections_of_an_address_share_a_rate() -> None:
    """Five seconds' worth of an address passes at once, over any connections; other addresses are not affected."""
    shared = budgets(max_messages_per_second_per_ip=10)
    total = sum((answers(Budget(shared, Slot("192.0.2.1")), 5, 5.0) for _ in range(50)), Counter())
    assert {"ok": 50, "refuse address": 200} == total
    assert {"ok": 5} == answers(Budget(shared, Slot("192.0.2.2")), 5, 5.0)
    assert {"ok": 500} == answers(Budget(shared, Slot(None)), 500, 5.0)
    assert {"ok": 10} == answers(Budget(shared, Slot("192.0.2.1")), 10, 6.01)


def test_who_floods_behind_a_common_address_is_closed_and_who_does_not_is_served_then() -> None:
    """While an address owes, messages cost their connection more: a flooding connection is closed, others wait."""
    shared = budgets(max_messages_per_second=10, max_messages_per_second_per_ip=25)
    flooders = {number: Budget(shared, Slot("192.0.2.1")) for number in range(20)}
    quiet = Budget(shared, Slot("192.0.2.1"))
    received: Counter[str] = Counter()
    for step in range(1, 601):
        now = 5.0 + step / 10
        for number in list(flooders):
            refusal = flooders[number].take(now)
            if refusal is not None and refusal.verdict == "close":
                del flooders[number]
        if step % 100 == 0:
            received += answers(quiet, 1, now)
    assert len(flooders) <= 3
    assert received["close connection"] == 0
    assert received["ok"] >= 4


def test_a_connection_over_its_own_rate_takes_nothing_from_others() -> None:
    """A message refused by its connection's rate is not charged to subject and address."""
    shared = budgets(
        max_messages_per_second=10, max_messages_per_second_per_subject=50, max_messages_per_second_per_ip=10
    )
    assert 20 == answers(Budget(shared, Slot("192.0.2.1", "alice")), 10_000, 5.0)["ok"]
    assert {"ok": 20} == answers(Budget(shared, Slot("192.0.2.1", "alice")), 20, 5.0)


def test_what_must_be_read_though_it_is_refused_is_paid_for_and_ends_in_a_close() -> None:
    """A flood of compressed messages that must be inflated is closed earlier, by their cost."""
    shared = budgets(max_messages_per_second=10, max_messages_per_second_per_subject=1)
    stranger = answers(Budget(shared, Slot(None)), 7, 5.0, 4, anyway=True)
    assert {"ok": 4, "refuse connection": 2, "close connection": 1} == stranger
    alice = answers(Budget(shared, Slot(None, "alice")), 7, 5.0, 4, anyway=True)
    assert {"ok": 1, "refuse subject": 3, "refuse connection": 2, "close connection": 1} == alice


def test_a_rate_of_zero_is_no_limit() -> None:
    """A client under no limited payer is never refused, at any cost."""
    assert {"ok": 1000} == answers(Budget(budgets(), Slot("192.0.2.1", "alice")), 1000, 5.0, 1000)


def test_rates_change_for_who_is_here() -> None:
    """A changed rate of an address holds at once; 0 means no limit."""
    shared = budgets(max_messages_per_second_per_ip=10)
    budget = Budget(shared, Slot("192.0.2.1"))
    shared.change(Settings(**(NOT_LIMITED | {"max_messages_per_second_per_ip": 1})))
    assert {"ok": 5, "refuse address": 15} == answers(budget, 20, 5.0)
    assert Refusal("refuse", "address") == budget.take(5.0)
    shared.change(Settings(**NOT_LIMITED))
    assert {"ok": 20} == answers(budget, 20, 5.0)
