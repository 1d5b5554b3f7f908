"""Gateways under gunicorn: what ``gunicorn.conf.py`` gives to it.

``arbiter`` is its master process: it starts the gateways, and reloads them. ``workers`` gives each its number and port.
"""
