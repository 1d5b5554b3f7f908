"""Everything that is wrong with the settings, at once."""

from pathlib import Path

from deploy.checks.settings import check_settings
from market.settings.config import CONFIG


def test_nothing_is_wrong() -> None:
    """One line says how many variables there are; the settings are those that programs would have."""
    its = check_settings({"SYMBOLS": "BTCUSDT", "PATH": "/bin"})
    (found,) = its.findings
    assert "ok" == found.mark
    assert "1 of the environment" in found.text
    (poller,) = its.pollers
    assert its.gateway is not None
    assert ("BTCUSDT",) == poller.symbols.names == its.gateway.symbols.names


def test_what_the_launcher_refuses_is_wrong() -> None:
    """A balancer that strangers reach, where nobody needs a token; not if that is meant."""
    public = {"TICKGATE_BIND": "0.0.0.0:8080"}
    (found,) = (its for its in check_settings(public).findings if its.mark == "wrong")
    assert "TICKGATE_BIND is not loopback and AUTH_MODE is none" in found.text
    for meant in ({"ALLOW_ANONYMOUS": "1"}, {"AUTH_MODE": "jwt", "JWT_SECRET": "x" * 40}):
        assert not [its for its in check_settings(public | meant).findings if its.mark == "wrong"]


def test_what_a_gateway_would_warn_of_is_a_warning() -> None:
    """A list of origins that locks the own dashboard out, and a secret that nothing asks for."""
    environ = {"ALLOWED_ORIGINS": "http://localhost:5173", "JWT_SECRET": "sesame" * 8}
    warnings = [its.text for its in check_settings(environ).findings if its.mark == "warning"]
    assert any("ALLOWED_ORIGINS does not have self" in text for text in warnings), warnings
    assert any("JWT_SECRET is set and AUTH_MODE is none" in text for text in warnings), warnings
    assert "sesame" not in str(warnings)


def test_every_variable_that_cannot_be_used_is_said_once() -> None:
    """Of both programs, not only the first; the others count, and no secret is shown."""
    its = check_settings(
        {
            "LOG_LEVEL": "loud",
            "GATEWAY_PORT": "x",
            "BUS_URL": "redis://:sesame@h:x",
            "MAX_CONNECTIONS": "-1",
            "SIM_SEED": "y",
            "FEED": "nonsense",
            "METRICS_TOKEN": "sesame",
            "KEEPALIVE_S": "50",
        }
    )
    wrong = [finding.text.split()[0] for finding in its.findings if finding.mark == "wrong"]
    expected = {"LOG_LEVEL", "GATEWAY_PORT", "BUS_URL", "MAX_CONNECTIONS", "SIM_SEED", "FEED", "METRICS_TOKEN"}
    assert sorted(expected) == sorted(wrong)
    assert not any("sesame" in finding.line for finding in its.findings)
    assert its.gateway is not None
    assert (50, 8080) == (its.gateway.keepalive_s, its.gateway.port)


def test_variables_that_do_not_go_together() -> None:
    """An open door without tokens, and tokens without a key."""
    (public,) = check_settings({"GATEWAY_HOST": "::"}).findings
    assert ("wrong", "GATEWAY_HOST") == (public.mark, public.text.split()[0])
    assert "ALLOW_ANONYMOUS" in public.fix
    (keyless,) = check_settings({"AUTH_MODE": "jwt"}).findings
    assert "exactly one of" in keyless.text
    (short,) = check_settings({"AUTH_MODE": "jwt", "JWT_SECRET": "sesame"}).findings
    assert "JWT_SECRET" in short.text
    assert "sesame" not in short.line


def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    """Lines that cannot be read, unknown names, and values that cannot be used, each with its line."""
    (path := tmp_path / "conf").write_text("GATWAY_PORT=1\nLOG_LEVEL=loud\nrubbish\nSIM_SEED=7\n", encoding="utf-8")
    its = check_settings({CONFIG: str(path), "SYMBOL": "x"})
    texts = [finding.line for finding in its.findings]
    assert ["wrong"] * 3 + ["warning"] == [finding.mark for finding in its.findings]
    assert "line 1 names GATWAY_PORT" in texts[0]
    assert "did you mean GATEWAY_PORT?" in texts[0]
    assert "line 3 is not NAME=VALUE" in texts[1]
    assert "LOG_LEVEL 'loud'" in texts[2]
    assert "line 2" in texts[2]
    assert "did you mean SYMBOLS?" in texts[3]
    (poller,) = its.pollers
    assert 7 == poller.sim_seed
    (missing,) = check_settings({CONFIG: str(tmp_path / "none")}).findings
    assert "cannot be read" in missing.text


def test_a_slip_of_the_shift_key_is_nothing_wrong() -> None:
    """Capitals in a value do not matter."""
    assert ["ok"] == [its.mark for its in check_settings({"FEED": "Simulated", "LOG_LEVEL": "info"}).findings]


def test_each_venue_has_a_poller() -> None:
    """Each with its own symbols, as the launcher would start them; a venue that is none is wrong."""
    its = check_settings({"VENUES": "binance,coinbase", "POLLER_METRICS_PORT": "9000"})
    assert ["binance", "coinbase"] == [poller.venue.name for poller in its.pollers]
    assert [9000, 9001] == [poller.poller_metrics_port for poller in its.pollers]
    assert "coinbase:BTC-USD" in its.pollers[1].symbols
    assert its.gateway is not None
    assert "coinbase:BTC-USD" in its.gateway.symbols
    (unknown,) = check_settings({"VENUES": "binance,kraken"}).findings
    assert ("wrong", True) == (unknown.mark, "'kraken', which is no venue" in unknown.text)
    (unknown,) = check_settings({"VENUE": "kraken"}).findings
    assert ("wrong", "VENUE") == (unknown.mark, unknown.text.split()[0])


def test_symbols_that_are_no_pairs_are_warned_of() -> None:
    """With the pairs that were probably meant; once, and of the default venue alone."""
    warned, ok = check_settings({"SYMBOLS": "BTC,ETHUSDT,coinbase:BTC", "VENUES": "binance,coinbase"}).findings
    assert ("warning", "ok") == (warned.mark, ok.mark)
    assert ("SYMBOLS: BTC is no pair of binance", "did you mean BTCUSDT?") == (warned.text, warned.fix)
    assert ["ok"] == [its.mark for its in check_settings({"SYMBOLS": "ETHBTC,BTCIDR"}).findings]
