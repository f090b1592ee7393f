"""The running line: inbox (bus -> engine -> commit) and the senders (dispatcher, reporter).

Each part decides in a pure module and acts through a port of `ports.py`; `memory.py` holds the
in-memory twins the tests use. Nothing here knows NATS, HTTP or the vendor.
"""
