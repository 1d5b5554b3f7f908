"""What the gateway is asked for, and how messages are written.

``requests``       commands under way, and what their answers mean
``subscriptions``  what is wanted, and the commands that ask for it
``wire``           messages as JSON
"""
