"""Settings come from the environment, and a wrong one says which."""

from dataclasses import fields
from pathlib import Path

import pytest

from runtime.errors import Invalid
from runtime.settings import Settings
from tests.platform import ROOT


def test_every_value_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_environment({})

    assert settings.base_url == "http://127.0.0.1:8000"
    assert settings.database_url == f"sqlite:///{tmp_path / '.data' / 'pointsman.db'}"
    assert settings.redis_url is None


def test_settings_survive_the_journey_to_a_child_process(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        redis_url="redis://127.0.0.1:1",
        port=81,
        body_timeout_s=3,
        secure_cookies=True,
        model_registry="https://registry.example.org/mlflow",
        model_registry_token="s3cret",
    )

    assert Settings.from_environment(settings.to_environment()) == settings


@pytest.mark.parametrize("name", sorted(Settings().to_environment()))
def test_every_setting_is_described(name: str) -> None:
    rows = (ROOT / "docs" / "reference" / "configuration.md").read_text().splitlines()

    described = [row for row in rows if row.startswith("|") and f"`{name}`" in row.split("|")[1]]

    assert len(described) == 1


def test_every_field_reaches_the_environment_of_child_processes() -> None:
    assert len(Settings().to_environment()) == len(fields(Settings))


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_every_spelling_of_postgresql_gets_the_driver_we_ship(scheme: str) -> None:
    settings = Settings.from_environment({"DATABASE_URL": f"{scheme}://u:p@h/db"})

    assert settings.database_url == "postgresql+psycopg://u:p@h/db"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://h/db"),
        ("REDIS_URL", "http://h"),
        ("POINTSMAN_PORT", "http"),
        ("POINTSMAN_PORT", "0"),
        ("POINTSMAN_PORT", "65536"),
        ("POINTSMAN_WEB_THREADS", "-1"),
        ("POINTSMAN_BODY_TIMEOUT_S", "0"),
        ("POINTSMAN_MODEL_REGISTRY", "registry.example.org"),
        ("POINTSMAN_MODEL_REGISTRY", "http://"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        Settings.from_environment({name: value})

    assert refused.value.field == name
