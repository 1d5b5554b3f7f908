"""What gunicorn's arbiter is told on SIGHUP: to replace its worker, but only where the successor could start.

Left to itself it ends, and the worker with it, when it meets a setting that cannot be used.
"""

from collections.abc import Callable, Mapping
from typing import Any

from deploy.errors import DeployError
from deploy.ports import Address, require_free
from gateway.address import is_private
from gateway.settings import Settings
from gateway.succession import Role, Succession
from market.environ import SettingError


def usable_settings(environ: Mapping[str, str]) -> Settings:
    """A gateway's settings, with which it can also check tokens.

    Raises:
        SettingError: what is wrong with them.
    """
    settings = Settings.from_environ(environ)
    if settings.auth.mode == "jwt":
        # Only to see that there is a key: what is wrong with it is said before there are any workers.
        from gateway.auth.authenticator import Authenticator

        Authenticator(settings.auth)
    return settings


def address_of(settings: Settings) -> Address:
    """Where a gateway with these settings listens."""
    return Address(settings.host, settings.port, "GATEWAY_PORT")


def guard_reload(arbiter: Any, settings: Settings, read: Callable[[], Settings]) -> None:
    """Let ``arbiter``, a `gunicorn.arbiter.Arbiter` that runs with ``settings``, overlook a SIGHUP that would end it.

    ``read`` gives the settings that a successor would have, or raises `SettingError`.
    """
    replace_worker = arbiter.handle_hup
    held = settings

    def handle_hup() -> None:
        nonlocal held
        try:
            wanted = read()
            _require_usable(wanted, held, arbiter.LISTENERS)
        except (SettingError, DeployError) as error:
            arbiter.log.error("settings stay as they are: %s", error)  # noqa: TRY400 - one line, no traceback
            return
        held = wanted
        # The worker that is told to stop hears that another comes, before it exists.
        succession = Succession([listener.sock for listener in arbiter.LISTENERS])
        succession.claim(Role.COMES)
        try:
            replace_worker()
        finally:
            succession.drop(Role.COMES)

    arbiter.handle_hup = handle_hup


def _require_usable(wanted: Settings, held: Settings, listeners: Any) -> None:
    if address_of(wanted) != address_of(held):
        require_free(address_of(wanted))
    elif not wanted.may_be_public and not all(is_private(listener.sock.getsockname()) for listener in listeners):
        raise SettingError("AUTH_MODE is none and others than this machine reach the gateway; see ALLOW_ANONYMOUS")
