"""The door of a web process: requests reach the application as werkzeug knows them, within bounds."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from runtime.web.arrival import SMALL_BYTES, Arrivals, Body, Limits, Refused
from runtime.web.front import Front
from runtime.web.wsgi import answer_of, environ_of
from tests.runtime.rsgi import Headers, Proto, Scope

LIMITS = Limits(threads=2, waiting=2, body_bytes=100_000, body_within_s=30, buffered_bytes=50_000)
CHUNKED = Headers(("transfer-encoding", "chunked"))


def sized(length: int) -> Headers:
    return Headers(("content-length", str(length)))


def environ(scope: Scope, body: bytes = b"") -> dict[str, Any]:
    return environ_of(scope, BytesIO(body), len(body))


class TestEnviron:
    @given(st.binary(max_size=40))
    def test_a_path_reads_as_werkzeug_reads_it_whatever_its_bytes(self, raw: bytes) -> None:
        as_rsgi = raw.decode("utf-8", "replace")

        found = Request(environ(Scope(path=f"/{as_rsgi}"))).path

        assert found == "/" + raw.decode("utf-8", "replace").lstrip("/")

    def test_an_encoded_slash_or_umlaut_arrives_decoded(self) -> None:
        path = unquote_to_bytes("/a%2Fb/%C3%A4").decode()

        assert environ(Scope(path=path))["PATH_INFO"] == "/a/b/Ã¤"

    @given(st.text(st.characters(codec="ascii", exclude_characters="#"), max_size=40))
    def test_the_query_arrives_as_it_was_sent(self, query: str) -> None:
        assert environ(Scope(query_string=query))["QUERY_STRING"] == query

    def test_who_asks_whom_and_how(self) -> None:
        scope = Scope(method="PUT", http_version="1", server="[::1]:81", client="[2001:db8::1]:4711")

        found = environ(scope)

        assert (found["REMOTE_ADDR"], found["SERVER_NAME"], found["SERVER_PORT"]) == (
            "2001:db8::1",
            "::1",
            "81",
        )
        assert (found["REQUEST_METHOD"], found["SERVER_PROTOCOL"]) == ("PUT", "HTTP/1.0")
        assert (found["SCRIPT_NAME"], found["wsgi.url_scheme"]) == ("", "http")

    def test_repeated_headers_are_joined_and_cookies_in_their_own_way(self) -> None:
        headers = Headers(("accept", "a"), ("cookie", "x=1"), ("accept", "b"), ("cookie", "y=2"))

        found = Request(environ(Scope(headers=headers)))

        assert found.headers["Accept"] == "a,b"
        assert dict(found.cookies) == {"x": "1", "y": "2"}

    def test_a_header_with_an_underscore_cannot_pass_for_another(self) -> None:
        headers = Headers(("x-forwarded-for", "proxy"), ("x_forwarded_for", "liar"))

        assert environ(Scope(headers=headers))["HTTP_X_FORWARDED_FOR"] == "proxy"

    def test_a_body_of_unannounced_length_arrives_with_its_length(self) -> None:
        found = Request(environ(Scope(method="POST", headers=CHUNKED), b"abc"))

        assert found.content_length == 3
        assert "Transfer-Encoding" not in found.headers
        assert found.get_data() == b"abc"

    def test_content_headers_have_no_prefix(self) -> None:
        headers = Headers(("content-type", "text/plain"), ("content-length", "0"))

        found = environ(Scope(headers=headers))

        assert (found["CONTENT_TYPE"], found["CONTENT_LENGTH"]) == ("text/plain", "0")
        assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(found)

    def test_without_a_host_the_address_names_it(self) -> None:
        assert environ(Scope(authority="example.org"))["HTTP_HOST"] == "example.org"


class Closing:
    """A body that says whether it was closed."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self.chunks, self.closed = chunks, False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.chunks:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closed = True


def serving(body: Any, status: str = "200 OK", *headers: tuple[str, str]) -> Callable[..., Any]:
    def app(_environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, list(headers))
        return body

    return app


class TestAnswer:
    def test_repeated_headers_stay_apart(self) -> None:
        cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]

        found = answer_of(serving([b"x", b"y"], "201 Created", *cookies), environ(Scope()))

        assert (found.status, found.headers, found.body) == (201, cookies, b"xy")

    @pytest.mark.parametrize(
        ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No"), ("GET", "304 Not")]
    )
    def test_some_answers_have_no_body(self, method: str, status: str) -> None:
        found = answer_of(serving([b"body"], status, ("Content-Length", "4")), environ(Scope(method=method)))

        assert (found.body, found.headers) == (b"", [("Content-Length", "4")])

    def test_what_was_written_comes_before_what_is_returned(self) -> None:
        def app(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [])(b"first ")
            return [b"second"]

        assert answer_of(app, environ(Scope())).body == b"first second"

    @pytest.mark.parametrize("chunks", [(b"x",), (b"x", OSError("gone"))], ids=["read", "broken"])
    def test_the_body_is_closed_whatever_happens(self, chunks: tuple[bytes | Exception, ...]) -> None:
        body = Closing(*chunks)

        try:
            answer_of(serving(body), environ(Scope()))
        except OSError:
            assert len(chunks) == 2

        assert body.closed

    def test_no_header_can_hold_a_second_one(self) -> None:
        with pytest.raises(ValueError, match="X-Name"):
            answer_of(serving([], "200 OK", ("X-Name", "a\r\nSet-Cookie: b")), environ(Scope()))

    def test_an_application_must_answer(self) -> None:
        with pytest.raises(ValueError, match="never started"):
            answer_of(lambda *_: [b"x"], environ(Scope()))


