"""``tickgate watch``: prices of a gateway, live in a terminal, or as lines.

    link ──message──▶ board ──rows──▶ text ──▶ screen

``command``   the arguments, and what puts the others together
``address``   the URL of the gateway
``link``      a connection to a gateway, made again whenever it ends
``listing``   what there is instead of an unknown symbol
``messages``  what a gateway sends, as types
``board``     what is known of each symbol
``text``      rows as a table for people, or as lines for programs
``screen``    draws a table in a terminal, in place
"""
