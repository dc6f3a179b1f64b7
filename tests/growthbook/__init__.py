"""GrowthBook's unmodified SDKs against a running server."""
