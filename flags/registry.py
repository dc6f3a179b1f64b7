"""Model registries: which version an alias names now, asked once and then written down.

A payload may say ``models:/ranker@champion``. What an alias names changes without anybody changing the flag,
so it is resolved before the flag is saved, and the version is what is stored and served. Spoken with is the
REST interface of MLflow's registry, which Databricks, Azure ML and others offer too.
Source: https://mlflow.org/docs/latest/rest-api.html (Get Model Version by Alias).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from flags.metrics import REGISTRY
from pointsman.core.model import Json, Kind
from runtime.errors import Invalid
from runtime.settings import Settings

ALIASED: Final = re.compile(r"models:/(?P<name>[^/:@\s][^/:@]*)@(?P<alias>[A-Za-z0-9_-]{1,255})", re.ASCII)
"""MLflow's own limits: a name without ``/`` and ``:``, an alias of letters, digits, ``_`` and ``-``."""

_PATH: Final = "/api/2.0/mlflow/registered-models/alias"
_CONNECT_S: Final = 3.0
_READ_S: Final = 5.0
_MOST_BYTES: Final = 1_000_000
# An unknown model is a 404; an unknown alias of a known model is a 400.
_UNKNOWN: Final = (400, 404)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRegistry:
    """A registry that speaks MLflow's REST interface. ``token`` is sent as a bearer's; empty: none is."""

    url: str
    token: str = field(default="", repr=False)

    def version(self, name: str, alias: str, field: str) -> str:
        """The version the alias names now. Invalid: names ``field``; no such model or alias, or no answer."""
        status, body = self._asked(name, alias, field)
        wanted = f"{name}@{alias}"
        if status in _UNKNOWN and _is_unknown(body):
            REGISTRY.labels("unknown").inc()
            raise Invalid(field, f"names {wanted}, which the model registry does not know")
        found = _version(body) if status == 200 else None
        if found is None:
            REGISTRY.labels("failed").inc()
            raise Invalid(
                field,
                f"cannot be resolved: the model registry answered {status} for {wanted}; "
                "give the version, such as models:/name/7, or try again",
            )
        REGISTRY.labels("resolved").inc()
        return found

    def _asked(self, name: str, alias: str, field: str) -> tuple[int, bytes]:
        from urllib3 import PoolManager, Timeout
        from urllib3.exceptions import HTTPError

        address = f"{self.url.rstrip('/')}{_PATH}?{urlencode({'name': name, 'alias': alias})}"
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        timeout = Timeout(connect=_CONNECT_S, read=_READ_S)
        with PoolManager(timeout=timeout, retries=False) as pool:
            try:
                answer = pool.request("GET", address, headers=headers, redirect=False, preload_content=False)
                return answer.status, answer.read(_MOST_BYTES)
            except HTTPError as error:
                REGISTRY.labels("failed").inc()
                raise Invalid(
                    field,
                    f"cannot be resolved: the model registry does not answer ({type(error).__name__}); "
                    "give the version, such as models:/name/7, or try again",
                ) from None


def registry_of(settings: Settings) -> ModelRegistry | None:
    """The registry of the settings; None: there is none."""
    if not settings.model_registry:
        return None
    return ModelRegistry(url=settings.model_registry, token=settings.model_registry_token)


def freeze(kind: Kind, variants: Mapping[str, Json], registry: ModelRegistry | None) -> dict[str, Json]:
    """The variants, a model flag's with every ``models:/name@alias`` made the version it names now.

    ``{"model": "models:/ranker@champion"}`` becomes ``{"model": "models:/ranker/7", "version": "7",
    "alias": "champion"}``. Invalid: names the variant's field; also where no registry is configured.
    """
    if kind is not Kind.MODEL:
        return dict(variants)
    return {name: _frozen(payload, registry, f"variants.{name}") for name, payload in variants.items()}


def aliased(payload: object) -> re.Match[str] | None:
    """The alias that a model's payload names in place of a version; None: it names none."""
    model = payload.get("model") if isinstance(payload, dict) else None
    return ALIASED.fullmatch(model.strip()) if isinstance(model, str) else None


def _frozen(payload: Json, registry: ModelRegistry | None, field: str) -> Json:
    named = aliased(payload)
    if named is None or not isinstance(payload, dict):
        return payload
    if registry is None:
        raise Invalid(
            f"{field}.model",
            "names an alias, and this installation knows no model registry: set POINTSMAN_MODEL_REGISTRY, "
            "or give the version, such as models:/name/7",
        )
    version = registry.version(named["name"], named["alias"], f"{field}.model")
    fixed: dict[str, Json] = {"version": version, "alias": named["alias"]}
    return {**payload, "model": f"models:/{named['name']}/{version}", **fixed}


def _is_unknown(body: bytes) -> bool:
    """MLflow says so in words; any other 404 is a wrong address."""
    return b"RESOURCE_DOES_NOT_EXIST" in body or b"INVALID_PARAMETER_VALUE" in body


def _version(body: bytes) -> str | None:
    try:
        found: Any = json.loads(body)["model_version"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    is_version = isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) < 20
    return found if is_version else None
