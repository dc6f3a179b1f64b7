"""Our flags in other vendors' forms, for their SDKs: exactly, or not at all. Pure."""
