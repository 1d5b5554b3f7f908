"""What is started for which environment."""

import re
import sys
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.launcher import programs
from deploy.launcher.programs import FRONT, GATEWAYS, STATS, TLS, plan_cluster, plan_run
from deploy.process.processes import ROOT
from market.prices.symbols import parse_symbols


@pytest.fixture
def _haproxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are made whether HAProxy is installed or not."""
    monkeypatch.setattr(programs, "find_haproxy", lambda: "/usr/sbin/haproxy")


def test_run_is_valkey_poller_and_one_gateway() -> None:
    """All on one bus, the gateway where GATEWAY_PORT says."""
    plan = plan_run({"GATEWAY_PORT": "9000", "FEED": "simulated"})
    assert [program.name for program in plan] == ["valkey", "poller", "gateway"]
    assert (str(plan.front), plan.url) == ("127.0.0.1:9000", "http://127.0.0.1:9000")
    assert plan.bus is not None
    (valkey,) = plan.bus
    bus_url = f"redis://{valkey.listens[0]}/0"
    assert {program.env["BUS_URL"] for program in (plan.poller, *plan.gateways)} == {bus_url}
    assert {program.env["FEED"] for program in plan} == {"simulated"}
    assert plan.restart


def test_a_bus_that_is_there_is_used() -> None:
    """With BUS_URL set no Valkey is started, and everybody gets it as it stands."""
    plan = plan_run({"BUS_URL": "redis://elsewhere:6379/3"})
    assert [program.name for program in plan] == ["poller", "gateway"]
    assert {program.env["BUS_URL"] for program in plan} == {"redis://elsewhere:6379/3"}


def test_a_bus_in_memory_is_refused() -> None:
    """It reaches no other process; the error names the variable and what to write."""
    with pytest.raises(DeployError, match=r"BUS_URL memory://.*redis://"):
        plan_run({"BUS_URL": "memory://"})


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_is_four_gateways_behind_haproxy() -> None:
    """Each with its own port, HAProxy told of each, a hundred symbols where none are named."""
    plan = plan_cluster({})
    assert [program.name for program in plan] == [
        *("valkey", "poller", "gateway-1", "gateway-2", "gateway-3", "gateway-4", "haproxy"),
    ]
    assert plan.haproxy is not None
    addresses = tuple(str(gateway.listens[0]) for gateway in plan.gateways)
    assert addresses == GATEWAYS
    assert tuple(plan.haproxy.env[f"TICKGATE_GATEWAY_{number}"] for number in range(1, 5)) == GATEWAYS
    assert [gateway.env["GATEWAY_PORT"] for gateway in plan.gateways] == ["8081", "8082", "8083", "8084"]
    assert {len(parse_symbols(program.env["SYMBOLS"])) for program in (plan.poller, *plan.gateways)} == {100}
    assert plan.restart


@pytest.mark.usefixtures("_haproxy")
@pytest.mark.parametrize("symbols", ["BTCUSDT", ""])
def test_symbols_that_are_set_are_kept(symbols: str) -> None:
    """Even empty ones: the program they are for says what is wrong with them."""
    assert plan_cluster({"SYMBOLS": symbols}).poller.env["SYMBOLS"] == symbols


@pytest.mark.usefixtures("_haproxy")
def test_an_address_that_cannot_be_used_is_named() -> None:
    """A misspelt one stops the start before anything runs."""
    with pytest.raises(DeployError, match="TICKGATE_GATEWAY_2='8082'"):
        plan_cluster({"TICKGATE_GATEWAY_2": "8082"})


def test_a_cluster_without_haproxy_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setattr(programs, "find_haproxy", lambda: None)
    with pytest.raises(DeployError, match="apt-get install haproxy"):
        plan_cluster({})


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_without_gunicorn_is_refused_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to type; one gateway needs none."""
    monkeypatch.setitem(sys.modules, "gunicorn", None)
    with pytest.raises(DeployError, match=r"pip install 'tickgate\[cluster\]'"):
        plan_cluster({})
    assert plan_run({}).gateways


