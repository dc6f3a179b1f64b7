"""What cannot work is refused when the client is made, by name."""

from pathlib import Path

import pytest

from pointsman import Client, ConfigurationError, Options, PointsmanError
from pointsman.address import parse_address
from pointsman.options import default_cache_dir


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        5,
        b"http://x",
        "example.com",
        "ftp://example.com",
        "http://",
        "http:///path",
        "http://exa mple.com",
        "http://example.com\r\nX: y",
        "http://exämple.com",
        "http://user:pass@example.com",
        "http://example.com?x=1",
        "http://example.com#x",
        "http://example.com:0",
        "http://example.com:99999",
        "http://example.com:port",
        "http://[::1",
    ],
)
def test_a_url_that_cannot_work_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client(url, key="sdk-key")

    assert caught.value.field == "url"
    assert isinstance(caught.value, PointsmanError | ValueError)


@pytest.mark.parametrize(
    ("url", "spelled"),
    [
        ("http://example.com", "http://example.com:80"),
        ("https://example.com/", "https://example.com:443"),
        ("HTTP://Example.com:8000/flags/", "http://example.com:8000/flags"),
        ("http://[::1]:8000", "http://::1:8000"),
    ],
)
def test_a_url_is_taken_apart(url: str, spelled: str) -> None:
    assert str(parse_address(url)) == spelled


@pytest.mark.parametrize("key", ["", None, 5, b"key", "two words", "key\n", "schlüssel"])
def test_a_key_that_cannot_work_is_refused(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Client("http://127.0.0.1:9", key=key)

    assert caught.value.field == "key"


_SECONDS = ("poll_interval_s", "timeout_s", "flush_interval_s", "backoff_s", "exit_timeout_s")
_COUNTS = ("batch_size", "queue_size", "max_ruleset_bytes")


@pytest.mark.parametrize("name", _SECONDS)
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 10**400, "5", None, True])
def test_seconds_that_cannot_work_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Options(**{name: value})  # type: ignore[arg-type]  # wrong on purpose

    assert caught.value.field == name


@pytest.mark.parametrize("name", _COUNTS)
@pytest.mark.parametrize("value", [0, -1, 1.5, "5", None, True])
def test_counts_that_cannot_work_are_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Options(**{name: value})  # type: ignore[arg-type]  # wrong on purpose

    assert caught.value.field == name


def test_a_batch_larger_than_the_server_takes_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 1000"):
        Options(batch_size=1_001)


@pytest.mark.parametrize("value", ["", 5, b"cache"])
def test_a_cache_directory_that_cannot_work_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Options(cache_dir=value)

    assert caught.value.field == "cache_dir"


def test_options_of_another_type_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="must be pointsman"):
        Client("http://127.0.0.1:9", key="sdk-key", options={"batch_size": 5})  # type: ignore[arg-type]  # wrong


def test_the_cache_is_in_the_users_own_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "pointsman"

    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "pointsman"

    monkeypatch.setattr("sys.platform", "darwin")
    assert default_cache_dir() == tmp_path / "Library" / "Caches" / "pointsman"

    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "Local"))
    assert default_cache_dir() == tmp_path / "Local" / "pointsman"


def test_a_user_without_a_home_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)

    assert default_cache_dir() is None
