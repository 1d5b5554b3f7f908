"""The tree keeps its shape: imports go one way, and every module has its tests."""

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = {
    "market": set(),
    "poller": {"market"},
    "gateway": {"market"},
    # The command line runs the others, the launcher starts them as programs, and `check` asks for what each would.
    "deploy": {"gateway", "market", "poller"},
}
"""Package -> which others of ours it may import."""

GATEWAY_LAYERS = (
    {"__main__", "worker"},
    {"app", "reload"},
    {"http"},
    {"binance"},
    {"client", "fleet", "orders", "scrape"},
    {"comparison"},
    {"gateway"},
    {"settings"},
    {"admission", "events", "fanout"},
    {"protocol"},
    {"auth", "websocket"},
    {"hosting"},
    {"errors", "log_events", "metrics"},
)
"""Packages and single modules of the gateway, top first: each imports only from layers below its own."""

POLLER_LAYERS = (
    "__main__",
    "app",
    "metrics presence reload",
    "opening",
    "venues.auto venues.replay settings",
    "venues.registry",
    "venues.binance venues.coinbase venues.simulated",
    "venues.venue venues.simulated_day",
    "coverage",
    "stream",
    "rest",
    "network intake",
    "publishing",
    "ticks states",
    "quality",
    "source errors log_events",
)
"""Packages of the poller, and modules beside them, top first: each imports only from layers below its own."""

MARKET_LAYERS = ("settings wire metrics", "bus", "prices process", "errors")
"""The same of the market."""

BENCH_LAYERS = (
    "__main__ page redis_bus incoming scrape kafka",
    "options capacity",
    "measuring",
    "system attacks baselines",
    "clients",
    "reports",
    "servers",
    "feed host",
    "scenarios result",
)
"""The same of the bench."""

LOADTEST_LAYERS = ("locustfile", "runs", "sessions transport", "users", "protocol")
"""The same of the load test."""

REDIS_LAYERS = ("bus cluster", "roles", "connection")
"""The same of the bus on Redis."""

KAFKA_LAYERS = ("bus", "roles", "connection")
"""The same of the bus on Kafka."""

CLUSTER_LAYERS = ("bus", "roles", "subscription", "connection")
"""The same of the bus on a cluster."""

NOT_MIRRORED = {"__init__", "__main__", "errors", "log_events"}
"""Nothing in them decides anything; entry points are started by the integration tests."""

BESIDE = {
    "deploy/test_venv.py": "deploy/venv.sh",
    "deploy/release/test_releases.py": "deploy/release/release.sh",
    "market/bus/redis/cluster/test_failover.py": "a bus on a cluster whose nodes fail, and whose slots move",
    "market/bus/redis/test_failover.py": "a bus, while real servers fail over behind its address",
    "market/bus/kafka/test_security.py": "a bus, whose broker speaks TLS and knows users",
    "gateway/test_conformance.py": "cases for any WebSocket server, against a gateway's connections",
    "gateway/test_peers.py": "other people's programs, reading what the gateway as a whole sends",
    "poller/test_single_symbols.py": "single symbols, through a source and the poller's own intake",
}
"""Test files that belong to no one module, and why."""

