"""REST requests to an exchange, within its limits.

``polling``    periodic requests for prices
``catalogue``  the listing, if one answer has all of it
``listed``     instruments from the listing, with the same words for all exchanges
``client``     one request at a time; ``budget``: how much of the exchange's weight limit is left
``answers``    reads what is readable of an answer
``timing``     our timeouts
"""
