"""Which front ``FRONT`` names."""

import gc

import pytest

from deploy.errors import DeployError
from deploy.fronts.chosen import FRONTS, Folder, front_of


def test_without_a_word_it_is_haproxy() -> None:
    """And a name is read as it is meant."""
    assert (front_of({}), front_of({"FRONT": " NGINX "})) == ("haproxy", "nginx")


def test_what_is_no_front_is_refused_with_all_that_are() -> None:
    """Before anything is started."""
    with pytest.raises(DeployError, match=", ".join(FRONTS)):
        front_of({"FRONT": "caddy"})


def test_a_folder_goes_with_its_object() -> None:
    """Nothing is left of it."""
    folder = Folder("test")
    path = folder.path
    (path / "file").touch()
    assert path.is_dir()
    del folder
    gc.collect()
    assert not path.exists()
