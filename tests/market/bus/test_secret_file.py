"""Secrets in files."""

from pathlib import Path

import pytest

from market.bus.secret_file import SecretFileError, read_secret


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_line_end_is_no_part_of_it(tmp_path: Path, end: str) -> None:
    """Editors write one, orchestrators do not."""
    path = tmp_path / "secret"
    path.write_bytes(f" sesame, ö {end}".encode())
    assert " sesame, ö " == read_secret(str(path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"sesame\nother\n", "several lines"),
        (b"sesame\xff", "UTF-8"),
        (b"sesame\x00", "cannot be printed"),
        (b"sesame" * 1000, "longer than 4096 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path: Path, content: bytes, problem: str) -> None:
    """Each says what is wrong."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(SecretFileError, match=problem) as refused:
        read_secret(str(path))
    assert "sesame" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Nor a folder, nor a name that no file can have."""
    for path in (str(tmp_path / "nowhere"), str(tmp_path), "a\0b"):
        with pytest.raises(SecretFileError, match="cannot be read"):
            read_secret(path)
