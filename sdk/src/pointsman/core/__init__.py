"""The pure core: what both the SDK and the server mean by a flag, a bucket and an event."""
