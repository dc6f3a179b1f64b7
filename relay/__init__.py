"""The relay: a copy of one environment inside a private network, and a spool for events on their way out.

A house of its own beside the wiring: it holds no database, serves with the same pure handlers as the server,
and is at heart a client of the server above it, so it keeps its copy with the client's own parts.
"""
