"""Clients of the project, in other languages too."""
