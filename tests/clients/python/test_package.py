"""The package of the client keeps its shape, and stands alone."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import tickgate_client

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGE = ROOT / "clients" / "python" / "tickgate_client"
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODULES = sorted(path for path in PACKAGE.glob("*.py") if path.stem != "__init__")

COVERED_BY = {
    "actions": "test_core",
    "dial": "test_stream",
    "driver": "test_stream",
    "errors": "test_stream",
    "events": "test_inbox",
    "prices": "test_core",
    "requests": "test_subscriptions",
    "version": "test_package",
    "wire": "test_core",
}
"""Modules that another file tests."""


def imports(module: Path) -> set[str]:
    """Dotted names of all that it imports, also when it runs."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    return names


def test_it_needs_websockets_and_no_more() -> None:
    """Everything else is of the standard library, or an extra."""
    others = {name.partition(".")[0] for module in MODULES for name in imports(module)}
    others -= {*sys.stdlib_module_names, "tickgate_client"}
    needed, extras = PROJECT["dependencies"], PROJECT["optional-dependencies"].values()
    assert ["websockets"] == [line.partition(">")[0] for line in needed]
    named = {line.partition(">")[0] for extra in extras for line in extra}
    assert {"websockets"} | named == others


def test_the_core_does_no_io() -> None:
    """Only the driver and what it uses know of sockets and event loops."""
    outside = {"dial", "driver", "stream", "sync"}
    for module in MODULES:
        if module.stem not in outside:
            tops = {name.partition(".")[0] for name in imports(module)}
            assert tops & {"asyncio", "socket", "ssl", "websockets"} == set(), module


def test_nothing_imports_in_a_circle() -> None:
    """Modules can be put in an order in which each needs only earlier ones."""
    remaining = {
        module.stem: {name.partition(".")[2] for name in imports(module) if name.startswith("tickgate_client.")}
        for module in MODULES
    }
    while remaining:
        free = [name for name, needs in remaining.items() if not needs & remaining.keys()]
        assert free, f"these import each other: {sorted(remaining)}"
        for name in free:
            del remaining[name]


def test_every_module_is_short_named_and_tested() -> None:
    """300 lines at most; the first words of the package are its table of contents."""
    contents = tickgate_client.__doc__ or ""
    for module in MODULES:
        assert len(module.read_text(encoding="utf-8").splitlines()) <= 300, module
        assert f"``{module.stem}``" in contents, module
        assert (HERE / f"{COVERED_BY.get(module.stem, f'test_{module.stem}')}.py").exists(), module
    known = {*(module.stem for module in MODULES), "package"}
    assert {test.stem.removeprefix("test_") for test in HERE.glob("test_*.py")} <= known


def test_its_wheel_has_everything(tmp_path: Path) -> None:
    """Built as an installer builds it, and imported where nothing else of this tree is."""
    source = shutil.copytree(PACKAGE.parent, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__", "build"))
    build = "import setuptools.build_meta, sys; setuptools.build_meta.build_wheel(sys.argv[1])"
    run(source, sys.executable, "-c", build, str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {Path(name).name for name in archive.namelist() if name.startswith("tickgate_client/")}
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == inside
    ask = "import sys; sys.path.insert(0, sys.argv[1]); import tickgate_client as t; print(t.__version__, t.__file__)"
    version, place = run(tmp_path, sys.executable, "-P", "-c", ask, str(wheel)).split()
    assert PROJECT["version"] == version
    assert place.startswith(str(wheel))


def run(folder: Path, *command: str) -> str:
    """What a program prints, without our own path."""
    environ = {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=True).stdout


def test_its_version_is_told() -> None:
    """From its metadata; a checkout that is not installed has none."""
    assert tickgate_client.__version__ in {PROJECT["version"], "0"}