COVERED_BY = {
    "market/process/events.py": "reference/test_log_events.py",
    "gateway/admission/policy.py": "gateway/admission/test_admission.py",
    "gateway/auth/opening.py": "gateway/test_app.py",
    "gateway/fanout/history/decoded.py": "gateway/fanout/history/test_history.py",
    "gateway/client/stream_client.py": "gateway/http/v1/test_stream.py",
    "gateway/http/bearers.py": "gateway/http/test_routes.py",
    "gateway/http/v1/access.py": "gateway/http/v1/test_ticks.py",
    "gateway/http/v1/pieces.py": "gateway/http/v1/test_symbols.py",
    "gateway/binance/endpoint.py": "gateway/binance/test_client.py",
    "gateway/client/welcome.py": "gateway/client/test_client.py",
    "gateway/gateway.py": "gateway/test_app.py",
    "gateway/fanout/cohorts/member.py": "gateway/fanout/cohorts/test_cohort.py",
    "gateway/fanout/pacing/pending.py": "gateway/fanout/cohorts/test_group.py",
    "gateway/fanout/cohorts/places.py": "gateway/fanout/cohorts/test_cohort.py",
    "gateway/fanout/registry.py": "gateway/fanout/test_hub.py",
    "gateway/protocol/error_codes.py": "gateway/client/test_session.py",
    "gateway/protocol/served_symbol.py": "gateway/client/test_listing.py",
    "gateway/websocket/writer.py": "gateway/websocket/test_connection.py",
    "gateway/fanout/feed/last_values.py": "gateway/fanout/feed/test_interruptions.py",
    "gateway/fanout/feed/venue_feeds.py": "gateway/fanout/feed/test_venue_feed.py",
    "gateway/fanout/feed/symbol_states/states_reader.py": "gateway/fanout/feed/test_feed.py",
    "poller/coverage/listing.py": "poller/venues/binance/test_listing.py",
    "poller/coverage/streams.py": "poller/coverage/test_source.py",
    "poller/coverage/watch.py": "poller/coverage/test_source.py",
    "poller/network/counters.py": "poller/coverage/test_source.py",
    "poller/network/refusals.py": "poller/rest/test_client.py",
    "poller/rest/answers.py": "poller/venues/binance/test_messages.py",
    "poller/rest/timing.py": "poller/venues/binance/test_limits.py",
    "poller/source.py": "poller/test_intake.py",
    "poller/stream/dialect.py": "poller/venues/binance/test_dialect.py",
    "poller/stream/limits.py": "poller/venues/binance/test_limits.py",
    "poller/stream/peer.py": "poller/stream/test_connection.py",
    "poller/stream/timing.py": "poller/venues/binance/test_limits.py",
    "poller/venues/venue.py": "poller/venues/test_registry.py",
    "poller/venues/binance/venue.py": "poller/venues/test_registry.py",
    "poller/venues/coinbase/venue.py": "poller/venues/test_registry.py",
    "poller/venues/binance/rest.py": "poller/rest/test_client.py",
    "poller/venues/binance/streams.py": "poller/coverage/test_source.py",
    "market/bus/memory.py": "market/bus/test_broker.py",
    "market/bus/store.py": "market/bus/test_registry.py",
    "market/bus/kafka/bus.py": "market/bus/test_registry.py",
    "market/bus/kafka/connection/client.py": "market/bus/test_broker.py",
    "market/bus/kafka/connection/reader.py": "market/bus/test_last_values.py",
    "market/bus/kafka/connection/subscription.py": "market/bus/test_broker.py",
    "market/bus/kafka/roles/broker.py": "market/bus/test_broker.py",
    "market/bus/kafka/roles/last_values.py": "market/bus/test_last_values.py",
    "market/bus/kafka/roles/sender.py": "market/bus/kafka/roles/test_leadership.py",
    "market/bus/kafka/roles/tickets.py": "market/bus/kafka/roles/test_leadership.py",
    "market/bus/redis/connection/dial.py": "market/bus/redis/connection/test_faults.py",
    "market/bus/redis/connection/url_parts.py": "market/bus/redis/connection/test_url.py",
    "market/bus/redis/cluster/connection/nodes.py": "market/bus/redis/cluster/connection/test_client.py",
    "market/bus/redis/cluster/roles/last_values.py": "market/bus/redis/cluster/roles/test_broker.py",
    "market/bus/redis/cluster/roles/scripts.py": "market/bus/redis/cluster/roles/test_leadership.py",
    "market/bus/redis/cluster/roles/tickets.py": "market/bus/redis/cluster/roles/test_leadership.py",
    "market/bus/redis/cluster/subscription/node_link.py": "market/bus/redis/cluster/subscription/test_subscription.py",
    "market/bus/redis/connection/pipe.py": "market/bus/redis/connection/test_pool.py",
    "market/bus/redis/roles/scripts.py": "market/bus/redis/roles/test_broker.py",
    "market/bus/redis/connection/subscription.py": "market/bus/redis/roles/test_broker.py",
    "deploy/fronts/addresses.py": "deploy/launcher/test_programs.py",
    "deploy/grafana/panels.py": "deploy/grafana/test_rows.py",
    "deploy/grafana/prometheus.py": "deploy/grafana/test_picture.py",
    "deploy/checks/cluster_rights.py": "deploy/checks/test_cluster.py",
    "deploy/files.py": "integration/test_installed.py",
    "deploy/launcher/launch.py": "integration/test_launcher.py",
    "deploy/process/program.py": "deploy/launcher/test_programs.py",
    "deploy/settings.py": "deploy/launcher/test_programs.py",
    "deploy/buses/servers.py": "deploy/launcher/test_stack.py",
    "deploy/watch/messages.py": "deploy/watch/test_board.py",
}
"""Modules whose tests stand elsewhere, below tests/."""


