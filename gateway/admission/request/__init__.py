"""The head of a request as bytes, before anything parses it.

``head``  cuts it from what comes, within the limits that every request has
"""
