"""What every house's tests share."""

pytest_plugins = ["tests.servers"]
