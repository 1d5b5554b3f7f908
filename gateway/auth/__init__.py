"""Tokens in, grants out: who a bearer is, and what it may do until when.

``opening``        opens that, if a gateway asks for tokens
``authenticator``   a token (JWT) becomes a grant, or is refused
``grant``           what a token allows; the rest of the gateway sees nothing else of it
``compact``         a token's outer form
``keys``            one key, bound to its algorithms; ``keyset`` the keys of a JWKS document
``jwks``            when an issuer's keys are fetched; ``download`` how
``revocations``     tokens that are refused before they expire
``tickets``         one-time substitutes for a token
``token``           tokens for development
``settings``        a gateway's settings about tokens
"""
