"""Who may ask the app, and for how much."""

import asyncio

import pytest

starlette = pytest.importorskip("starlette", reason='the app needs pip install "jaxmem[app]"')

from jaxmem.apps.app.gate import LARGEST_UPLOAD, Gate  # noqa: E402

pytestmark = pytest.mark.quick
TOKEN, PORT = "right-key", 8123
COOKIE = f"jaxmem-{PORT}={TOKEN}"


async def inner(scope, receive, send):
    """What stands behind the gate: it reads the whole request, and says how long it was."""
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(length).encode()})


def ask(query="", parts=(b"",), kind="http", **headers):
    """What the gate answers: status, headers, body."""
    headers = {"host": f"127.0.0.1:{PORT}"} | headers
    scope = {
        "type": kind, "method": "POST", "path": "/", "query_string": query.encode(),
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }  # fmt: skip
    left = [{"type": "http.request", "body": p, "more_body": k < len(parts) - 1}
            for k, p in enumerate(parts)]  # fmt: skip
    said = []

    async def receive():
        return left.pop(0) if kind == "http" else {"type": "websocket.connect"}

    async def send(message):
        said.append(message)

    asyncio.run(Gate(inner, TOKEN, PORT)(scope, receive, send))
    return said


def test_without_the_key_nothing_is_served():
    for query in ("", "token=wrong", "token=", "other=right-key"):
        start, body = ask(query)
        assert start["status"] == 403 and b"lacks the key" in body["body"]
    assert ask(cookie=f"jaxmem-{PORT}=wrong")[0]["status"] == 403
    # The cookie of a server on another port.
    assert ask(cookie=f"jaxmem-9999={TOKEN}")[0]["status"] == 403


def test_the_key_in_the_address_becomes_a_cookie_that_scripts_cannot_read():
    start = ask(f"token={TOKEN}")[0]
    assert start["status"] == 200
    headers = dict(start["headers"])
    assert headers[b"set-cookie"] == f"{COOKIE}; Path=/; HttpOnly; SameSite=Lax".encode()
    assert ask(cookie=COOKIE)[0]["status"] == 200
    assert b"set-cookie" not in dict(ask(cookie=COOKIE)[0]["headers"])


def test_a_page_asks_nobody_else():
    policy = dict(ask(cookie=COOKIE)[0]["headers"])[b"content-security-policy"].decode()
    assert "default-src 'self'" in policy and "http" not in policy
    assert f"connect-src 'self' ws://127.0.0.1:{PORT} ws://localhost:{PORT};" in policy


@pytest.mark.parametrize("host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1:1", ""])
def test_another_name_for_this_machine_is_not_served(host):
    start, body = ask(f"token={TOKEN}", host=host)
    assert start["status"] == 403 and b"127.0.0.1 and localhost alone" in body["body"]


def test_a_page_of_another_server_cannot_ask_with_the_cookie():
    assert ask(cookie=COOKIE, origin="http://127.0.0.1:9999")[0]["status"] == 403
    assert ask(cookie=COOKIE, origin=f"http://127.0.0.1:{PORT}")[0]["status"] == 200
    closed = ask(cookie=COOKIE, origin="http://evil.example", kind="websocket")
    assert closed[0]["type"] == "websocket.close"
    assert ask(kind="websocket")[0]["type"] == "websocket.close"


def test_what_is_sent_is_bounded_whatever_its_header_says():
    assert ask(cookie=COOKIE, content_length=str(LARGEST_UPLOAD + 1))[0]["status"] == 413
    assert ask(cookie=COOKIE, content_length="-1")[0]["status"] == 413
    part = b"x" * (LARGEST_UPLOAD // 4)
    assert ask(cookie=COOKIE, parts=[part] * 4)[1]["body"] == str(LARGEST_UPLOAD).encode()
    # Longer than allowed: what reads it hears that the line was cut, and answers nothing.
    assert ask(cookie=COOKIE, content_length="1", parts=[part] * 5) == []
