"""Proofs that imports move nobody, against each vendor's own SDK."""
