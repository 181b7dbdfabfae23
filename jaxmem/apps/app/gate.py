"""Who may ask the server, and for how much: whatever is refused here reaches nothing else."""

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The largest request, a dropped file with its envelope [bytes].
LARGEST_UPLOAD = 32 * 2**20
KEY = "token"
# A page asks this server alone, and no other page may frame it or learn its address.
HEADERS = {
    "content-security-policy": "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; "
    "connect-src 'self' {sockets}; frame-ancestors 'self'; base-uri 'self'; form-action 'self'; "
    "object-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Gate:
    """Lets through who has the key, from this machine's own pages, and bounds what is sent.

    The key stands in the address that is opened first, and then in a cookie that scripts cannot
    read. The name of the host is compared, so that no other name that leads to this machine is
    served, and the origin, so that no page of another server can ask in the user's name.
    """

    def __init__(self, app: ASGIApp, token: str, port: int):
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        # A cookie holds for all ports of a host; another server of this kind has another one.
        self.cookie = f"jaxmem-{port}"
        sockets = " ".join(f"ws://{host}" for host in sorted(self.hosts))
        self.headers = [
            (name.encode(), value.replace("{sockets}", sockets).encode())
            for name, value in HEADERS.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        if problem := self.refusal(scope, headers):
            await _refuse(scope, receive, send, 403, problem)
            return
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_UPLOAD:
            await _refuse(scope, receive, send, 413, TOO_LARGE)
            return
        await self.app(scope, _bounded(receive), self._with_headers(scope, send))

    def refusal(self, scope: Scope, headers: dict[str, str]) -> str:
        """Why a request is refused, in words; empty if it is not."""
        if headers.get("host", "") not in self.hosts:
            return "This server answers under 127.0.0.1 and localhost alone."
        origin = headers.get("origin")
        if origin is not None and origin.removeprefix("http://") not in self.hosts:
            return "This request comes from a page of another server."
        if not self._known(scope, headers):
            return (
                "This address lacks the key of the running app: open the one that `jaxmem app` "
                "printed in its terminal."
            )
        return ""

    def _known(self, scope: Scope, headers: dict[str, str]) -> bool:
        given = [*self._asked(scope)]
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(self.cookie)
        except CookieError:
            cookie = None
        if cookie is not None:
            given.append(cookie.value)
        return any(hmac.compare_digest(g.encode(), self.token.encode()) for g in given)

    def _asked(self, scope: Scope) -> list[str]:
        return parse_qs(scope.get("query_string", b"").decode("latin-1")).get(KEY, [])

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = list(self.headers)
                if self._asked(scope):
                    value = f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Lax"
                    more.append((b"set-cookie", value.encode()))
                message = {**message, "headers": [*message.get("headers", []), *more]}
            await send(message)

        return sent


TOO_LARGE = f"What was sent exceeds {LARGEST_UPLOAD // 2**20} MB."


def _bounded(receive: Receive) -> Receive:
    """As `receive`, but what is longer than allowed, whatever its header said, ends there."""
    total = 0

    async def received() -> Message:
        nonlocal total
        message = await receive()
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > LARGEST_UPLOAD:
                return {"type": "http.disconnect"}
        return message

    return received


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": text[:120]})
        return
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"),
               (b"content-length", str(len(body)).encode())]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
