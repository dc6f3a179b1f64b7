"""Proofs that exports serve what we serve, by each vendor's own SDK."""
