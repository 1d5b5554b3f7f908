"""The command line of the bench."""

import pytest

from bench.options import parse


@pytest.mark.parametrize(
    ("arguments", "fronted", "scenarios"),
    [
        ([], "", None),
        (["--front", "straight"], "", None),
        (["--front", "haproxy"], "haproxy", ["bursts", "scattered"]),
        (["--front", "haproxy", "--scenario", "flood"], "haproxy", ["flood"]),
        (["--front", "haproxy", "--against", "HEAD", "--scenario", "quiet"], "haproxy", ["quiet"]),
        (["--front", "haproxy", "--attacks"], "", None),
        (["--front", "haproxy", "--front", "straight", "--slow-readers"], "", None),
    ],
)
def test_the_fan_out_goes_through_haproxy_if_told(
    arguments: list[str], fronted: str, scenarios: list[str] | None
) -> None:
    """Attacks and slow readers have fronts of their own."""
    options = parse(arguments)
    assert (options.fronted, options.scenario) == (fronted, scenarios)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--front", "haproxy", "--scenario", "poller"], "bursts, scattered, flood, quiet"),
        (["--front", "haproxy", "--scenario", "bursts", "--scenario", "slow"], "bursts, scattered, flood, quiet"),
        (["--front", "haproxy", "--contender", "uws"], "without --contender"),
        (["--front", "haproxy", "--front", "straight"], "one front at a time"),
    ],
)
def test_what_cannot_be_measured_behind_haproxy_is_refused(
    arguments: list[str], word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, as for every wrong command line, and a line that says what can be."""
    with pytest.raises(SystemExit) as refusal:
        parse(arguments)
    assert refusal.value.code == 2
    assert word in capsys.readouterr().err


def test_a_comparison_has_its_own_defaults() -> None:
    """Ten rounds, none of them repeated; quick, two."""
    told = [parse(arguments) for arguments in ([], ["--against", "HEAD"], ["--against", "HEAD", "--quick"])]
    assert [(it.rounds, it.repeats) for it in told] == [(3, 2), (10, 0), (2, 0)]
