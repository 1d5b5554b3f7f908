"""Gateways for the clients under test."""

from tests.gateway.conftest import start as start
