"""Processes that share a listening socket know what the others do with it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.http.listening.succession import Role, Succession


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that other processes get by inheriting it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@contextmanager
def other_process(sockets: list[socket.socket], *roles: Role, dropped: tuple[Role, ...] = ()) -> Iterator[None]:
    """A child that has claimed ``roles``, and dropped some of them, for the length of a ``with`` block."""
    ready_read, ready_write = os.pipe()
    end_read, end_write = os.pipe()
    child = os.fork()
    if child == 0:
        # Nothing of pytest may run in here.
        os.close(end_write)
        succession = Succession(sockets)
        succession.claim(*roles)
        succession.drop(*dropped)
        os.write(ready_write, b".")
        os.read(end_read, 1)
        os._exit(0)
    try:
        os.read(ready_read, 1)
        yield
    finally:
        os.close(end_write)
        os.waitpid(child, 0)
        for descriptor in (ready_read, ready_write, end_read):
            os.close(descriptor)


def test_roles_are_seen_by_others_and_end_with_their_process(listener: socket.socket) -> None:
    """Each role by itself, until the process ends, however that is."""
    succession = Succession([listener])
    with other_process([listener], Role.ACCEPTS, Role.COMES):
        assert [True, False, True] == [succession.others(role) for role in Role]
    assert [False] * 3 == [succession.others(role) for role in Role]


def test_a_role_that_was_dropped_counts_no_more(listener: socket.socket) -> None:
    """Who has been told to stop goes on accepting, and does not stay."""
    with other_process([listener], Role.ACCEPTS, Role.STAYS, dropped=(Role.STAYS,)):
        assert [True, False, False] == [Succession([listener]).others(role) for role in Role]


def test_ones_own_roles_are_no_others(listener: socket.socket) -> None:
    """Nobody is its own successor, and a role that several have is still seen."""
    succession = Succession([listener])
    succession.claim(*Role)
    assert [False] * 3 == [succession.others(role) for role in Role]
    with other_process([listener], Role.STAYS):
        assert succession.others(Role.STAYS)


def test_a_child_does_not_inherit_roles(listener: socket.socket) -> None:
    """The worker that an arbiter starts has the socket, and not what the arbiter said of it."""
    Succession([listener]).claim(Role.COMES)
    with other_process([listener]):
        assert not Succession([listener]).others(Role.COMES)


def test_of_several_sockets_each_needs_somebody(listener: socket.socket) -> None:
    """A successor that has only one of two ports leaves the other to us; a closed one matters to nobody."""
    with socket.create_server(("127.0.0.1", 0)) as second:
        both = Succession([listener, second])
        with other_process([listener], Role.STAYS):
            assert not both.others(Role.STAYS)
            second.close()
            assert both.others(Role.STAYS)
            both.claim(Role.STAYS)
        listener.close()
        assert not both.others(Role.STAYS)
        both.drop(Role.STAYS)


def test_closing_a_socket_ends_ones_roles_on_it(listener: socket.socket) -> None:
    """Who accepts no more need not say so."""
    duplicate = listener.dup()
    with other_process([duplicate], Role.STAYS):
        Succession([listener]).claim(Role.ACCEPTS)
    listener.close()
    succession = Succession([duplicate])
    with other_process([duplicate]):
        assert not succession.others(Role.ACCEPTS)
    duplicate.close()


def test_without_locks_nobody_seems_to_be_there(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that keeps no locks on sockets costs only the handing over."""

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("fcntl.lockf", refuse)
    monkeypatch.setattr("fcntl.fcntl", refuse)
    succession = Succession([listener])
    succession.claim(Role.STAYS)
    assert not succession.others(Role.STAYS)
    succession.drop(Role.STAYS)
