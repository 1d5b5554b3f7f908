"""Prices over plain HTTP, below ``/v1``.

``access``   who may read
``query``    the parameters of a request, or what is wrong with them
``pieces``   an answer that is written piece by piece
``symbols``  the list of symbols
``ticks``    the newest tick of each symbol
``status``   whether prices are live
``stream``   ticks as server-sent events
"""
