"""Asking an exchange by REST, within its limits."""
