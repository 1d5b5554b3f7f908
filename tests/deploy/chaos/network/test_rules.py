"""The text of the table; that the kernel takes it, and what it does, is in ``test_kernel.py``."""

from deploy.chaos.network.connections import Place
from deploy.chaos.network.rules import Loss, Whose, table

BUS = (Place("10.0.0.1", 6379), Place("fd00::1", 6380))
ONE = Whose("unified/x/tickgate-chaos-7", 2, (40001, 40002))
EVERYBODY = Loss(BUS, to=True, back=True, whose=None)


def drops(loss: Loss) -> list[str]:
    """The rules of one family that do anything, in order."""
    lines = [line.strip() for line in table("t", loss, 1500).splitlines()]
    return [line for line in lines if line.startswith("ip ")]


def test_nothing_but_the_places_is_ever_named_and_they_run_out() -> None:
    """Each rule looks into a set of elements with a time."""
    text = table("tickgate_chaos_7", EVERYBODY, 1500)
    assert "table inet tickgate_chaos_7 {" == text.splitlines()[2]
    assert "10.0.0.1 . 6379 timeout 1500ms" in text
    assert "fd00::1 . 6380 timeout 1500ms" in text
    rules = [line for line in text.splitlines() if "drop" in line.split() or "mark set" in line]
    assert 6 == len(rules)
    assert all("@places4" in rule or "@places6" in rule for rule in rules)
    # A set without elements says so by having none.
    assert 1 == table("t", Loss(BUS[:1], to=True, back=True, whose=None), 1).count("elements")


def test_of_everybody_both_ways() -> None:
    """Here what goes to another machine, there what comes to this one."""
    assert [
        'ip daddr . tcp dport @places4 oifname != "lo"  counter name dropped drop',
        "ip daddr . tcp dport @places4  counter name dropped drop",
        "ip saddr . tcp sport @places4  counter name dropped drop",
    ] == drops(EVERYBODY)


def test_of_one_process_one_way() -> None:
    """By its cgroup, and by the ports that it had before it was in there."""
    group = 'socket cgroupv2 level 2 "unified/x/tickgate-chaos-7"'
    assert [
        f"ip saddr . tcp sport @places4 {group} counter name dropped drop",
        "ip saddr . tcp sport @places4 tcp dport { 40001, 40002 } counter name dropped drop",
    ] == drops(Loss(BUS, to=False, back=True, whose=ONE))
    mute = drops(Loss(BUS, to=True, back=False, whose=ONE))
    assert [
        f'ip daddr . tcp dport @places4 oifname "lo" {group} meta mark set 0x74636b67',
        f'ip daddr . tcp dport @places4 oifname != "lo" {group} counter name dropped drop',
    ] == mute[:2]
    assert "ip daddr . tcp dport @places4 meta mark 0x74636b67 counter name dropped drop" == mute[-1]
    assert not any("saddr" in rule for rule in mute)
    # No port, no rule: `{ }` would be an error.
    assert 1 == len(drops(Loss(BUS, to=False, back=True, whose=Whose("x", 1, ()))))
