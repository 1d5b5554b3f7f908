"""The tables of attacks."""

from typing import Any

import pytest

from bench.attacks import ALL
from bench.attacks.attack_table import Attacked, fate, render
from bench.host.trees import THIS
from bench.measuring.strangers import Attacks, exit_code


def attacked(**fields: Any) -> Attacked:
    """One that costs the victim nothing, but for ``fields``."""
    row = {"quiet_p50_ms": 0.5, "quiet_p99_ms": 1.0, "p50_ms": 0.5, "p99_ms": 1.0, "max_ms": 2.0, "got": 1.0}
    return Attacked(**{"tree": THIS, "front": "straight", "attack": "pings", **row, **fields})


@pytest.mark.parametrize(
    ("quiet_ms", "p99_ms", "missed"),
    [
        (1.0, 2.1, False),
        (1.0, 20.0, False),
        (1.0, 20.1, True),
        (15.0, 30.0, False),
        (15.0, 30.1, True),
        (1.0, None, True),
    ],
)
def test_the_aim_is_twice_the_quiet_p99_or_20_ms(quiet_ms: float, p99_ms: float | None, missed: bool) -> None:
    """Whichever is more; and a victim that gets nothing at all is not met."""
    assert attacked(quiet_p99_ms=quiet_ms, p99_ms=p99_ms).missed == missed


def test_a_victim_that_is_cut_off_is_missed() -> None:
    """However young its prices were until then."""
    assert attacked(ended="closed with 4408").missed


def test_a_row_names_who_was_refused() -> None:
    """What was done comes first, then what was answered, the most frequent first."""
    counts = {"HTTP 101": 4, "error rate_limited": 90, "connects": 4, "sent": 400}
    assert fate(counts) == "connects 4, sent 400, error rate_limited 90, HTTP 101 4"
    row = render([attacked(fate=counts, p99_ms=30.0)]).splitlines()[2]
    assert row.startswith("| pings | straight | 0.5 / 1.0 ms | 30.0 ms | 100% |")
    assert row.endswith("error rate_limited 90, HTTP 101 4 | MISSED |")


def test_the_exit_code_is_that_of_this_tree() -> None:
    """What another commit misses is no failure; an attack that could not be made is one."""
    codes = [
        exit_code(Attacks("", {}, rows))
        for rows in (
            [],
            [attacked()],
            [attacked(tree="abc", p99_ms=99.0)],
            [attacked(p99_ms=99.0)],
            [attacked(failed=True)],
        )
    ]
    assert codes == [0, 0, 0, 1, 1]


def test_attacks_have_names_of_their_own() -> None:
    """And each says what it is."""
    assert all(attack.about and attack.name == name for name, attack in ALL.items())
    assert len(ALL) >= 30


def test_two_trees_stand_beside_each_other() -> None:
    """The commit's first; the aim is this tree's; a row without its counterpart is left out."""
    rows = [
        attacked(tree="abc", p99_ms=1234.0, gateway=1.0, rss_mb=80.0, fate={"sent": 9}),
        attacked(gateway=0.1, rss_mb=60.0, fate={"closed 4429": 4}),
        attacked(tree="abc", attack="churn"),
    ]
    assert render(rows).splitlines()[2:] == [
        "| pings | straight | 1.0 / 1.0 ms | 1234 ms | 1.0 ms"
        " | 100%, 80 MB | 10%, 60 MB | sent 9 | closed 4429 4 | met |"
    ]
