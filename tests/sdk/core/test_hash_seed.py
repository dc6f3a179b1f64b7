"""Assignments do not depend on the process that makes them."""

import subprocess
import sys

PROGRAM = """
import sys
from pointsman.core.codec import decode, encode
from pointsman.core.evaluation import Evaluation
from tests.sdk.core.test_codec import RULESET

body = encode(RULESET)
evaluation = Evaluation(decode(body))
sys.stdout.buffer.write(body)
for number in range(5_000):
    context = {"country": "DE", "age": number, "plan": "free"}
    choice = evaluation.choose("digit-reader", f"unit-{number}", context, None)
    sys.stdout.buffer.write(repr(choice).encode())
"""


def test_two_processes_with_different_hash_seeds_assign_byte_for_byte_alike() -> None:
    first, second = (_assignments(seed) for seed in ("1", "987654321"))

    assert first == second
    assert first.count(b"variant='v1'") > 2_000
    assert first.count(b"variant='v2'") > 2_000


def _assignments(seed: str) -> bytes:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        check=True,
    )
    return finished.stdout
