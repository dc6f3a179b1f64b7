"""Secrets that are shown once and stored only as a hash."""

import hashlib
import secrets


def new_secret(prefix: str) -> str:
    """A fresh secret of 256 random bits, e.g. ``pst_kq3…``; the prefix says what it is for."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def fingerprint(secret: str) -> str:
    """What is stored instead of the secret: hex SHA-256 (enough for 256 random bits; no salt needed)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
