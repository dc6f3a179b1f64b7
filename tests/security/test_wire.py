"""Bytes that are hardly HTTP: whatever comes, the server answers or hangs up, and goes on serving."""

import pytest

from tests.security.site import Site

GOOD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [line, b"Host: 127.0.0.1", b"Connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


NOT_HTTP: dict[str, bytes] = {
    "nothing": b"",
    "a line": b"hello\r\n\r\n",
    "noise": bytes(range(256)) * 100,
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "a method of 10,000 letters": request(b"X" * 10_000 + b" / HTTP/1.1"),
    "a path of a megabyte": request(b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1"),
    "a header of a megabyte": request(b"GET /healthz HTTP/1.1", b"X: " + b"a" * 1_000_000),
    "10,000 headers": request(b"GET /healthz HTTP/1.1", *[b"X-%d: 1" % n for n in range(10_000)]),
    "a header without a name": request(b"GET /healthz HTTP/1.1", b": x"),
    "a header with NUL": request(b"GET /healthz HTTP/1.1", b"X: a\x00b"),
    "a length that is a text": request(b"POST /v1/events HTTP/1.1", b"Content-Length: many"),
    "a negative length": request(b"POST /v1/events HTTP/1.1", b"Content-Length: -1"),
    "a length of 40 digits": request(b"POST /v1/events HTTP/1.1", b"Content-Length: " + b"9" * 40),
    "two lengths": request(
        b"POST /v1/events HTTP/1.1", b"Content-Length: 1", b"Content-Length: 2", body=b"{}"
    ),
    "a chunk of no size": request(
        b"POST /v1/events HTTP/1.1", b"Transfer-Encoding: chunked", body=b"zz\r\n{}\r\n"
    ),
    "a chunk without end": request(
        b"POST /v1/events HTTP/1.1", b"Transfer-Encoding: chunked", body=b"ffff\r\n{}"
    ),
    "a body cut short": request(b"POST /v1/events HTTP/1.1", b"Content-Length: 1000", body=b"{}"),
    "HTTP/9.9": b"GET /healthz HTTP/9.9\r\n\r\n",
}


@pytest.mark.parametrize("what", NOT_HTTP)
def test_what_is_hardly_http_gets_a_refusal_or_nothing(unharmed: Site, what: str) -> None:
    said = unharmed.raw(NOT_HTTP[what], hang_up=True)

    if said:
        assert said.startswith(b"HTTP/1.")
        assert int(said.split()[1]) < 500
    assert unharmed.raw(GOOD).startswith(b"HTTP/1.1 200")


METHODS = [
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "ÄH",
]
PROGRAM_PATHS = [
    "/v1/events",
    "/v1/ruleset",
    "/api/v1/projects",
    "/api/v1/projects/demo",
    "/metrics",
    "/healthz",
]


@pytest.mark.parametrize("path", [*PROGRAM_PATHS, "/", "/sign-in", "/p/demo/prod/flags", "/static/style.css"])
@pytest.mark.parametrize("method", METHODS)
def test_no_method_on_any_path_is_the_servers_fault(unharmed: Site, method: str, path: str) -> None:
    said = unharmed.raw(request(f"{method} {path} HTTP/1.1".encode()))

    if said:
        assert int(said.split()[1]) < 500


@pytest.mark.parametrize("path", PROGRAM_PATHS[:4])
def test_a_wrong_method_says_which_are_right(unharmed: Site, path: str) -> None:
    answer = unharmed.send("PROPFIND", path)

    assert (answer.status, answer.error["code"]) == (405, "method_not_allowed")
    assert "OPTIONS" in answer.headers["allow"]


ODD_PATHS = [
    b"*",
    b"//",
    b"/%",
    b"/%00",
    b"/%ff",
    b"/\xff",
    b"/..%2f..%2f..%2fetc/passwd",
    b"/static/..%2f..%2fapp.py",
    b"/static/../../app.py",
    b"/static/%2e%2e/%2e%2e/pyproject.toml",
    b"/static//etc/passwd",
    b"/static/style.css%00.png",
    b"http://other.example/healthz",
    b"/p/%2e%2e/%2e%2e/flags",
    b"/sign-in/%00",
    b"/sign-in/" + b"x" * 10_000,
    b"/?" + b"a=1&" * 5_000,
    b"/?" + b"%" * 5_000,
    b"/openapi/..%2f..%2fapp.py",
]


@pytest.mark.parametrize("path", ODD_PATHS, ids=[str(path[:30]) for path in ODD_PATHS])
def test_no_path_is_the_servers_fault_nor_shows_a_file(unharmed: Site, path: bytes) -> None:
    said = unharmed.raw(request(b"GET " + path + b" HTTP/1.1"))

    if said:
        assert int(said.split()[1]) < 500
    assert b"root:" not in said
    assert b"create_app" not in said
    assert b"pointsman-server" not in said


HEADERS = {
    "another host": b"Host: evil.example",
    "a forged address": b"X-Forwarded-For: 127.0.0.1, ' OR 1=1",
    "a forged host": b"X-Forwarded-Host: evil.example",
    "an odd cookie": b"Cookie: pointsman_session=\xff\xfe; session=.eJx; =; ;;",
    "a huge cookie": b"Cookie: session=" + b"x" * 50_000,
    "an odd range": b"Range: bytes=9999999999999999999-",
    "an odd date": b"If-Modified-Since: Fri, 99 Foo 99999 99:99:99 GMT",
    "an odd tag": b'If-None-Match: W/"", "\xff", *',
    "an odd type": b"Accept: text/html;q=nan, */*;q=99999",
    "an odd language": b"Accept-Language: \xff;q=x",
    "an override": b"X-HTTP-Method-Override: DELETE",
    "an expectation": b"Expect: the-impossible",
}


@pytest.mark.parametrize("what", HEADERS)
@pytest.mark.parametrize(
    "path", [b"/", b"/sign-in", b"/static/style.css", b"/v1/ruleset", b"/api/v1/projects"]
)
def test_no_header_is_the_servers_fault_nor_is_believed(unharmed: Site, path: bytes, what: str) -> None:
    said = unharmed.raw(request(b"GET " + path + b" HTTP/1.1", HEADERS[what]))

    assert said.startswith(b"HTTP/1.1 ")
    assert int(said.split()[1]) < 500
    assert b"evil.example" not in said