@pytest.mark.usefixtures("_haproxy")
def test_programs_are_of_this_tree_wherever_they_are_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They import nothing from there, and this tree before what is installed; files have their whole paths."""
    monkeypatch.chdir(tmp_path)
    for given, expected in (
        ({}, str(ROOT)),
        ({"PYTHONPATH": "/else"}, f"{ROOT}:/else"),
        ({"PYTHONPATH": ""}, str(ROOT)),
    ):
        plan = plan_cluster(given)
        for program in (plan.poller, *plan.gateways):
            assert program.command[:3] == (sys.executable, "-P", "-m")
            assert program.env["PYTHONPATH"] == expected
    assert plan.haproxy is not None
    named = [*plan.haproxy.command, *plan.gateways[0].command]
    for name in ("haproxy.cfg", "gunicorn.conf.py"):
        assert any(Path(word).is_absolute() and Path(word).is_file() for word in named if word.endswith(name)), name


def test_the_launcher_and_haproxy_cfg_have_the_same_defaults() -> None:
    """What ``haproxy.cfg`` takes where a variable is not set is what the launcher waits for."""
    defaults = dict(re.findall(r"\$\{(TICKGATE_\w+)-([^}]+)\}", (ROOT / "haproxy.cfg").read_text()))
    expected = {"TICKGATE_BIND": FRONT, "TICKGATE_STATS_BIND": STATS, "TICKGATE_TLS_BIND": TLS}
    assert {name: value for name, value in defaults.items() if ":" in value} == expected


@pytest.mark.usefixtures("_haproxy")
@pytest.mark.parametrize("count", [1, 2, 8, 16])
def test_a_cluster_has_as_many_gateways_as_are_numbered(count: int) -> None:
    """An empty number is none; past the four that have defaults, each that is given is one."""
    given = {f"TICKGATE_GATEWAY_{number}": f"127.0.0.1:{9000 + number}" for number in range(5, count + 1)}
    plan = plan_cluster(given | {f"TICKGATE_GATEWAY_{number}": "" for number in range(count + 1, 5)})
    assert [gateway.name for gateway in plan.gateways] == [f"gateway-{number}" for number in range(1, count + 1)]
    assert plan.haproxy is not None
    told = [plan.haproxy.env.get(f"TICKGATE_GATEWAY_{number}", "") for number in range(1, 17)]
    assert told == [str(gateway.listens[0]) for gateway in plan.gateways] + [""] * (16 - count)


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_without_a_gateway_of_its_own_is_refused() -> None:
    """None is numbered, or a name leads elsewhere: the launcher would start what HAProxy does not use."""
    with pytest.raises(DeployError, match="TICKGATE_GATEWAY_1"):
        plan_cluster({f"TICKGATE_GATEWAY_{number}": "" for number in range(1, 5)})
    with pytest.raises(DeployError, match="TICKGATE_GATEWAY_CA is for gateways on other machines"):
        plan_cluster({"TICKGATE_GATEWAY_CA": "ca.pem"})
    with pytest.raises(DeployError, match="TICKGATE_GATEWAYS"):
        plan_cluster({"TICKGATE_GATEWAYS": "gateways.test:8080"})


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_asks_no_name_server_for_its_own_gateways() -> None:
    """They are on this machine, which knows its own names; who wants it otherwise says so."""
    for environ, expected in (({}, "0"), ({"TICKGATE_DNS": "1"}, "1")):
        haproxy = plan_cluster(environ).haproxy
        assert haproxy is not None
        assert haproxy.env["TICKGATE_DNS"] == expected


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_believes_its_own_haproxy() -> None:
    """Its gateways take the client's address from it, unless told whom to believe; a gateway alone believes none."""
    assert {gateway.env["TRUSTED_PROXIES"] for gateway in plan_cluster({}).gateways} == {"127.0.0.1,::1"}
    told = plan_cluster({"TRUSTED_PROXIES": "10.0.0.0/8"})
    assert {gateway.env["TRUSTED_PROXIES"] for gateway in told.gateways} == {"10.0.0.0/8"}
    assert "TRUSTED_PROXIES" not in plan_run({}).gateways[0].env


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_of_this_machine_is_served_under_its_own_names_only() -> None:
    """Where HAProxy listens on loopback only; what the operator says comes first, and elsewhere nobody else knows."""
    assert {gateway.env["ALLOWED_HOSTS"] for gateway in plan_cluster({}).gateways} == {"localhost"}
    told = plan_cluster({"ALLOWED_HOSTS": "prices.example.com"})
    assert {gateway.env["ALLOWED_HOSTS"] for gateway in told.gateways} == {"prices.example.com"}
    public = {"TICKGATE_BIND": "0.0.0.0:8080", "AUTH_MODE": "jwt"}
    assert "ALLOWED_HOSTS" not in plan_cluster(public).gateways[0].env


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_that_others_reach_wants_tokens() -> None:
    """HAProxy beyond loopback without tokens is refused, unless that is meant: its gateways could not tell."""
    public = {"TICKGATE_BIND": "0.0.0.0:8080"}
    with pytest.raises(DeployError, match="AUTH_MODE=jwt, or ALLOW_ANONYMOUS=1"):
        plan_cluster(public)
    # A gateway ignores capitals and blanks here.
    with pytest.raises(DeployError, match="AUTH_MODE=jwt, or ALLOW_ANONYMOUS=1"):
        plan_cluster(public | {"AUTH_MODE": " None"})
    assert plan_cluster(public | {"AUTH_MODE": "JWT"}).haproxy is not None
    assert plan_cluster(public | {"ALLOW_ANONYMOUS": "1"}).haproxy is not None


