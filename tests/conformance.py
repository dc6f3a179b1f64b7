"""Public contracts of other projects, which are not copied into this one: a folder beside it holds them."""

from pathlib import Path

import pytest

from tests.platform import ROOT


def conformance(name: str) -> Path:
    """The file ``shared/conformance/<name>`` in the nearest folder above; without one, skips."""
    for above in ROOT.parents:
        found = above / "shared" / "conformance" / name
        if found.is_file():
            return found
    pytest.skip(f"no copy of {name} lies in a folder shared/conformance above this one")
