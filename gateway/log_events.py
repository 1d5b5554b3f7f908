"""The events of a gateway's log. docs/logs.md has them all."""

from typing import Final

from market.process.event import Event

CLIENT_CLOSED: Final = Event(
    "client_closed",
    ("INFO", "DEBUG"),
    "client %(client)s gone: %(end)s; from %(address)s, subject %(subject)r, code %(code)d, after %(duration_s).1f s,"
    " %(bytes_out)d bytes out, %(bytes_in)d in, %(messages)d messages, slow for %(slow_s).1f s",
)
CLIENTS_CLOSED: Final = Event(
    "clients_closed", "INFO", "%(count)d more clients were closed with code %(code)d in the last minute"
)
FILES_LIMIT_CLIENTS: Final = Event(
    "files_limit_clients", "INFO", "only %(files)d files may be open (ulimit -n): taking at most %(clients)d clients"
)
LIMITS_MET_BY_OTHERS: Final = Event(
    "limits_met_by_others", "WARNING", "limits were met %(count)d times by others in the last minute; see /metrics"
)
LIMIT_MET: Final = Event("limit_met", "WARNING", "%(who)s has met %(setting)s=%(limit)g")
PROXY_NOT_TRUSTED: Final = Event(
    "proxy_not_trusted",
    "WARNING",
    "X-Forwarded-For from %(address)s is not believed: if that is a proxy of yours, its clients share one limit,"
    " and so do its health checks; name it in TRUSTED_PROXIES",
)
HOST_REFUSED: Final = Event(
    "host_refused", "WARNING", "a request for Host %(host)s was refused: if that is this gateway's name, %(advice)s"
)
REFUSED_MORE: Final = Event(
    "refused_more", "WARNING", "%(whose)s were refused %(count)d times more in the last minute; see /metrics"
)
PATH_WRONG: Final = Event(
    "path_wrong", "WARNING", "a WebSocket was asked for at %(path)s, where none is: connect to %(right_path)s"
)
HOST_MALFORMED: Final = Event("host_malformed", "WARNING", "a request was refused: its Host %(host)s is no name")
ORIGIN_REFUSED: Final = Event(
    "origin_refused", "WARNING", "a page of %(origin)s was refused: if it is yours, %(advice)s"
)
NAMES_DOUBTFUL: Final = Event("names_doubtful", "WARNING", "%(doubt)s")
ORIGIN_NULL_REFUSED: Final = Event(
    "origin_null_refused",
    "WARNING",
    "a page without an origin was refused (a file, or a sandboxed frame): serve it by http and allow that origin;"
    " %(advice)s would let any page in",
)
ORIGIN_MALFORMED: Final = Event("origin_malformed", "WARNING", "a page was refused: its Origin %(origin)s is none")
OWN_PAGE_REFUSED: Final = Event(
    "own_page_refused", "WARNING", "this gateway's own page at %(origin)s was refused: %(advice)s if it may connect"
)
GATEWAY_FAILED: Final = Event("gateway_failed", "CRITICAL", "the gateway has failed; this process ends")
AUDIENCE_NOT_SET: Final = Event(
    "audience_not_set",
    "WARNING",
    "JWT_AUDIENCE is not set: what the issuer signs for other services opens this one too",
)
ISSUER_KEYS: Final = Event(
    "issuer_keys", ("INFO", "WARNING"), "the issuer publishes %(usable)d keys that can be used, %(others)d others"
)
ISSUER_KEYS_NOT_FETCHED: Final = Event(
    "issuer_keys_not_fetched",
    ("WARNING", "DEBUG"),
    "the issuer's keys (JWT_JWKS_URL) cannot be fetched; trying on: %(reason)s",
)
ISSUER_KEYS_NOT_READ: Final = Event(
    "issuer_keys_not_read", ("ERROR", "DEBUG"), "the issuer's keys (JWT_JWKS_URL) cannot be read; trying on"
)
TICKET_UNREADABLE: Final = Event(
    "ticket_unreadable", "WARNING", "a ticket's value in the bus's store cannot be read; its bearer is refused"
)
STREAM_CLIENT_STALE: Final = Event(
    "stream_client_stale", "DEBUG", "client %(client)s of streams holds %(symbol)s, which is stale"
)
STREAM_CLIENT_CONNECTED: Final = Event(
    "stream_client_connected", "DEBUG", "client %(client)s of streams connected from %(address)s"
)
CLIENT_CONNECTED: Final = Event("client_connected", "DEBUG", "client %(client)s connected from %(address)s")
OUT_OF_SERVICE: Final = Event(
    "out_of_service", "WARNING", "out of service: prices are stale here, and live at another gateway"
)
IN_SERVICE: Final = Event("in_service", "WARNING", "in service again: no other gateway has more live prices")
STATES_NOT_SENT: Final = Event("states_not_sent", "ERROR", "a cohort could not be sent states")
COHORT_NOT_FLUSHED: Final = Event("cohort_not_flushed", "ERROR", "a cohort could not be flushed")
BUS_LINK_UP: Final = Event("bus_link_up", "INFO", "bus link up: %(bus)s")
BUS_LINK_USELESS: Final = Event("bus_link_useless", "WARNING", "bus link useless (%(bus)s): %(reason)s; replacing it")
BUS_LINK_DOWN: Final = Event(
    "bus_link_down", "WARNING", "no bus link (%(bus)s): %(reason)s; trying again until there is one"
)
BUS_LINK_INCOMPLETE: Final = Event(
    "bus_link_incomplete", "WARNING", "no bus link for what is wanted now (%(bus)s): %(reason)s; trying again"
)
SEQ_WENT_BACK: Final = Event(
    "seq_went_back", "WARNING", "%(symbol)s goes on with seq %(seq)d below %(held)d, as its poller does%(others)s"
)
FIGURES_NOT_READ: Final = Event(
    "figures_not_read", "WARNING", "figures of 24 hours and listings not read (%(bus)s): %(reason)s"
)
LAST_VALUES_NOT_READ: Final = Event(
    "last_values_not_read", "WARNING", "last values not read (%(bus)s): %(reason)s; trying again"
)
BUS_MESSAGE_REFUSED: Final = Event(
    "bus_message_refused", "WARNING", "bus message refused (%(reason)s): %(detail)s%(others)s"
)
STATES_CHANGED: Final = Event("states_changed", "INFO", "states of symbols have changed: %(changes)s%(more)s")
VENUE_PARTITIONS: Final = Event("venue_partitions", "INFO", "ticks of %(venue)s are read %(how)s")
VENUE_NOT_SERVED: Final = Event("venue_not_served", "INFO", "%(venue)s is not served any more")
FEED_CHANGED: Final = Event("feed_changed", "INFO", "prices of %(venue)s are %(feed)s (%(source)s) %(reason)s")
REPLAY_NOT_SENT: Final = Event("replay_not_sent", "ERROR", "a client could not be sent what it missed")
GROUP_NOT_FLUSHED: Final = Event("group_not_flushed", "ERROR", "a group could not be flushed")
CATCH_UP_FAILED: Final = Event("catch_up_failed", "ERROR", "a slow consumer could not be caught up")
STALE_CLIENTS_CLOSED: Final = Event(
    "stale_clients_closed", "WARNING", "clients closed, as their prices are stale: %(count)d, e.g. for %(symbol)s"
)
DRAINING: Final = Event("draining", "INFO", "draining %(connections)d connections over %(seconds)g s")
PROXY_HEADER_WRONG: Final = Event(
    "proxy_header_wrong",
    "WARNING",
    "a connection from %(address)s, which GATEWAY_ACCEPT_PROXY names, is closed: %(problem)s; let that balancer"
    " send one, or take it out of GATEWAY_ACCEPT_PROXY (the next such line in a minute at the earliest)",
)
HTTP_CLIENT_CUT_OFF: Final = Event("http_client_cut_off", "DEBUG", "a client of HTTP is cut off: %(reason)s")
REQUEST_UNREADABLE: Final = Event("request_unreadable", "DEBUG", "what came is no request (%(fault)s)")
CERTIFICATE_REFUSED: Final = Event("certificate_refused", "ERROR", "the certificate stays as it is: %(reason)s")
SETTINGS_NOT_READ: Final = Event("settings_not_read", "INFO", "settings are not read again: this gateway is going away")
CLIENT_NOT_NOTIFIED: Final = Event(
    "client_not_notified", "ERROR", "a client could not be notified of the symbols that it lost"
)
BUFFERS_CUT_OFF: Final = Event(
    "buffers_cut_off",
    "WARNING",
    "cut off %(clients)d clients that kept %(bytes)d bytes waiting or unfinished: all together kept more than the"
    " %(limit)d of MAX_BUFFERED_BYTES (the next such line in %(seconds)g s at the earliest)",
)
MESSAGE_FAILED: Final = Event("message_failed", "ERROR", "client %(client)s: a message could not be handled")
READ_FAILED: Final = Event("read_failed", "ERROR", "what a client has sent could not be worked on")
START_REFUSED: Final = Event("start_refused", "ERROR", "%(reason)s")
SUCCEEDED: Final = Event("succeeded", "INFO", "another worker serves newcomers")
ORDERS_IMPOSSIBLE: Final = Event(
    "orders_impossible", "WARNING", "nobody can be kicked, and no token revoked: %(reason)s"
)
ORDERS_UNKNOWN: Final = Event(
    "orders_unknown", "WARNING", "kicks and revoked tokens are not known while the bus does not tell: %(reason)s"
)
ORDERS_KNOWN: Final = Event("orders_known", "INFO", "kicks and revoked tokens are known again")
ORDER_UNREADABLE: Final = Event(
    "order_unreadable",
    "WARNING",
    "an order on the bus cannot be read; is this gateway older than who gave it?",
)
SUBJECT_CLOSED: Final = Event(
    "subject_closed", "INFO", "closed %(count)d connections of subject %(subject)a: %(reason)s"
)
