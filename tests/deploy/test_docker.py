"""The files in ``deploy/docker`` agree with the settings, with each other and with the tree."""

import json
import re
import shlex
from configparser import ConfigParser
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.fronts.timeouts import seconds_of
from deploy.health import PATIENCE_S

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKER = ROOT / "deploy" / "docker"
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTINGS = {
    name for row in re.findall(r"^\| (`.*?) \|", CONFIGURATION, re.MULTILINE) for name in re.findall(r"\w+", row)
}
OF_PYTHON = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "PYTHONUNBUFFERED"}
"""What the image sets that is no setting of ours."""


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile, with its argument in one line."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\s*\\\n\s*", " ", lines)
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def arguments(instruction: str) -> list[str]:
    """The arguments of each instruction of this name."""
    return [rest for name, rest in instructions() if name == instruction]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The parsed file."""
    parsed: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
    return parsed


def seconds(duration: str) -> float:
    """A duration of a Compose file."""
    found = seconds_of(duration)
    assert found is not None
    return found


def test_everything_that_the_image_copies_is_there_and_is_sent() -> None:
    """The list of what is sent names each source, and no more."""
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {source for rest in arguments("COPY") if "--from" not in rest for source in rest.split()[:-1]}
    assert copied == sent
    assert {source for source in copied if not (ROOT / source).exists()} == set()


def test_the_image_has_each_package_that_is_installed() -> None:
    """And the files that links in them lead to."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    packages = {name.strip().rstrip("*") for name in config["options.packages.find"]["include"].split()}
    copied = {source for rest in arguments("COPY") if "--from" not in rest for source in rest.split()[:-1]}
    assert packages <= copied
    links = [path for package in packages for path in (ROOT / package).rglob("*") if path.is_symlink()]
    assert links
    for link in links:
        assert link.resolve().relative_to(ROOT).as_posix() in copied, link


def test_programs_start_without_a_shell() -> None:
    """So signals reach them, and nothing in the environment is expanded."""
    for name in ("ENTRYPOINT", "CMD"):
        (words,) = arguments(name)
        assert isinstance(json.loads(words), list)
    (check,) = arguments("HEALTHCHECK")
    assert json.loads(check.partition(" CMD ")[2]) == ["python", "-m", "deploy.health", "gateway"]


def test_the_user_is_a_number_that_is_not_root() -> None:
    """Kubernetes looks at the number: a name might be root's."""
    (user,) = arguments("USER")
    assert re.fullmatch(r"([1-9][0-9]{3,}):\1", user)


def test_the_health_check_ends_by_itself() -> None:
    """The command gives up before Docker kills it, and can say why."""
    (check,) = arguments("HEALTHCHECK")
    match = re.search(r"--timeout=(\S+)", check)
    assert match is not None
    assert seconds(match[1]) > PATIENCE_S


def test_every_variable_of_the_image_is_a_setting() -> None:
    """Or one of Python's."""
    names = {word.partition("=")[0] for rest in arguments("ENV") for word in shlex.split(rest)}
    assert names - OF_PYTHON <= SETTINGS
    assert "GATEWAY_HOST" in names


def test_every_variable_of_a_service_is_a_setting(compose: dict[str, Any]) -> None:
    """Of the program that runs there."""
    for name, service in compose["services"].items():
        assert service.get("environment", {}).keys() <= SETTINGS, name


def test_only_the_proxy_has_a_port(compose: dict[str, Any]) -> None:
    """And nobody but our own programs reaches the bus."""
    services = compose["services"]
    assert {"haproxy"} == {name for name, service in services.items() if service.get("ports")}
    assert ["inside"] == services["valkey"]["networks"]
    assert compose["networks"]["inside"]["internal"] is True


def test_the_ports_agree(compose: dict[str, Any]) -> None:
    """Proxy, its health check, what is published, and the gateways."""
    services = compose["services"]
    gateway, haproxy = services["gateway"]["environment"], services["haproxy"]["environment"]
    assert haproxy["TICKGATE_GATEWAYS"] == f"gateway:{gateway['GATEWAY_PORT']}"
    port = haproxy["TICKGATE_BIND"].rpartition(":")[2]
    assert services["haproxy"]["ports"][0].endswith(f":{port}")
    assert f"127.0.0.1:{port}/" in services["haproxy"]["healthcheck"]["test"][-1]


def test_gateways_believe_the_proxy_and_nobody_else(compose: dict[str, Any]) -> None:
    """It has an address of its own, which no other container is given."""
    address = compose["services"]["haproxy"]["networks"]["inside"]["ipv4_address"]
    assert compose["services"]["gateway"]["environment"]["TRUSTED_PROXIES"] == address
    (pool,) = compose["networks"]["inside"]["ipam"]["config"]
    assert ip_address(address) in ip_network(pool["subnet"])
    assert ip_address(address) not in ip_network(pool["ip_range"])


def test_there_is_time_to_drain(compose: dict[str, Any]) -> None:
    """Docker kills a gateway only after its drain and the fifteen seconds that gunicorn would give it too."""
    gateway = compose["services"]["gateway"]
    assert seconds(gateway["stop_grace_period"]) >= float(gateway["environment"]["DRAIN_SECONDS"]) + 15


def test_every_service_is_confined(compose: dict[str, Any]) -> None:
    """Read-only, without rights, with limits and a health check."""
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["user"] == "10001:10001", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["restart"] == "unless-stopped", name
        assert ":latest" not in service["image"], name
        assert ":" in service["image"], name


def test_secrets_are_files(compose: dict[str, Any]) -> None:
    """No password or address with one stands in an environment."""
    for service in compose["services"].values():
        assert service.get("environment", {}).keys() & {"BUS_URL", "STORE_URL", "JWT_SECRET", "METRICS_TOKEN"} == set()
    for name in ("poller", "gateway"):
        service = compose["services"][name]
        assert service["environment"]["TICKGATE_CONFIG"] == f"/run/secrets/{service['secrets'][0]}"


def test_a_second_poller_follows_with_the_same_prices(compose: dict[str, Any]) -> None:
    """Two run, and neither would simulate."""
    poller = compose["services"]["poller"]
    assert poller["deploy"]["replicas"] == 2
    assert "auto" not in poller["environment"]["FEED"]


def test_the_image_has_this_version(compose: dict[str, Any]) -> None:
    """The one of setup.cfg."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    assert f":{config['metadata']['version']}}}" in compose["services"]["gateway"]["image"]
