"""What strangers do to a gateway to make it late for others: ``python -m bench --attacks``.

Each module has a kind: `compressed`, `http`, `tokens`, `messages`, `connects`. `stranger` is what they are made of.
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
