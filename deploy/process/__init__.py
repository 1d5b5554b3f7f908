"""How one program is started, watched and ended.

``program`` says what it is, ``processes`` does it for several at once.
"""
