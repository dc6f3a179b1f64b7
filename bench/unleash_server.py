"""The real Unleash server, installed from npm on demand, with flags like those of bench.delivery."""

import json
import os
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.error import URLError

from tests.platform import ROOT, free_port, wait_until

VERSION: Final = "7.5.1"
ADMIN: Final = "*:*.pointsman-bench-admin"
BACKEND: Final = "default:development.pointsman-bench-backend"
FRONTEND: Final = "default:development.pointsman-bench-frontend"

_HOME: Final = ROOT / ".data" / "bench" / "unleash"
_INSTALL_S: Final = 600
_FEATURES: Final = "/api/admin/projects/default/features"
_COUNTRY: Final = {"contextName": "country", "operator": "IN", "values": ["DE", "AT"]}
_PAYLOADS: Final = {
    "v1": {"model": "small", "cost_per_call": 0.001},
    "v2": {"model": "large", "params": {"temperature": 0.5}},
}


def absent() -> str | None:
    """Why Unleash cannot run here; None: it can."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    return f"there is no {' and no '.join(missing)}" if missing else None


def installed() -> Path:
    """The server's program, installed now if need be. CalledProcessError: npm could not."""
    program = _HOME / "node_modules" / "unleash-server" / "dist" / "server.js"
    if not program.exists():
        _HOME.mkdir(parents=True, exist_ok=True)
        (_HOME / "package.json").write_text('{"private": true}')
        command = (
            "npm",
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            f"unleash-server@{VERSION}",
        )
        subprocess.run(command, cwd=_HOME, check=True, timeout=_INSTALL_S, stdout=subprocess.DEVNULL)
    return program


@contextmanager
def unleash(socket_dir: str, database: str, flags: int) -> Iterator[int]:
    """The port of a running Unleash on this PostgreSQL, with so many flags; killed afterwards."""
    port = free_port()
    environ = os.environ | {
        "DATABASE_HOST": socket_dir,
        "DATABASE_NAME": database,
        "DATABASE_USERNAME": "postgres",
        "DATABASE_PASSWORD": "unused",
        "DATABASE_SSL": "false",
        "NODE_ENV": "production",
        "HTTP_HOST": "127.0.0.1",
        "PORT": str(port),
        "LOG_LEVEL": "error",
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "INIT_ADMIN_API_TOKENS": ADMIN,
        "INIT_BACKEND_API_TOKENS": BACKEND,
        "INIT_FRONTEND_API_TOKENS": FRONTEND,
        "FRONTEND_API_REFRESH_INTERVAL_MS": "1000",
    }
    log = _HOME / "server.log"
    with log.open("wb") as out:
        command = ["node", str(installed())]
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=out, start_new_session=True)
    try:
        wait_until(lambda: _answers(port), f"Unleash; its log is {log}")
        for number in range(flags):
            _make(port, f"flag-{number:03}")
        wait_until(lambda: _serves(port, flags), "Unleash's frontend API to know every flag")
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _make(port: int, key: str) -> None:
    at = f"{_FEATURES}/{key}/environments/development"
    _post(port, _FEATURES, {"name": key, "type": "release"})
    _post(port, f"{at}/strategies", _strategy(key, {"v2": 1000}, [_COUNTRY]))
    _post(port, f"{at}/strategies", _strategy(key, {"v1": 900, "v2": 100}, []))
    _post(port, f"{at}/on", {})


def _strategy(key: str, weights: dict[str, int], constraints: list[object]) -> dict[str, object]:
    return {
        "name": "flexibleRollout",
        "parameters": {"rollout": "100", "stickiness": "userId", "groupId": key},
        "constraints": constraints,
        "variants": [_variant(name, weight) for name, weight in weights.items()],
    }


def _variant(name: str, weight: int) -> dict[str, object]:
    payload = {"type": "json", "value": json.dumps(_PAYLOADS[name])}
    return {
        "name": name,
        "weight": weight,
        "weightType": "variable",
        "stickiness": "userId",
        "payload": payload,
    }


def _post(port: int, path: str, body: object) -> None:
    _ask(port, path, ADMIN, json.dumps(body).encode())


def _answers(port: int) -> bool:
    try:
        _ask(port, "/health", ADMIN)
    except (OSError, URLError):
        return False
    return True


def _serves(port: int, flags: int) -> bool:
    answer = _ask(port, "/api/frontend?userId=anna&properties%5Bcountry%5D=FR", FRONTEND)
    return len(json.loads(answer)["toggles"]) == flags


def _ask(port: int, path: str, token: str, body: bytes | None = None) -> bytes:
    headers = {"Authorization": token, "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        content: bytes = answer.read()
        return content
