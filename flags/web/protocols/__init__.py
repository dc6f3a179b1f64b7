"""Other vendors' protocols, served to their unmodified SDKs."""
