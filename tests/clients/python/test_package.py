"""The package of the client keeps its shape, and stands alone."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import tickgate_client

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGE = ROOT / "clients" / "python" / "tickgate_client"
PROJECT = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDERS = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem != "__init__")

COVERED_BY = {
    "actions": "test_core",
    "errors": "test_stream",
    "events": "test_inbox",
    "prices/prices": "test_core",
    "protocol/requests": "protocol/test_subscriptions",
    "protocol/wire": "test_core",
    "transport/driver": "test_stream",
    "version": "test_package",
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
    """Only the transport and what uses it know of sockets and event loops."""
    outside = {"transport", "stream", "sync"}
    for module in MODULES:
        if module.relative_to(PACKAGE).with_suffix("").parts[0] not in outside:
            tops = {name.partition(".")[0] for name in imports(module)}
            assert tops & {"asyncio", "socket", "ssl", "websockets"} == set(), module


def contents(folder: Path) -> list[str]:
    """What the first words of a package list, in their order."""
    words = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    return re.findall(r"^``(\w+)``", words, re.M)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_imports_what_stands_below_it_in_the_table_of_contents(folder: Path) -> None:
    """The first words of a package list all that is in it, top first; so nothing imports in a circle."""
    listed = contents(folder)
    children = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path in FOLDERS} - {"__init__"}
    assert children == set(listed)
    own = ".".join(folder.relative_to(PACKAGE.parent).parts)
    for module in MODULES:
        if module.is_relative_to(folder):
            child = module.relative_to(folder).with_suffix("").parts[0]
            others = {name[len(own) + 1 :].partition(".")[0] for name in imports(module) if name.startswith(f"{own}.")}
            assert others - {child} <= set(listed[listed.index(child) + 1 :]), module


def test_every_module_is_short_and_tested() -> None:
    """300 lines at most, and a file of tests at the same place, or in another file."""
    names = {module.relative_to(PACKAGE).with_suffix("").as_posix(): module for module in MODULES}
    for name, module in names.items():
        assert len(module.read_text(encoding="utf-8").splitlines()) <= 300, module
        beside = (Path(name).parent / f"test_{module.stem}").as_posix()
        assert (HERE / f"{COVERED_BY.get(name, beside)}.py").exists(), module
    tests = {
        path.relative_to(HERE).as_posix().replace("test_", "").removesuffix(".py") for path in HERE.rglob("test_*.py")
    }
    assert tests <= {*names, "package"}


def test_its_wheel_has_everything(tmp_path: Path) -> None:
    """Built as an installer builds it, and imported where nothing else of this tree is."""
    source = shutil.copytree(PACKAGE.parent, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__", "build"))
    build = "import setuptools.build_meta, sys; setuptools.build_meta.build_wheel(sys.argv[1])"
    run(source, sys.executable, "-c", build, str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if name.startswith("tickgate_client/")}
    modules = {path.relative_to(PACKAGE.parent).as_posix() for path in PACKAGE.rglob("*.py")}
    assert modules | {"tickgate_client/py.typed"} == inside
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