async def received(headers: Headers, proto: Any, limits: Limits = LIMITS) -> bytes:
    body = Body()
    await Arrivals(limits).receive(headers, proto, body)
    return body.data.getvalue()


async def refused(headers: Headers, proto: Any, limits: Limits = LIMITS) -> int:
    with pytest.raises(Refused) as caught:
        await received(headers, proto, limits)
    assert set(json.loads(caught.value.answer.body)) == {"error"}
    return caught.value.answer.status


class Stalled(Proto):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()


class TestArrival:
    @given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.booleans())
    def test_a_body_arrives_whole_however_it_is_cut(self, chunks: list[bytes], announced: bool) -> None:
        whole = b"".join(chunks)
        headers = sized(len(whole)) if announced else CHUNKED

        assert asyncio.run(received(headers, Proto(tuple(chunks)))) == whole

    def test_a_request_without_body_waits_for_nothing(self) -> None:
        assert asyncio.run(received(Headers(), Stalled())) == b""

    def test_what_announces_too_much_is_refused_before_it_is_read(self) -> None:
        assert asyncio.run(refused(sized(LIMITS.body_bytes + 1), Stalled())) == 413

    def test_what_sends_too_much_is_refused_on_the_way(self) -> None:
        limits = Limits(threads=1, body_bytes=10, body_within_s=30)

        assert asyncio.run(refused(CHUNKED, Proto((b"x" * 6, b"x" * 6)), limits)) == 413

    def test_what_stalls_is_refused(self) -> None:
        limits = Limits(threads=1, body_bytes=10, body_within_s=0.01)

        assert asyncio.run(refused(sized(3), Stalled(), limits)) == 408

    @pytest.mark.parametrize("headers", [sized(9), CHUNKED], ids=["announced", "chunked"])
    def test_a_body_cut_short_is_never_taken_for_a_whole_one(self, headers: Headers) -> None:
        assert asyncio.run(refused(headers, Proto((b"abc", b"")))) == 400

    def test_large_bodies_find_no_room_beside_each_other_but_small_ones_do(self) -> None:
        async def story() -> tuple[int, bytes]:
            arrivals, first = Arrivals(LIMITS), Body()
            await arrivals.receive(CHUNKED, Proto((b"x" * 100_000,)), first)
            with pytest.raises(Refused) as second:
                await arrivals.receive(CHUNKED, Proto((b"x" * 100_000,)), Body())
            small = Body()
            await arrivals.receive(CHUNKED, Proto((b"x" * SMALL_BYTES,)), small)
            return second.value.answer.status, small.data.getvalue()

        status, small = asyncio.run(story())

        assert status == 503
        assert small == b"x" * SMALL_BYTES

    def test_room_is_given_back(self) -> None:
        async def story() -> None:
            arrivals = Arrivals(LIMITS)
            for _ in range(10):
                body = Body()
                await arrivals.receive(CHUNKED, Proto((b"x" * 100_000,)), body)
                arrivals.release(body)

        asyncio.run(story())


def answered(app: Any, *requests: tuple[Scope, Proto]) -> list[tuple[int, dict[str, str], bytes]]:
    """The answers to requests that come at once."""

    async def story() -> None:
        front = Front(app, LIMITS)
        await asyncio.gather(*(front.__rsgi__(scope, proto) for scope, proto in requests))

    asyncio.run(story())
    return [answer for _, proto in requests for answer in proto.answers]


class TestFront:
    def test_a_request_is_answered_by_the_application(self) -> None:
        def app(environ: dict[str, Any], start_response: Any) -> Any:
            return Response(Request(environ).get_data()[::-1], status=202)(environ, start_response)

        scope = Scope(method="POST", headers=sized(3))

        [(status, _, body)] = answered(app, (scope, Proto((b"abc",))))

        assert (status, body) == (202, b"cba")

    def test_an_application_that_fails_is_a_500_in_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        def app(*_: Any) -> Any:
            raise LookupError("no such thing")

        [(status, _, body)] = answered(app, (Scope(path="/broken"), Proto()))

        assert (status, json.loads(body)["error"]["code"]) == (500, "internal_server_error")
        assert "no such thing" not in body.decode()
        assert "/broken" in caplog.text
        assert "no such thing" in caplog.text

    def test_health_is_answered_while_every_thread_is_busy_and_who_finds_no_place_hears_so(self) -> None:
        free = threading.Event()

        def app(environ: dict[str, Any], start_response: Any) -> Any:
            free.wait(30)
            return serving([b"late"])(environ, start_response)

        async def story() -> tuple[Proto, list[Proto], list[Proto]]:
            front = Front(app, LIMITS)
            held = [Proto() for _ in range(LIMITS.threads + LIMITS.waiting)]
            tasks = [asyncio.create_task(front.__rsgi__(Scope(), proto)) for proto in held]
            await asyncio.sleep(0)
            health, surplus = Proto(), [Proto(), Proto()]
            await front.__rsgi__(Scope(path="/healthz"), health)
            for proto in surplus:
                await front.__rsgi__(Scope(), proto)
            free.set()
            await asyncio.gather(*tasks)
            return health, surplus, held

        health, surplus, held = asyncio.run(story())

        assert health.answers[0][0] == 200
        assert [proto.answers[0][0] for proto in surplus] == [503, 503]
        assert surplus[0].answers[0][1]["Retry-After"]
        assert [proto.answers[0][2] for proto in held] == [b"late"] * 4

    def test_another_method_on_health_is_the_applications_to_refuse(self) -> None:
        [(status, _, _)] = answered(serving([], "405 No"), (Scope(method="PUT", path="/healthz"), Proto()))

        assert status == 405
