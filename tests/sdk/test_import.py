"""What importing costs: the server must not load the client, nor the application anything before its use."""

import json

from tests.sdk.children import run


def loaded_after(program: str) -> set[str]:
    return set(json.loads(run(f"{program}\nimport json; print(json.dumps(sorted(sys.modules)))")))


def test_making_a_client_loads_no_network_and_no_analysis() -> None:
    loaded = loaded_after('client_of("http://127.0.0.1:9")')

    assert not loaded & {
        "urllib3",
        "ssl",
        "http.client",
        "email",
        "numpy",
        "pandas",
        "re2",
        "asyncio",
        "pydantic",
    }


def test_the_core_loads_no_client() -> None:
    printed = run(
        """
import subprocess
program = '''
import sys
import pointsman.core.codec, pointsman.core.evaluation, pointsman.core.splits
print(*sorted(name for name in sys.modules if name.startswith("pointsman")))
'''
print(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
"""
    )

    assert "pointsman.core.codec" in printed
    assert not set(printed.split()) & {"pointsman.client", "pointsman.engine", "pointsman.transport"}


def test_every_public_name_is_there() -> None:
    import pointsman

    for name in pointsman.__all__:
        assert getattr(pointsman, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import pointsman

    assert not hasattr(pointsman, "Cleint")
