"""People, their sign-ins and their API tokens."""
