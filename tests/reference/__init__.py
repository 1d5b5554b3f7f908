"""The parts of docs/ that are made of the code: ``python -m tests.reference`` (``make reference``) writes them.

``sources``        reads the words that stand beside the code: docstrings of fields, comments beside values
``configuration``  the variables, with their defaults
``protocol``       commands, messages, codes and HTTP answers
``log_events``     what the log may say
``metrics``        what Prometheus can read
``pages``          the places in docs/ where these belong
``messages``       what the programs say, which docs/faq.md quotes
``site``           the pages of the site: ``make site``
"""
