"""Released clients of Binance, unmodified and told by their documented settings to ask a gateway in its place.

Each program here is given the two base URLs, for REST and for streams. It prints ``{"version": …}``, and for each thing
that it did ``{"did": …, "data": …}`` with what its library handed out. It ends with 0 where all of that went well.

Those in Python have an environment of their own (``requirements.txt``, and ``connector.txt`` for one whose package has
the name of another's); those in JavaScript have ``node/package-lock.json``. ``setup.sh`` sets both up.
"""
