"""HTTPS: a certificate nobody vouches for gets neither the key nor an event.

The certificate is for 127.0.0.1, signs itself and is worth nothing elsewhere. Made by
``openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500
-subj "/CN=pointsman tests, loopback only" -addext "subjectAltName=IP:127.0.0.1"
-addext "basicConstraints=critical,CA:TRUE"``.
"""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sdk.conftest import Connect
from tests.sdk.servers import WITHIN_S, Server

TLS = Path(__file__).parent / "tls"


@pytest.fixture
def secure_server() -> Iterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "loopback.pem", TLS / "loopback.key")
    server = Server(tls=context)
    server.start()
    yield server
    server.stop()


def test_a_server_with_a_trusted_certificate_is_talked_to(
    secure_server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "loopback.pem"))
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
    secure_server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "loopback.pem"))
    client = connect(secure_server.url.replace("127.0.0.1", "localhost"))
    client.record("correct", unit="user-42")

    assert not client.flush(0.5)

    assert secure_server.asked == []