def _modules(package: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py") if path.stem.isidentifier())


def _imports(module: Path, *, deferred: bool = True) -> set[str]:
    """Dotted names of everything that a module imports, with or without what it imports only when it runs."""
    names: set[str] = set()
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree) if deferred else tree.body:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names.add(str(node.module))
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_only_what_is_below_them(package: str) -> None:
    """Poller and gateway know the market and not each other; the market knows nobody."""
    ours = {path.name for path in ROOT.iterdir() if path.is_dir()}
    forbidden = ours - ALLOWED[package] - {package}
    for module in _modules(package):
        tops = {name.partition(".")[0] for name in _imports(module)}
        assert tops & forbidden == set(), module


def test_the_gateway_imports_downwards() -> None:
    """No package of the gateway imports one of its own layer or of one above."""
    depths = {name: depth for depth, layer in enumerate(GATEWAY_LAYERS) for name in layer}
    for module in _modules("gateway"):
        own = module.with_suffix("").parts[1]
        if own == "__init__":
            continue
        assert own in depths, f"{own} has no place in GATEWAY_LAYERS"
        imported = {name.split(".")[1] for name in _imports(module) if name.startswith("gateway.")}
        for other in imported - {own}:
            assert depths[other] > depths[own], f"{module} imports gateway.{other}"


def test_websockets_know_no_prices() -> None:
    """``gateway/websocket`` would serve any other project as well: nothing of the market is in it."""
    for module in _modules("gateway/websocket"):
        assert {name for name in _imports(module) if name.startswith(("market", "poller"))} == set(), module


def _children(folder: Path) -> dict[str, list[Path]]:
    """Dotted name of each module and each sub-folder of ``folder`` → its modules."""
    children: dict[str, list[Path]] = {}
    for module in _modules(folder.as_posix()):
        child = folder / module.relative_to(folder).parts[0]
        if child.name != "__init__.py":
            children.setdefault(".".join(child.with_suffix("").parts), []).append(module)
    return children


@pytest.mark.parametrize(
    ("package", "layers"),
    [
        ("poller", POLLER_LAYERS),
        ("market", MARKET_LAYERS),
        ("bench", BENCH_LAYERS),
        ("loadtest", LOADTEST_LAYERS),
        ("market.bus.redis", REDIS_LAYERS),
        ("market.bus.kafka", KAFKA_LAYERS),
        ("market.bus.redis.cluster", CLUSTER_LAYERS),
    ],
)
def test_packages_import_downwards(package: str, layers: tuple[str, ...]) -> None:
    """No part of a package imports from one of its own layer or of one above."""
    depths = {f"{package}.{name}": depth for depth, layer in enumerate(layers) for name in layer.split()}

    def place(dotted: str) -> str:
        """The part of ``layers`` that a dotted name belongs to, if any."""
        return next((name for name in depths if f"{dotted}.".startswith(f"{name}.")), "")

    for module in _modules(package.replace(".", "/")):
        own = place(".".join(module.with_suffix("").parts))
        assert own or module.stem == "__init__", f"{module} has no place in the layers of {package}"
        for other in {place(name) for name in _imports(module)} - {own, ""}:
            assert depths[other] > depths[own], f"{module} imports {other}"


