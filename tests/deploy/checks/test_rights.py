"""What poller and gateway need on the bus."""

from deploy.checks.rights import Need, described, lack, needs, rule
from gateway.settings import Settings
from poller.settings import PollerSettings

PUBLISH = Need("poller", ("publish", "tick.BTCUSDT", "x"), channel="tick.BTCUSDT")
HSET = Need("poller", ("hset", "ticks", "x", "y"), key="ticks")


def subjects(its: list[Need], command: str) -> set[str]:
    """Keys and channels of a command."""
    return {need.key or need.channel for need in its if need.words[0] == command}


def test_a_poller_writes_what_a_gateway_reads() -> None:
    """The keys and channels of one are those of the other."""
    of_poller, of_gateway = needs([PollerSettings()], None), needs([], Settings())
    # Figures of 24 hours come in batches alone; their symbols' own channels are for other programs.
    own = {f"stats.{symbol}" for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")}
    assert subjects(of_poller, "publish") == subjects(of_gateway, "subscribe") | own
    kept = {"ticks", "statss", "instrumentss", "presences"}
    assert subjects(of_poller, "hset") == kept == subjects(of_gateway, "hget")
    assert {"lease.poller", "standby.poller", "states"} == subjects(of_poller, "set")
    assert set() == subjects(of_gateway, "set")


def test_another_venue_has_keys_of_its_own() -> None:
    """A gateway of both venues reads both."""
    poller = PollerSettings.from_environ({"VENUE": "coinbase"})
    assert "lease.poller.coinbase" in subjects(needs([poller], None), "pexpire")
    kept = {"ticks", "statss", "instrumentss", "venue_states", "presences"}
    assert kept == subjects(needs([poller], None), "hset")
    gateway = Settings.from_environ({"SYMBOLS": "BTCUSDT,coinbase:BTC-USD"})
    channels = subjects(needs([], gateway), "subscribe")
    batches = {f"0#batch.{venue}{kind}" for venue in ("binance", "coinbase") for kind in ("", ".stats", ".instruments")}
    heartbeats = {"feed.status", "feed.status.coinbase", "0#feed.status", "0#feed.status.coinbase"}
    assert {"tick.BTCUSDT", "tick.coinbase:BTC-USD"} | heartbeats | batches == channels


def test_batches_of_every_partition() -> None:
    """A poller publishes in each of its partitions, and one rule allows them all; channels of symbols may be off."""
    poller = PollerSettings.from_environ({"BUS_PARTITIONS": "2", "BUS_SYMBOL_CHANNELS": "off"})
    wanted = [need for need in needs([poller], None) if need.words[0] == "publish"]
    of_partition = "batch.binance", "feed.status", "batch.binance.stats"
    expected = [
        "feed.status",
        "0#batch.binance.instruments",
        *(f"{n}#{topic}" for n in (0, 1) for topic in of_partition),
    ]
    assert expected == [need.channel for need in wanted]
    lacking = [lack(need, "a channel") for need in wanted]
    assert "ACL SETUSER me &*#batch.* &*#feed.* &feed.status" == rule("me", lacking)


def test_tickets_are_for_tokens() -> None:
    """Without them a gateway writes nothing."""
    its = needs([], Settings.from_environ({"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 32}))
    assert {"ticket.*"} == subjects(its, "set") == subjects(its, "getdel")


def test_a_refusal_says_what_is_missing() -> None:
    """In a script's words, and in those of a single command."""
    for refusal, part in (
        ("NOPERM User x has no permissions to run the 'publish' command", "command"),
        ("ERR ACL failure in script: User x has no permissions to run the 'hkeys' command", "command"),
        ("ERR The user executing the script can't run this command or subcommand", "command"),
        ("NOPERM No permissions to access a channel", "channel"),
        ("ERR The user executing the script can't access at least one of the keys mentioned", "key"),
        ("something else", None),
    ):
        assert part == lack(PUBLISH, refusal).part


def test_the_rule_has_only_what_is_missing() -> None:
    """A pattern that is there already would make a server refuse the whole rule."""
    refused = "has no permissions to run the command"
    assert "ACL SETUSER me +publish" == rule("me", [lack(PUBLISH, refused)])
    assert "ACL SETUSER me &tick.* ~ticks" == rule("me", [lack(PUBLISH, "a channel"), lack(HSET, "a key")])
    assert "ACL SETUSER me &tick.* +publish" == rule("me", [lack(PUBLISH, "?")])
    assert "PUBLISH on channel tick.BTCUSDT and 1 more, HSET on key ticks" == described([PUBLISH, PUBLISH, HSET])
