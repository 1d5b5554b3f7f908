"""Attacks of strangers that try to make a gateway late for others: ``python -m bench --attacks``.

Each module has one kind: `compressed`, `http`, `tokens`, `messages`, `connects`. All are built on `stranger`.
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
