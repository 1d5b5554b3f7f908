"""Everything that is counted can be scraped."""

from collections import Counter

from gateway.metrics.counters import Counters
from market.metrics.exposition import expose
from tests.market.metrics.parsed import values_of


async def test_every_counter_has_a_metric() -> None:
    """Whatever `Counters` counts can be scraped, by its own name and with a meaning."""
    counters = Counters(lambda: 0)
    plain = [name for name, value in vars(counters).items() if isinstance(value, int)]
    for number, name in enumerate(plain, start=1):
        setattr(counters, name, number)
    # Those who closed need the codes, which stand above, and tokens in requests are added to those in messages there.
    above = ("closed", "unauthorised")
    labelled = [name for name, value in vars(counters).items() if isinstance(value, Counter) and name not in above]
    for number, name in enumerate(labelled, start=100):
        getattr(counters, name)["SOME"] = number
    expected: dict[tuple[str, ...], float] = {("tickgate_bytes_sent_total",): 0}
    expected |= {(f"tickgate_{name}_total",): number for number, name in enumerate(plain, start=1)}
    expected |= {(f"tickgate_{name}_total", "some"): number for number, name in enumerate(labelled, start=100)}
    # The one besides is `fan_out`.
    assert len(vars(counters)) == len(plain) + len(labelled) + len(above) + 1
    assert expected == values_of(await expose(counters.families()))
