"""The bus: NATS by faststream (connection, publishers, subscriber of signals, AsyncAPI) and, beneath
the same connection, nats-py for what faststream cannot do right: stream settings, ordered pulls,
atomic batches, compare-and-set.

Order of a start: embedded server (if asked for) -> connection -> streams -> consumers.
"""
