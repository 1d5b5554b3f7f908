"""The events of the log that poller and gateway share. docs/logs.md has them all."""

from typing import Final

from market.process.event import Event

UNCAUGHT_ERROR: Final = Event("uncaught_error", "CRITICAL", "nobody expected this")
ERRORS_LEFT_OUT: Final = Event(
    "errors_left_out", "ERROR", "%(count)d more lines in a minute were left out (%(of)s): %(first)s"
)
BUS_NOTICE: Final = Event("bus_notice", "INFO", "%(notice)s")
LEASE_TAKEN: Final = Event(
    "lease_taken",
    "ERROR",
    "another poller has taken over the lease %(lease)s; without STORE_URL only one may run: end one of them, or"
    " name a Redis in STORE_URL for both",
)
STORE_MISSING: Final = Event(
    "store_missing", "WARNING", "no STORE_URL: nobody else may publish %(lease)s, and no other poller can take over"
)
CLUSTER_NODE_SILENT: Final = Event(
    "cluster_node_silent", "DEBUG", "node %(node)s does not say who has which slot: %(reason)s"
)
PARTITION_SOUGHT: Final = Event("partition_sought", "INFO", "%(bus)s: a partition is looked for again: %(reason)s")
BUS_NOT_DIALLED: Final = Event("bus_not_dialled", "DEBUG", "the address cannot be dialled now: %(reason)s")
PRIMARY_CHANGED: Final = Event("primary_changed", "INFO", "the primary %(primary)s is %(address)s (epoch %(epoch)d)")
SENTINEL_ANSWERED: Final = Event("sentinel_answered", "DEBUG", "%(sentinel)s names %(address)s (epoch %(epoch)d)")
SENTINEL_FAULTY: Final = Event("sentinel_faulty", "WARNING", "%(fault)s")
SETTINGS_CHANGED: Final = Event("settings_changed", "INFO", "settings read again: %(changes)s")
SETTINGS_NEED_RESTART: Final = Event(
    "settings_need_restart", "WARNING", "only a restart can change these, so they stay as they were: %(variables)s"
)
SETTINGS_REFUSED: Final = Event("settings_refused", "ERROR", "settings stay as they are: %(reason)s")
SETTINGS_FAILED: Final = Event("settings_failed", "ERROR", "settings could not be applied")
SETTING_DOUBTFUL: Final = Event("setting_doubtful", "WARNING", "%(doubt)s")
SETTINGS_DOUBTFUL: Final = Event(
    "settings_doubtful", "WARNING", "and %(count)d more variables that are likely mistakes"
)
NOT_ANNOUNCED: Final = Event("not_announced", "DEBUG", "not announced: %(reason)s")
