"""What every page and route shares: who is asking, what went wrong, health, metrics."""