@pytest.mark.usefixtures("_haproxy")
def test_with_a_certificate_haproxy_listens_for_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At an address that is checked like any other; the file is found from wherever the launcher was started."""
    certificate = tmp_path / "cert.pem"
    certificate.touch()
    monkeypatch.chdir(tmp_path)
    plan = plan_cluster({"TICKGATE_CERT": "cert.pem"})
    assert plan.haproxy is not None
    assert [str(address) for address in plan.haproxy.listens] == [FRONT, STATS, TLS]
    assert plan.haproxy.env["TICKGATE_CERT"] == str(certificate)
    assert plan.haproxy.env["TICKGATE_TLS_BIND"] == TLS
    assert plan.url == f"https://{TLS}"
    elsewhere = plan_cluster({"TICKGATE_CERT": "cert.pem", "TICKGATE_TLS_BIND": "0.0.0.0:443", "AUTH_MODE": "jwt"})
    assert str(elsewhere.tls) == "0.0.0.0:443"
    assert "ALLOWED_HOSTS" not in elsewhere.gateways[0].env


@pytest.mark.usefixtures("_haproxy")
@pytest.mark.parametrize("environ", [{}, {"TICKGATE_CERT": ""}])
def test_without_a_certificate_there_is_no_tls(environ: dict[str, str]) -> None:
    """Unset or empty: two addresses, and what clients open is the plain one."""
    plan = plan_cluster(environ)
    assert plan.haproxy is not None
    assert [str(address) for address in plan.haproxy.listens] == [FRONT, STATS]
    assert (plan.tls, plan.url) == (None, f"http://{FRONT}")


@pytest.mark.usefixtures("_haproxy")
def test_a_certificate_that_cannot_be_read_is_refused_with_the_fix() -> None:
    """The error names the variable and what it should hold."""
    with pytest.raises(DeployError, match=r"TICKGATE_CERT='/no/such\.pem'.*PEM"):
        plan_cluster({"TICKGATE_CERT": "/no/such.pem"})


def test_secrets_of_the_environment_are_not_shown() -> None:
    """A plan that ends up in a log or a traceback shows no variable's value."""
    assert "hunter2" not in repr(plan_run({"JWT_SECRET": "hunter2"}))


