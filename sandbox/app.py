"""The web application: the vendors below their prefixes, the faults, and a page that shows what arrived."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route as HttpRoute
from starlette.types import Receive, Scope, Send

from sandbox import accounts
from sandbox.api import Api, Reply, Request, Route
from sandbox.faults import Fault, Faults, Kind
from sandbox.page import render
from sandbox.store import Store

NAME = "weft sandbox"
BEFORE = (Kind.RATE_LIMITED, Kind.SERVER_ERROR, Kind.REFUSE_CALL, Kind.BAD_AUTH, Kind.DROP_BEFORE)
AFTER = (Kind.DROP_AFTER, Kind.TRUNCATE, Kind.INVALID_JSON)


class Sandbox:
    """All simulated accounts and the ASGI application that serves them.

    Args:
        store: What the accounts hold.
        limit_scale: Rate limits are multiplied by it.
        job_seconds: How long an asynchronous job takes.
    """

    def __init__(self, store: Store, *, limit_scale: float = 1.0, job_seconds: float = 0.4) -> None:
        self.store = store
        self.faults = Faults()
        self._simulators = accounts.load()
        self._given = (limit_scale, job_seconds)
        self.apis: dict[str, Api] = {}
        self._open()
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(
            routes=[
                HttpRoute("/", self._page),
                HttpRoute("/health", self._health),
                HttpRoute("/environment", self._environment),
                HttpRoute("/faults", self._faults, methods=["GET", "POST", "DELETE"]),
                HttpRoute("/{account}/{path:path}", self._call, methods=methods),
            ]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, and remember the connection, so that a fault can break it."""
        scope["sandbox.transport"] = getattr(getattr(send, "__self__", None), "transport", None)
        await self.app(scope, receive, send)

    def advance(self) -> None:
        """Let time pass in every account."""
        for api in self.apis.values():
            api.advance()

    def reset(self) -> None:
        """Begin anew: every account as it was at the start."""
        self.faults.clear()
        self.store.clear()
        self._open()

    def _open(self) -> None:
        """Open all accounts."""
        for name, api in self._simulators.items():
            self.apis[name] = api(self.store, self.faults, *self._given)
            self.apis[name].prepare()

    def clear_faults(self) -> None:
        """Switch all faults off and let stuck jobs go on."""
        self.faults.clear()
        for api in self.apis.values():
            api.release()

    async def _page(self, request: HttpRequest) -> Response:
        self.advance()
        return HTMLResponse(render(self.store, self.apis, self.faults.list()), headers={"Cache-Control": "no-store"})

    async def _health(self, request: HttpRequest) -> Response:
        return JSONResponse({"name": NAME, "status": "ok", "pid": os.getpid(), "accounts": list(self.apis)})

    def environment(self, url: str) -> dict[str, str]:
        """Return the variables that point a connections.yml at these accounts.

        Args:
            url: Where the sandbox is served.
        """
        found: dict[str, str] = {}
        for name, api in self.apis.items():
            found |= api.environment(f"{url}/{name}")
        return found

    async def _environment(self, request: HttpRequest) -> Response:
        return JSONResponse(self.environment(f"{request.url.scheme}://{request.url.netloc}"))

    async def _faults(self, request: HttpRequest) -> Response:
        if request.method == "DELETE":
            self.clear_faults()
        elif request.method == "POST":
            try:
                raw = await request.json()
                for one in raw if isinstance(raw, list) else [raw]:
                    self.faults.add(Fault.parse(one))
            except (ValueError, TypeError, AttributeError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse(self.faults.list())

    async def _call(self, http: HttpRequest) -> Response:
        api = self.apis.get(http.path_params["account"])
        if api is None:
            return JSONResponse({"error": f"accounts are {', '.join(self.apis)}"}, status_code=404)
        started = time.perf_counter()
        raw = await http.body()
        request = read(http, raw)
        route = api.match(request)
        text = raw.decode(errors="replace")
        where = {"method": request.method, "path": request.path, "text": text}
        delay = self.faults.take(api.name, Kind.DELAY, **where)
        if delay:
            await asyncio.sleep(delay.seconds)
        before = self.faults.take(api.name, *BEFORE, **where)
        after = None
        if before:
            reply = self._fail(api, before)
        else:
            api.advance()
            reply = self._answer(api, request, route)
            after = self.faults.take(api.name, *AFTER, **where)
        self._note(api, request, reply, before or after, (time.perf_counter() - started) * 1000)
        return Broken.of(reply, before or after)

    def _answer(self, api: Api, request: Request, route: Route | None) -> Reply:
        if request.body is BAD_JSON:
            return api.refuse(400, "invalid", "The body is not valid JSON.")
        try:
            return api.handle(request, route)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError):
            # the handlers read bodies as the specification has them: anything else is the caller's mistake
            return api.refuse(400, "invalid", "The body does not have the expected form.")

    def _fail(self, api: Api, fault: Fault) -> Reply:
        if fault.kind == Kind.RATE_LIMITED:
            reply = api.throttled(fault.seconds)
            reply.status = fault.status or reply.status
            reply.headers.pop("Retry-After", None)
            forms = {
                "seconds": str(max(int(fault.seconds + 0.999), 1)),
                "date": formatdate(time.time() + fault.seconds, usegmt=True),
            }
            if fault.retry_after != "none":
                reply.headers["Retry-After"] = forms.get(fault.retry_after, fault.retry_after)
            return reply
        if fault.kind == Kind.SERVER_ERROR:
            return Reply(fault.status or 500, "<html><body><h1>Service unavailable</h1></body></html>")
        if fault.kind == Kind.BAD_AUTH:
            anonymous = Request("GET", "/", {}, {}, None, 0, "")
            return api.authenticate(anonymous) or Reply(401)
        if fault.kind == Kind.REFUSE_CALL:
            return api.refuse(fault.status or 400, "invalid", "The request was refused.")
        return Reply(0)

    def _note(self, api: Api, request: Request, reply: Reply, fault: Fault | None, ms: float) -> None:
        path = request.template or "(unknown path)"
        broken = fault is not None and fault.kind in (Kind.DROP_BEFORE, Kind.DROP_AFTER)
        with self.store.transaction():
            self.store.note_call(api.name, request.method, path, 0 if broken else reply.status, request.rows, ms)
            if reply.status >= 400:
                self.store.note_refusal(api.name, path, str(reply.status), refusal_code(reply.body), request.rows)


