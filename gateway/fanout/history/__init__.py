"""What was published lately, for clients that connect again and ask for what they missed.

``history``  the ring and what is decoded of it, as a gateway has them
``ring``     the newest messages from the bus, as they came, and where something may be missing between them
``decoded``  their ticks as clients get them, made when first wanted
``replay``   one client's way through them, from the positions that it named to now; without I/O
``replays``  all such clients: who is sent what, and when each joins its cohorts
"""