def config(tmp_path: Path, text: str) -> dict[str, str]:
    """The environment that names a file with this text."""
    (path := tmp_path / "tickgate.conf").write_text(text, encoding="utf-8")
    return {"TICKGATE_CONFIG": str(path)}


def test_the_launcher_obeys_the_file_and_leaves_it_to_the_programs(tmp_path: Path) -> None:
    """It starts no bus where the file names one, listens where the file says, and sets nothing that the file does."""
    environ = config(
        tmp_path, "BUS_URL=redis://elsewhere:6379/3\nGATEWAY_PORT=9001\nDRAIN_SECONDS=9\nSYMBOLS=XRPUSDT\n"
    )
    plan = plan_run(environ)
    assert [program.name for program in plan] == ["poller", "gateway"]
    assert str(plan.front) == "127.0.0.1:9001"
    for program in plan:
        assert {"BUS_URL", "DRAIN_SECONDS", "SYMBOLS"}.isdisjoint(program.env)
        assert program.env["TICKGATE_CONFIG"] == environ["TICKGATE_CONFIG"]
    assert plan_run(environ | {"GATEWAY_PORT": "9002"}).front.port == 9002


def test_defaults_of_the_launcher_are_beneath_the_file_and_its_own_bus_above(tmp_path: Path) -> None:
    """What neither names has the launcher's default; the Valkey that it starts is everybody's bus."""
    plan = plan_run(config(tmp_path, "LOG_LEVEL=DEBUG\n"))
    assert plan.bus is not None
    assert plan.gateways[0].env["DRAIN_SECONDS"] == "0"
    assert plan.gateways[0].env["BUS_URL"] == plan.bus.variables["BUS_URL"]


def test_a_file_that_cannot_be_used_starts_nothing(tmp_path: Path) -> None:
    """One line names file and line."""
    with pytest.raises(
        DeployError, match=r"^TICKGATE_CONFIG '.*tickgate\.conf', line 1 names SYMBOL, which is no setting"
    ):
        plan_run(config(tmp_path, "SYMBOL=BTCUSDT\n"))


@pytest.mark.usefixtures("_haproxy")
def test_a_cluster_obeys_the_file_too(tmp_path: Path) -> None:
    """HAProxy, which reads no such file, gets its own variables from it and no secret; other defaults stay away."""
    text = (
        "SYMBOLS=XRPUSDT\nJWT_SECRET=sesame\nALLOWED_HOSTS=a\nTICKGATE_BIND=127.0.0.1:9003\nTICKGATE_MAX_CONNECTIONS=5"
    )
    plan = plan_cluster(config(tmp_path, text))
    assert plan.haproxy is not None
    assert ("127.0.0.1:9003", "5") == (str(plan.front), plan.haproxy.env["TICKGATE_MAX_CONNECTIONS"])
    assert "JWT_SECRET" not in plan.haproxy.env
    for program in (plan.poller, *plan.gateways):
        assert {"SYMBOLS", "ALLOWED_HOSTS"}.isdisjoint(program.env)
        assert program.env["TRUSTED_PROXIES"] == "127.0.0.1,::1"


@pytest.mark.usefixtures("_haproxy")
def test_a_file_that_opens_the_cluster_to_strangers_must_say_so(tmp_path: Path) -> None:
    """The address, the mode and the permission count wherever they are said."""
    environ = config(tmp_path, "TICKGATE_BIND=0.0.0.0:9003\n")
    with pytest.raises(DeployError, match="ALLOW_ANONYMOUS"):
        plan_cluster(environ)
    (tmp_path / "tickgate.conf").write_text("TICKGATE_BIND=0.0.0.0:9003\nALLOW_ANONYMOUS=1\n", encoding="utf-8")
    assert plan_cluster(environ).front.host == "0.0.0.0"  # noqa: S104 - that is what is meant
