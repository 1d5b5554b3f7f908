"""What the environment says about tokens."""

import msgspec
import pytest

from gateway.auth.settings import AuthSettings
from market.settings.environ import Environ, SettingError

MARK = "m4rked-s3cret"


def test_settings_are_read_from_the_environment() -> None:
    """Each field comes from the variable of its name."""
    variables = {
        "AUTH_MODE": "jwt",
        "JWT_SECRET": "a",
        "JWT_PUBLIC_KEY_FILE": "b",
        "JWT_JWKS_URL": "c",
        "JWT_ISSUER": "d",
        "JWT_AUDIENCE": "e",
        "JWT_FAMILY": "ES",
        "JWT_LEEWAY_S": "7.5",
    }
    read = msgspec.structs.asdict(AuthSettings.from_environ(Environ(variables)))
    del read["proxies"]
    assert ["jwt", "a", "b", "c", "d", "e", "ES", 7.5] == list(read.values())
    assert AuthSettings() == AuthSettings.from_environ(Environ({}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("AUTH_MODE", "yes"), ("AUTH_MODE", ""), ("JWT_FAMILY", "HS"), ("JWT_LEEWAY_S", "-1"), ("JWT_LEEWAY_S", "3600")],
)
def test_a_setting_that_makes_no_sense_stops_the_start(name: str, value: str) -> None:
    """A misspelt mode stops the start."""
    with pytest.raises(SettingError, match=f"^{name} "):
        AuthSettings.from_environ(Environ({name: value}))


def test_settings_do_not_show_the_secret() -> None:
    """Printing the settings never shows the secret."""
    shown = AuthSettings(mode="jwt", jwt_secret=MARK, jwt_jwks_url=f"https://x?{MARK}")
    assert MARK not in f"{shown} {shown!r} {[shown]} {shown.__rich_repr__()}"
    assert "jwt" in repr(shown)
