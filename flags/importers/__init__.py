"""Other vendors' documents, read as flags of ours that give every unit what it had. Pure: stores nothing."""
