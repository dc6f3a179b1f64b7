"""Statistics over sufficient statistics. Pure: no I/O, no clock, no randomness; scipy only where used."""
