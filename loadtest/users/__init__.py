"""Who the users of a run are.

``_kinds``   which kinds there are, and how many of each
``_shapes``  how many users there are at which time
``_tokens``  a token for each
"""
