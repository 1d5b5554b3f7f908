"""Make gunicorn's arbiter replace its worker on SIGHUP only if the successor can start, and hand over on SIGUSR2.

An unchanged arbiter ends, and its worker with it, when it meets a setting that cannot be used. And it replaces the
worker once for each SIGHUP, but several that come together should be one or two. One that is told to stop after a
SIGUSR2 does not look whether the worker of the other arbiter serves already.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from signal import SIG_BLOCK, SIG_SETMASK, SIGHUP, SIGINT, SIGQUIT, SIGTERM, pthread_sigmask
from types import FrameType
from typing import Any

from deploy.errors import DeployError
from deploy.ports import Address, require_free
from gateway.admission.address import is_private
from gateway.http.listening.succession import Role, Succession
from gateway.settings import Settings
from market.process.events import SETTINGS_REFUSED
from market.settings.environ import SettingError

WORKER_CLASS = "gateway.worker.Worker"
_STOPS = (SIGTERM, SIGINT, SIGQUIT)


def usable_settings(environ: Mapping[str, str]) -> Settings:
    """A gateway's settings, with which it can also check tokens.

    Raises:
        SettingError: what is wrong with them.
    """
    settings = Settings.from_environ(environ)
    if settings.auth.mode == "jwt":
        # Only to check that there is a key, so that an error is reported before any worker starts.
        from gateway.auth.authenticator import Authenticator

        Authenticator(settings.auth)
    return settings


def addresses_of(settings: Settings) -> list[Address]:
    """Where a gateway with these settings listens; the public address first."""
    private = [Address(settings.private_host, settings.private_port, "GATEWAY_PRIVATE_PORT")]
    return [Address(settings.host, settings.port, "GATEWAY_PORT"), *(private if settings.private_port else ())]


def guard_reload(arbiter: Any, settings: Settings, read: Callable[[], Settings]) -> None:
    """Let ``arbiter`` replace its worker only by one that can start, and tell the old worker about its successor.

    ``arbiter`` is a `gunicorn.arbiter.Arbiter` that runs with ``settings`` and does not handle signals yet. ``read``
    returns the settings that a successor would have, or raises `SettingError`.
    """
    guard = _Guard(arbiter, settings, read)
    arbiter.signal = guard.signal
    arbiter.handle_hup = guard.handle_hup
    arbiter.spawn_worker = guard.spawn_worker
    arbiter.stop = guard.stop


class _Guard:
    """Wraps an arbiter's methods of the same names."""

    def __init__(self, arbiter: Any, settings: Settings, read: Callable[[], Settings]) -> None:
        self._arbiter = arbiter
        self._note, self._replace_worker, self._stop = arbiter.signal, arbiter.handle_hup, arbiter.stop
        self._spawn_worker = arbiter.spawn_worker
        self._held = settings
        self._read = read
        self._hangups = self._answered = 0
        self._coming: Succession | None = None
        """The sockets while a worker is replaced."""
        self._stopping = False

    def signal(self, number: int, frame: FrameType | None) -> None:
        """A signal came (called by Python)."""
        if number in _STOPS:
            self._stopping = True
            self._want_none()
            if self._coming is not None:
                # gunicorn handles this one only after the old worker has gone, and that may wait for the new one.
                self._coming.drop(Role.COMES)
                self._arbiter.kill_workers(SIGQUIT)
        elif number == SIGHUP:
            self._hangups += 1
        self._note(number, frame)

    def spawn_worker(self) -> None:
        """Start a worker, unless all are told to stop (called by the arbiter)."""
        if self._stopping:
            # The arbiter has read its settings again since.
            self._want_none()
            return
        # Python forgets a signal that reaches a new process before the fork is complete. One that is blocked waits. The
        # worker inherits the block, and ends it when it listens.
        listened_to = pthread_sigmask(SIG_BLOCK, _STOPS)
        try:
            self._spawn_worker()
        finally:
            if os.getpid() == self._arbiter.pid:
                pthread_sigmask(SIG_SETMASK, listened_to)
        if self._stopping:
            # They were told before this one existed.
            self._arbiter.kill_workers(SIGQUIT)

    def _want_none(self) -> None:
        # No worker is missing from now on.
        self._arbiter.num_workers = 0

    def stop(self, graceful: bool = True) -> None:
        """End all workers (called by the arbiter)."""
        with self._handing_over():
            # The arbiter also sends SIGTERM to a worker that is replaced. SIGQUIT means that the whole gunicorn stops.
            self._arbiter.kill_workers(SIGQUIT)
            self._stop(graceful)

    @contextmanager
    def _handing_over(self) -> Iterator[None]:
        """If SIGUSR2 started another arbiter, tell our worker that a successor comes, even before that exists."""
        arbiter = self._arbiter
        if not arbiter.reexec_pid:
            yield
            return
        # gunicorn would close its sockets first, and the kernel drops a process's roles with the first that is closed.
        sockets = [listener.sock for listener in arbiter.LISTENERS]
        arbiter.LISTENERS = []
        try:
            Succession(sockets).claim(Role.COMES)
            yield
        finally:
            for sock in sockets:
                sock.close()

    def handle_hup(self) -> None:
        """Handle a SIGHUP (called by the arbiter, once for each)."""
        if self._answered == self._hangups:
            # This one came before the last reading of the settings.
            return
        self._answered = self._hangups
        arbiter = self._arbiter
        try:
            wanted = self._read()
            _require_usable(wanted, self._held, arbiter.LISTENERS)
        except (SettingError, DeployError) as error:
            arbiter.log.error(SETTINGS_REFUSED, error)  # noqa: TRY400 - one line, no traceback
            return
        self._held = wanted
        # The worker that is told to stop knows about its successor before that exists.
        self._coming = Succession([listener.sock for listener in arbiter.LISTENERS])
        self._coming.claim(Role.COMES)
        try:
            # A stop that came just before has found no replacement under way, and the workers still run.
            if not self._stopping:
                self._replace_worker()
        finally:
            self._coming.drop(Role.COMES)
            self._coming = None


