"""Programs run in processes of their own, as applications run."""

import os
import subprocess
import sys

_PREAMBLE = """
import os, sys, threading
from pointsman import Client, Options

def client_of(url, **options):
    quick = dict(poll_interval_s=0.05, flush_interval_s=60, backoff_s=0.02, cache_dir=None)
    return Client(url, key="sdk-key", options=Options(**(quick | options)))
"""
WITHIN_S = 60.0
# Everything is an error but Python 3.12's general warning about forks beside threads: they are the subject.
_WARNINGS = ("-W", "error", "-W", "ignore:This process:DeprecationWarning")


def run(program: str, *arguments: str) -> str:
    """What the program printed. AssertionError when it failed, or said anything on standard error."""
    finished = subprocess.run(
        [sys.executable, "-X", "dev", *_WARNINGS, "-c", _PREAMBLE + program, *arguments],
        env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert not finished.stderr, finished.stderr
    return finished.stdout
