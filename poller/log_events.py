"""The events of a poller's log. docs/logs.md has them all."""

from typing import Final

from market.process.event import Event

FEED_BEGAN: Final = Event("feed_began", "INFO", "feed %(source)s, %(symbols)d symbols, bus %(bus)s")
FEED_ENDED: Final = Event("feed_ended", "INFO", "feed %(source)s has ended: %(reason)s")
STOPPING: Final = Event("stopping", "INFO", "stopping")
ENDPOINT_CHANGED: Final = Event("endpoint_changed", "WARNING", "%(what)s: %(url)s is used now, in place of %(before)s")
EXCHANGE_LINK: Final = Event("exchange_link", ("INFO", "WARNING"), "exchange link %(link)s by %(source)s%(because)s")
FAULTS_BEGAN: Final = Event("faults_began", "WARNING", "%(what)s: %(detail)s")
FAULTS_OVER: Final = Event("faults_over", "INFO", "%(what)s: over, %(count)d in all")
PRICES_SIMULATED: Final = Event("prices_simulated", "WARNING", "%(notice)s (%(reason)s)")
VENUE_ANSWERS: Final = Event("venue_answers", ("INFO", "WARNING"), "%(url)s answers%(but)s: prices are %(venue)s's")
LEADING: Final = Event("leading", "INFO", "leading: this poller publishes")
STANDING_BY: Final = Event("standing_by", "INFO", "standing by: another poller publishes")
LEASE_NOT_RELEASED: Final = Event("lease_not_released", "DEBUG", "lease not released: %(reason)s")
OTHER_POLLERS_UNHEARD: Final = Event("other_pollers_unheard", "DEBUG", "other pollers are not listened to: %(reason)s")
PARTITIONS_DIFFER: Final = Event(
    "partitions_differ",
    "WARNING",
    "a poller of %(venue)s on this bus publishes in %(theirs)d partitions, and this one would in %(ours)d: on a"
    " cluster they hide each other's last values; set one BUS_PARTITIONS for all pollers, and restart the others",
)
LEAD_YIELDED: Final = Event(
    "lead_yielded", "WARNING", "another poller receives prices, this one does not (%(reason)s): it may lead"
)
BUS_DOWN: Final = Event("bus_down", "WARNING", "bus %(bus)s is down (%(reason)s); the newest ticks wait for it")
BUS_BACK: Final = Event("bus_back", "INFO", "bus %(bus)s is back after %(seconds).1f s")
NUMBERS_FROM_TIME: Final = Event(
    "numbers_from_time", "WARNING", "%(symbol)s is numbered from the time again: %(seq)d is more than a day above that"
)
LAST_VALUE_IGNORED: Final = Event(
    "last_value_ignored", "WARNING", "last value of %(symbol)s on the bus ignored: %(reason)s"
)
LAST_VALUES_IGNORED: Final = Event("last_values_ignored", "WARNING", "last values of other symbols are ignored too")
SLOW_TOPICS_BACK: Final = Event("slow_topics_back", "INFO", "the bus takes figures of 24 hours and listings again")
SLOW_TOPICS_DOWN: Final = Event(
    "slow_topics_down", "WARNING", "figures of 24 hours and the listing are not published: %(reason)s"
)
REQUEST_RETRIED: Final = Event("request_retried", "WARNING", "%(path)s fails, trying on: %(reason)s")
INSTRUMENT_CHANGED: Final = Event("instrument_changed", ("INFO", "WARNING"), "%(symbol)s is %(status)s%(because)s")
INSTRUMENT_WITHOUT_PRICES: Final = Event(
    "instrument_without_prices", "WARNING", "%(symbol)s is %(status)s (%(reason)s): expect no prices of it"
)
REQUEST_FAILS: Final = Event("request_fails", "WARNING", "%(path)s fails: %(reason)s")
REQUEST_WORKS: Final = Event("request_works", "INFO", "%(path)s works again")
SYMBOL_UNLISTED: Final = Event(
    "symbol_unlisted", "WARNING", "the exchange no longer lists one of our symbols; asking %(path)s for all"
)
STREAM_REPLACED: Final = Event("stream_replaced", "INFO", "stream of %(symbols)d symbols is to be replaced: %(reason)s")
STREAM_ENDED: Final = Event(
    "stream_ended", "WARNING", "stream of %(symbols)d symbols ended, connecting again: %(reason)s"
)
SUBSCRIBE_RETRIED: Final = Event("subscribe_retried", "WARNING", "SUBSCRIBE of %(streams)s, trying on: %(reason)s")
SUBSCRIBE_REFUSED: Final = Event("subscribe_refused", "WARNING", "SUBSCRIBE of %(streams)s refused: %(reason)s")
UPDATES_NUMBERED_ANEW: Final = Event(
    "updates_numbered_anew", "WARNING", "%(symbol)s is numbered anew: %(update_id)s after %(before)s"
)
UPDATE_DROPPED: Final = Event("update_dropped", "WARNING", "%(what)s, more of these only counted: %(update).400r")
SIMULATION_ENDED: Final = Event("simulation_ended", "WARNING", "%(url)s answers%(but)s: no more simulated prices")
LISTING_ANSWERED: Final = Event("listing_answered", "INFO", "exchangeInfo answered after %(failures)d failures")
LISTING_FAILS: Final = Event("listing_fails", "WARNING", "exchangeInfo fails, trying on: %(reason)s")
INSTRUMENT_WAITED_FOR: Final = Event(
    "instrument_waited_for",
    "WARNING",
    "%(symbol)s is %(status)s (%(reason)s): expect no prices of it; looking again now and then",
)
INSTRUMENT_FOUND: Final = Event(
    "instrument_found",
    ("INFO", "WARNING"),
    "%(symbol)s is %(status)s%(because)s, %(price_scale)d and %(size_scale)d decimals",
)
RECORDING_INCOMPLETE: Final = Event(
    "recording_incomplete", "WARNING", "the recording %(path)s has no price of %(symbols)s"
)
RECORDING_MALFORMED: Final = Event(
    "recording_malformed", "WARNING", "%(count)d lines of %(path)s could not be understood"
)
RECORDING_WITHOUT_LISTING: Final = Event(
    "recording_without_listing", "WARNING", "%(path)s holds no exchangeInfo answer"
)
RECORDING_UNREADABLE: Final = Event("recording_unreadable", "WARNING", "%(path)s cannot be read: %(reason)s")