def require_one_of_ours(arbiter: Any) -> None:
    """Refuse a command line that would have ``arbiter`` start other workers than one of ours.

    Raises:
        DeployError: another class of workers, or several of them.
    """
    cfg = arbiter.cfg
    if all(its.__module__ != WORKER_CLASS.rpartition(".")[0] for its in cfg.worker_class.__mro__):
        raise DeployError(
            f"gunicorn's worker class {cfg.worker_class_str} cannot serve a gateway; leave --worker-class (-k) out, as"
            f" deploy/gunicorn.conf.py names {WORKER_CLASS}"
        )
    if cfg.workers != 1:
        raise DeployError(
            f"gunicorn is to start {cfg.workers} workers, and a gateway is one; leave --workers (-w) out, and start one"
            " gunicorn for each core, each with a GATEWAY_PORT of its own (`make cluster` does)"
        )


def start_again_as_started(arbiter: Any) -> None:
    """Let SIGUSR2 start the other arbiter with the command line of ``arbiter``.

    gunicorn itself loses the ``-m`` of ``python -m gunicorn``, and then finds its own package ``http`` where the
    standard library's is meant.
    """
    arbiter.START_CTX["args"] = [sys.executable, *sys.orig_argv[1:]]


def _require_usable(wanted: Settings, held: Settings, listeners: Any) -> None:
    if new := [address for address in addresses_of(wanted) if address not in addresses_of(held)]:
        for address in new:
            require_free(address)
    elif not wanted.may_be_public and not all(is_private(listener.sock.getsockname()) for listener in listeners):
        raise SettingError("AUTH_MODE is none and others than this machine reach the gateway; see ALLOW_ANONYMOUS")
