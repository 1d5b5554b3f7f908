"""hadolint, Docker Compose, Helm and kubeconform read the files in ``deploy/docker`` and ``deploy/helm``."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
TOOLS = Path(os.environ.get("DEPLOYMENT_TOOLS", ""))
CHART = "deploy/helm/tickgate"
EVERYTHING = ",".join(
    (
        "autoscaling.enabled=true",
        "ingress.enabled=true",
        "ingress.className=nginx",
        "ingress.tlsSecret=prices",
        "gateway.settings.TRUSTED_PROXIES=10.244.0.0/16",
        "service.type=LoadBalancer",
        "serviceMonitor.enabled=true",
        "serviceMonitor.tokenKey=metrics-token",
        "prometheusRule.enabled=true",
    )
)
"""Values with which every template makes something."""
OLDEST, NEWEST = "1.25.0", "1.37.0"
"""The one that Chart.yaml names, and the newest whose schemas the package has."""

pytestmark = pytest.mark.skipif(
    "DEPLOYMENT_TOOLS" not in os.environ, reason="builds the tools with downloads; make deployment-files"
)


def run(*command: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run one of the tools in the tree."""
    program = str(TOOLS / "bin" / command[0])
    return subprocess.run(
        [program, *command[1:]], cwd=ROOT, input=given, capture_output=True, text=True, check=False, timeout=60
    )


def rendered(*options: str, version: str = NEWEST) -> str:
    """The manifests that Helm makes of the chart."""
    made = run("helm", "template", "prices", CHART, "--kube-version", version, *options)
    assert made.returncode == 0, made.stderr
    return made.stdout


def resources(*options: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Kind and name of each, and what it is."""
    return {(made["kind"], made["metadata"]["name"]): made for made in yaml.safe_load_all(rendered(*options)) if made}


def test_hadolint_finds_nothing() -> None:
    """Not even information."""
    found = run("hadolint", "--failure-threshold", "style", "deploy/docker/Dockerfile")
    assert (found.returncode, found.stdout) == (0, "")


def test_compose_reads_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number of gateways that is asked for."""
    monkeypatch.setenv("GATEWAYS", "5")
    read = run("docker-compose", "-f", "deploy/docker/compose.yaml", "config")
    assert read.returncode == 0, read.stderr
    assert "" == read.stderr
    services = yaml.safe_load(read.stdout)["services"]
    assert services.keys() == {"valkey", "poller", "gateway", "haproxy"}
    assert services["gateway"]["deploy"]["replicas"] == 5
    assert services["gateway"]["command"] == ["gateway"]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("options", [(), ("--set", EVERYTHING)], ids=["defaults", "everything"])
def test_kubernetes_knows_every_field(options: tuple[str, ...], version: str) -> None:
    """In the oldest version and in the newest. The kinds of Prometheus's operator have no schema here."""
    checked = run(
        "kubeconform",
        "-strict",
        "-summary",
        "-kubernetes-version",
        version,
        "-skip",
        "ServiceMonitor,PodMonitor,PrometheusRule",
        "-schema-location",
        f"{TOOLS}/schemas/{{{{.NormalizedKubernetesVersion}}}}{{{{.StrictSuffix}}}}/"
        "{{.ResourceKind}}{{.KindSuffix}}.json",
        given=rendered(*options, version=version),
    )
    assert checked.returncode == 0, checked.stdout
    assert "Valid: 0" not in checked.stdout


def test_kubeconform_would_find_a_wrong_field() -> None:
    """The schemas are in use."""
    wrong = rendered().replace("minReadySeconds", "minReadySecond")
    checked = run(
        "kubeconform",
        "-strict",
        "-kubernetes-version",
        NEWEST,
        "-schema-location",
        f"{TOOLS}/schemas/{{{{.NormalizedKubernetesVersion}}}}{{{{.StrictSuffix}}}}/"
        "{{.ResourceKind}}{{.KindSuffix}}.json",
        given=wrong,
    )
    assert checked.returncode == 1
    assert "minReadySecond" in checked.stdout


@pytest.mark.parametrize("options", [(), ("--set", EVERYTHING)], ids=["defaults", "everything"])
def test_helm_lints_it_strictly(options: tuple[str, ...]) -> None:
    """Without a warning."""
    linted = run("helm", "lint", "--strict", CHART, "--kube-version", NEWEST, *options)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("gateway.preStopSeconds=10", "must be longer than gateway.balancerSeconds"),
        ("poller.settings.FEED=auto", "must not be auto with several pollers"),
        ("ingress.enabled=true", "wants gateway.settings.TRUSTED_PROXIES"),
        ("gateway.replica=3", "replica"),
    ],
)
def test_values_that_would_fail_at_night_are_refused(wrong: str, reason: str) -> None:
    """With a reason."""
    made = run("helm", "template", "prices", CHART, "--kube-version", NEWEST, "--set", wrong)
    assert made.returncode != 0
    assert reason in made.stderr


