"""Configurations made of a template."""

import pytest

from deploy.errors import DeployError
from deploy.fronts.template import render


def test_places_hold_values_and_what_is_not_ours_stays() -> None:
    """Names in small letters are variables of the program itself."""
    assert render("listen ${BIND}; $host ${uri}", {"BIND": "[::1]:80"}) == "listen [::1]:80; $host ${uri}\n"


def test_a_block_is_there_only_with_its_value() -> None:
    """Else what stands behind `#else`; blocks within blocks too."""
    template = "\n".join(
        ("#if A", "a", "  #if B", "b", "  #else", "no b", "  #endif", "#else", "no a", "#endif", "end")
    )
    assert render(template, {"A": "1", "B": "1"}) == "a\nb\nend\n"
    assert render(template, {"A": "1", "B": ""}) == "a\nno b\nend\n"
    assert render(template, {"A": "", "B": "1"}) == "no a\nend\n"
    assert render(template, {"A": [], "B": "1"}) == "no a\nend\n"


def test_a_list_has_its_block_for_each_entry() -> None:
    """With the values of the entry, and those of all."""
    template = "#each SERVERS\nserver ${HOST} ${ALL};\n#end\n# a comment"
    servers = [{"HOST": "a"}, {"HOST": "b"}]
    assert render(template, {"SERVERS": servers, "ALL": "x"}) == "server a x;\nserver b x;\n# a comment\n"
    assert render(template, {"SERVERS": [], "ALL": "x"}) == "# a comment\n"


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a{", "a\\b", "$a", "'a'", "\x00"])
def test_a_value_cannot_end_its_place(value: str) -> None:
    """It stops the start, with its name."""
    with pytest.raises(DeployError, match=r"^NAME="):
        render("x ${NAME}", {"NAME": value})


@pytest.mark.parametrize(
    "template", ["#if A", "#each A", "#endif", "#else", "#end", "#if A\n#else", "${LIST}", "#each A\n#end"]
)
def test_a_wrong_template_is_found(template: str) -> None:
    """By whoever writes it."""
    with pytest.raises(ValueError, match=r"is missing|without its begin|is a list|is no list"):
        render(template, {"A": "1", "LIST": [{}]})
