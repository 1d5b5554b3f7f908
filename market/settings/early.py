"""Imported first by each program: SIGHUP does not end it during the other imports, which take a while.

A program reads its settings after them, so there is nothing to read again.
"""

import signal

signal.signal(signal.SIGHUP, signal.SIG_IGN)
