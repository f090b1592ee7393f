"""From an event's fields to the rules that may hit, and from a REGEX to something that searches safely.

The whole is no different from trying every rule in turn, but for the time it takes.
"""