@pytest.mark.parametrize("package", [*ALLOWED, "bench", "loadtest"])
def test_nothing_imports_in_a_circle(package: str) -> None:
    """Modules and sub-folders of a folder can be put in an order in which each needs only earlier ones."""
    for folder in sorted({module.parent for module in _modules(package)}):
        children = _children(folder)
        remaining = {
            child: {
                other
                for module in modules
                for name in _imports(module, deferred=False)
                for other in children
                if other != child and f"{name}.".startswith(f"{other}.")
            }
            for child, modules in children.items()
        }
        while remaining:
            free = {name for name, needs in remaining.items() if not needs & remaining.keys()}
            assert free, f"these import each other: {sorted(remaining)}"
            for name in free:
                del remaining[name]


@pytest.mark.parametrize("package", ["gateway", "poller", "market", "bench", "loadtest"])
def test_every_package_names_what_is_in_it(package: str) -> None:
    """The first words of a folder are its table of contents."""
    for folder in sorted({module.parent for module in _modules(package)}):
        contents = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        for child in _children(folder):
            name = child.rpartition(".")[2]
            assert f"``{name}``" in contents, f"{folder}/__init__.py does not name {name}"


@pytest.mark.parametrize("package", [*ALLOWED, "bench", "loadtest"])
def test_no_module_is_longer_than_three_hundred_lines(package: str) -> None:
    """A longer one is two."""
    lengths = {path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in _modules(package)}
    assert {} == {path: length for path, length in lengths.items() if length > 300}


@pytest.mark.parametrize("package", [*ALLOWED, "bench", "loadtest"])
def test_no_folder_has_more_than_fifteen_modules(package: str) -> None:
    """One with more asks for sub-packages."""
    counts = Counter(module.parent.as_posix() for module in _modules(package))
    assert {} == {folder: count for folder, count in counts.items() if count > 15}


def test_no_folder_of_the_page_has_more_than_fifteen_files() -> None:
    """The same for what browsers get."""
    counts = Counter(path.parent.name for path in (ROOT / "gateway/web").rglob("*") if path.is_file())
    assert {} == {folder: count for folder, count in counts.items() if count > 15}


def test_locust_loads_one_module_of_the_load_test() -> None:
    """It takes each whose name has no underscore in front for a locustfile, in sub-folders too."""
    assert ["loadtest/locustfile.py"] == [path.as_posix() for path in _modules("loadtest") if path.name[0] != "_"]


@pytest.mark.parametrize("package", ALLOWED)
def test_every_module_has_its_tests(package: str) -> None:
    """``gateway/fanout/hub.py`` is tested by ``tests/gateway/fanout/test_hub.py``, and so for all."""
    expected = {
        COVERED_BY.get(module.as_posix(), (module.parent / f"test_{module.stem}.py").as_posix())
        for module in _modules(package)
        if module.stem not in NOT_MIRRORED
    }
    missing = {path for path in expected if not (ROOT / "tests" / path).is_file()}
    assert missing == set()


@pytest.mark.parametrize("package", ALLOWED)
def test_every_test_file_has_its_module(package: str) -> None:
    """A test file is named for what it tests; one left behind by a renamed module is found."""
    tests = ROOT / "tests" / package
    for test in sorted(tests.rglob("test_*.py")):
        path = test.relative_to(ROOT / "tests")
        name = path.name.removeprefix("test_")
        module = path.with_name("__main__.py" if name == "main.py" else name)
        known = (ROOT / module).is_file() or (ROOT / module.with_suffix("")).is_dir()
        assert known or path.as_posix() in BESIDE or path.as_posix() in COVERED_BY.values(), path
