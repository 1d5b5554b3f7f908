"""The primary that Sentinels name, in place of a fixed address. Each part imports only from those below it:

- ``primary``: dials that primary, and says when another takes its place;
- ``watch``: asks all Sentinels all the time;
- ``link``: a connection to one Sentinel;
- ``verdict``: which server is the primary, by what all of them say;
- ``url``: reads ``redis+sentinel://``.
"""