def test_a_gateway_has_time_for_its_drain() -> None:
    """Whatever the values are: preStop, drain and fifteen seconds."""
    made = resources("--set", "gateway.preStopSeconds=40,gateway.drainSeconds=120")
    pod = made["Deployment", "prices-tickgate-gateway"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == 40 + 120 + 15
    (container,) = pod["containers"]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "40"]
    assert {"name": "DRAIN_SECONDS", "value": "120"} in container["env"]


def test_pods_are_confined() -> None:
    """As the level `restricted` of Kubernetes's pod security standards asks."""
    pods = [made["spec"]["template"]["spec"] for (kind, _), made in resources().items() if kind == "Deployment"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_everything_that_selects_pods_finds_some() -> None:
    """Services, budgets, policies and the scaler lead to pods, by label, port and name."""
    made = resources("--set", EVERYTHING)
    pods = [each["spec"]["template"] for (kind, _), each in made.items() if kind == "Deployment"]
    selecting = {
        "Service": lambda spec: spec["selector"],
        "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
    }
    found = 0
    for (kind, name), each in made.items():
        if kind not in selecting:
            continue
        labels = selecting[kind](each["spec"]).items()
        chosen = [pod for pod in pods if labels <= pod["metadata"]["labels"].items()]
        assert len(chosen) == 1, (kind, name)
        named = {port["name"] for port in chosen[0]["spec"]["containers"][0].get("ports", ())}
        if kind == "Service":
            assert {port["targetPort"] for port in each["spec"]["ports"]} <= named
        found += 1
    assert found == 6
    monitor = made["ServiceMonitor", "prices-tickgate"]["spec"]["selector"]["matchLabels"].items()
    assert 1 == sum(
        monitor <= each["metadata"]["labels"].items() for (kind, _), each in made.items() if kind == "Service"
    )
    scaled = made["HorizontalPodAutoscaler", "prices-tickgate-gateway"]["spec"]
    assert ("Deployment", scaled["scaleTargetRef"]["name"]) in made
    assert "replicas" not in made["Deployment", "prices-tickgate-gateway"]["spec"]


def test_pollers_are_scraped_with_a_token_only() -> None:
    """Without one, their metrics stay on loopback."""
    for options, scraped in ((("--set", "serviceMonitor.enabled=true"), False), (("--set", EVERYTHING), True)):
        made = resources(*options)
        (container,) = made["Deployment", "prices-tickgate-poller"]["spec"]["template"]["spec"]["containers"]
        assert scraped == ({"name": "POLLER_METRICS_HOST", "value": "0.0.0.0"} in container["env"])  # noqa: S104
        assert scraped == bool(made["NetworkPolicy", "prices-tickgate-poller"]["spec"]["ingress"])
        assert scraped == (("PodMonitor", "prices-tickgate-poller") in made)
        if scraped:
            monitor = made["PodMonitor", "prices-tickgate-poller"]["spec"]
            assert monitor["podMetricsEndpoints"][0]["port"] == container["ports"][0]["name"]
