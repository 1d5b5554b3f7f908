"""Tokens in, grants out: who somebody is, and what they may do until when.

``authenticator``   a token (JWT) becomes a grant, or is refused
``grant``           what a token lets its bearer do; the only thing the rest of the gateway sees of it
``compact``         a token's outer form
``keys``            one key, bound to its algorithms; ``keyset`` those of a JWKS document
``jwks``            when an issuer's keys are fetched; ``download`` how
``tickets``         one-time stand-ins for a token
``token``           tokens for development
``settings``        what a gateway is told about tokens
"""
