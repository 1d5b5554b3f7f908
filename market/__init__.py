"""What every process agrees on: ticks, symbols, their bytes on the bus, and the bus itself.

``market`` imports nothing else of this project. The poller makes a `Tick` and hands it to a
`market.bus.Bus`; the gateway takes it from there.
"""