BAD_JSON = object()


def read(http: HttpRequest, raw: bytes) -> Request:
    """Read a request whole: JSON unless it says otherwise, a form as a dictionary, any other text as it is."""
    body: Any = None
    kind = http.headers.get("content-type", "")
    if raw:
        if "form-urlencoded" in kind:
            body = {name: values[-1] for name, values in parse_qs(raw.decode(), keep_blank_values=True).items()}
        elif kind.startswith("text/"):
            body = raw.decode(errors="replace")
        else:
            try:
                body = orjson.loads(raw)
            except ValueError:
                body = BAD_JSON
    account = http.path_params["account"]
    return Request(
        method=http.method,
        path="/" + http.path_params["path"],
        query=dict(http.query_params),
        headers={name.lower(): value for name, value in http.headers.items()},
        body=body,
        size=len(raw),
        raw=raw,
        base_url=f"{http.url.scheme}://{http.url.netloc}/{account}",
        queries={name: http.query_params.getlist(name) for name in http.query_params},
    )


def refusal_code(body: Any) -> str:
    """Return the vendor's short code of an error body, never its message."""
    if isinstance(body, list):
        return refusal_code(body[0]) if body else ""
    if not isinstance(body, Mapping):
        return "server error"
    if isinstance(body.get("errors"), list) and body["errors"]:
        first = body["errors"][0]
        return str(first.get("code", "")) if isinstance(first, Mapping) else ""
    error = body.get("error")
    if isinstance(error, Mapping):
        return "/".join(str(error[name]) for name in ("code", "error_subcode") if name in error)
    return str(next((body[name] for name in ("category", "code", "errorCode", "status") if name in body), ""))


class Broken(Response):
    """A response that may break on its way out."""

    fault: Fault | None = None

    @classmethod
    def of(cls, reply: Reply, fault: Fault | None) -> Response:
        """Return the response to a reply, whole or broken as the fault says."""
        if isinstance(reply.body, str):
            text, kind = reply.body, reply.headers.pop("Content-Type", "text/html")
        else:
            text, kind = "" if reply.body is None else json.dumps(reply.body), "application/json"
        if fault and fault.kind == Kind.INVALID_JSON:
            text = "<!doctype html>" + text
        response = cls(text, status_code=reply.status or 500, headers=reply.headers, media_type=kind)
        response.fault = fault
        return response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, or break the connection."""
        kind = self.fault.kind if self.fault else None
        transport: asyncio.Transport = scope["sandbox.transport"]
        if kind in (Kind.DROP_BEFORE, Kind.DROP_AFTER):
            transport.abort()
            await asyncio.sleep(0.02)  # the server must see the connection go before it can miss the response
        elif kind == Kind.TRUNCATE:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            half = bytes(self.body)[: len(self.body) // 2]
            await send({"type": "http.response.body", "body": half, "more_body": True})
            transport.close()
            await asyncio.sleep(0.02)
        else:
            await super().__call__(scope, receive, send)
