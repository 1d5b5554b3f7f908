"""Tests of `gateway.admission.limits`."""
