"""What `pip install ./sdk` installs: the package, typed and whole, from what git tracks and no more."""

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only git knows what is tracked")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """Built without isolation or network, from a copy of the tracked files: one that is not, is not there."""
    copy = tmp_path_factory.mktemp("tree")
    for name in tracked("sdk", ".gitignore"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(copy / "built")],
        cwd=copy / "sdk",
        check=True,
        capture_output=True,
    )
    (built,) = (copy / "built").iterdir()
    return ZipFile(built)


def tracked(*paths: str) -> list[str]:
    command = ["git", "ls-files", "-z", "--", *paths]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return listed.removesuffix("\0").split("\0")


def test_the_wheel_holds_the_package_and_nothing_else(wheel: ZipFile) -> None:
    source = ROOT / "sdk" / "src"
    written = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}

    packed = {name for name in wheel.namelist() if ".dist-info/" not in name}

    assert packed == {name for name in written if "__pycache__" not in name}


def test_the_wheel_is_typed_and_has_the_core(wheel: ZipFile) -> None:
    assert {"pointsman/py.typed", "pointsman/core/codec.py", "pointsman/core/evaluation.py"} <= set(
        wheel.namelist()
    )


def test_the_wheel_asks_for_three_libraries_and_names_its_version(wheel: ZipFile) -> None:
    from pointsman import __version__

    about = wheel.read(f"pointsman-{__version__}.dist-info/METADATA").decode()

    needs = [line for line in about.splitlines() if line.startswith("Requires-Dist:")]
    always = [line for line in needs if "extra ==" not in line]
    assert always == [f"Requires-Dist: {name}" for name in ("google-re2>=1.1", "mmh3>=5", "urllib3>=2.2")]
    assert [line for line in needs if "extra ==" in line] == [
        "Requires-Dist: cryptography>=44; extra == 'bundle'"
    ]
    assert "\nRequires-Python: >=3.11\n" in about
