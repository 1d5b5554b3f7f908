"""Attacks of strangers that try to make a gateway late for others: ``python -m bench --attacks``.

``attack``        what each kind is: ``compressed``, ``http``, ``tokens``, ``messages``, ``connects``
``stranger``      connections of those who mean harm, of which all kinds are built
``attacker``      the attacking process
``victim``        the process of a client that only wants prices
``issuer``        tokens for both
``attacked``      runs them against a gateway; ``attack_table`` makes the table
"""

from bench.attacks import compressed, connects, http, messages, tokens
from bench.attacks.attack import Attack

ALL: dict[str, Attack] = {
    attack.name: attack
    for attack in (
        *compressed.ATTACKS,
        *http.ATTACKS,
        *messages.ATTACKS,
        *tokens.ATTACKS,
        *connects.ATTACKS,
    )
}
