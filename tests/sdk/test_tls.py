"""HTTPS: a certificate nobody vouches for gets neither the key nor an event."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.certificates import write_certificate
from tests.sdk.conftest import Connect
from tests.sdk.servers import WITHIN_S, Server


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The certificate for 127.0.0.1, which signs itself, and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture
def certificate(signed: tuple[Path, Path]) -> Path:
    return signed[0]


@pytest.fixture
def secure_server(signed: tuple[Path, Path]) -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*signed)
    server = Server(tls=context)
    server.start()
    yield server
    server.stop()


def test_a_server_with_a_trusted_certificate_is_talked_to(
    secure_server: Server, connect: Connect, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = connect(secure_server.url)

    assert client.wait_until_ready(WITHIN_S)
    client.expose(client.variant("digit-reader", unit="user-42"))
    assert client.flush(WITHIN_S)
    assert client.stats().accepted == 1


def test_a_server_with_a_strange_certificate_gets_nothing(secure_server: Server, connect: Connect) -> None:
    client = connect(secure_server.url)
    client.record("correct", unit="user-42")

    assert not client.flush(0.5)

    assert secure_server.asked == []
    assert "CERTIFICATE_VERIFY_FAILED" in (client.stats().problem or "")


def test_a_certificate_for_another_name_gets_nothing(
    secure_server: Server, connect: Connect, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    client = connect(secure_server.url.replace("127.0.0.1", "localhost"))
    client.record("correct", unit="user-42")

    assert not client.flush(0.5)

    assert secure_server.asked == []


def test_the_certificate_passes_a_strict_reader(secure_server: Server, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # Python 3.13's default
    host, port = secure_server.url.removeprefix("https://").split(":")

    with (
        socket.create_connection((host, int(port)), WITHIN_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        assert secure.getpeercert() is not None
