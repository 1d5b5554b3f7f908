"""An exchange asked by REST, within its limits.

``polling``    prices, asked for again and again
``catalogue``  what is listed, where one answer has it all
``listed``     what is said of a symbol by what is listed, in words that are the same everywhere
``client``     one request at a time; ``budget``: how much of the exchange's patience is left
``answers``    what can be read of an answer
``timing``     our patience
"""
