"""The application: one table of routes, and nothing that a request has to wait for.

No framework, no middleware stack, no task per request. Any ASGI server may call it; our own calls `serve`,
with clients that need no ASGI. A path is looked up as the server dispatched it, with and without `/v1`, and
only if that finds nothing in its plain form (`speaks.plain`). A path that is not in the table then is a 404
in the error shape of its API, never a redirect, and is never relayed to anybody.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from hybridgw.core import Route
from hybridgw.dialects import DIALECTS, Dialect
from hybridgw.errors import GatewayError, RequestError
from hybridgw.front.asgi import AsgiClient, Message, Receive, Send
from hybridgw.front.seam import Client, Headers
from hybridgw.native import warm_tokens
from hybridgw.server import cors, model_pages, ollama_pages, pages, refusals, stored_responses, token_counter
from hybridgw.server.body import discard_body
from hybridgw.server.inference import infer
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.ollama_embeddings import embed_one
from hybridgw.server.ollama_manage import manage
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import fault_answer, send_fault
from hybridgw.server.speaks import dialect_of, plain

Page = Callable[[Lifecycle, Facts, Client], Awaitable[None]]
Post = Page
"""It reads a body."""

INFERENCE = {
    "/chat/completions": Route.CHAT,
    "/completions": Route.COMPLETIONS,
    "/embeddings": Route.EMBEDDINGS,
    "/responses": Route.RESPONSES,
    "/messages": Route.MESSAGES,
    "/api/chat": Route.OLLAMA_CHAT,
    "/api/generate": Route.OLLAMA_GENERATE,
    "/api/embed": Route.OLLAMA_EMBED,
}
PAGES: dict[str, Page] = {
    "/": pages.root,
    "/models": pages.models,
    "/health": pages.health,
    "/health/liveliness": pages.liveliness,
    "/health/liveness": pages.liveliness,
    "/health/readiness": pages.readiness,
    "/health/readiness/details": pages.readiness_details,
    "/model/info": model_pages.model_info,
    "/model_group/info": model_pages.group_info,
    "/routes": model_pages.routes,
    "/metrics": pages.metrics,
    "/api/tags": ollama_pages.tags,
    "/api/ps": ollama_pages.ps,
    "/api/version": ollama_pages.version,
}
POSTS: dict[str, Post] = {
    "/utils/token_counter": lambda lifecycle, *rest: token_counter.count(lifecycle.worker, *rest),
    "/messages/count_tokens": lambda lifecycle, *rest: token_counter.count_messages(lifecycle.worker, *rest),
    "/api/show": ollama_pages.show,
    "/api/embeddings": lambda lifecycle, *rest: embed_one(lifecycle.worker, *rest),
    "/api/pull": partial(manage, "POST", "/api/pull"),
    "/api/create": partial(manage, "POST", "/api/create"),
    "/api/copy": partial(manage, "POST", "/api/copy"),
}
"""Questions with a body that is not an inference request in its own words."""
DELETES: dict[str, Post] = {"/api/delete": partial(manage, "DELETE", "/api/delete")}
_AT_THE_ROOT = ("/api/", "/health", "/metrics")
"""Begins of paths that clients call without `/v1`."""


def public(path: str) -> str:
    """The name under which clients call a path; it is found with and without `/v1`."""
    return path if path.startswith(_AT_THE_ROOT) else "/v1" + path


class Application:
    """What the server calls: `lifespan` once per worker, `http` per request."""

    def __init__(self) -> None:
        self.lifecycle = Lifecycle()
        self.lifecycle.endpoints = tuple(
            public(path) for path in (*INFERENCE, *POSTS, *DELETES, *PAGES) if path != "/"
        )
        self.lifecycle.methods = tuple(
            (public(path), methods)
            for table, methods in (
                (INFERENCE, ("POST",)),
                (POSTS, ("POST",)),
                (DELETES, ("DELETE",)),
                (PAGES, ("GET", "HEAD")),
            )
            for path in table
        )
        self._inference = {
            prefix + path: route for path, route in INFERENCE.items() for prefix in ("", "/v1")
        }
        self._pages = {prefix + path: page for path, page in PAGES.items() for prefix in ("", "/v1")}
        self._pages["/v1"] = PAGES["/"]
        self._posts = {prefix + path: post for path, post in POSTS.items() for prefix in ("", "/v1")}
        self._deletes = {prefix + path: post for path, post in DELETES.items() for prefix in ("", "/v1")}

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        """Any ASGI server may call this."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                return self.lifecycle.lifespan(receive, send)
            return _refuse_websocket(receive, send)
        return self.serve(AsgiClient(scope, receive, send))

    def serve(self, client: Client) -> Coroutine[Any, Any, None]:
        """Serve one request (`front.seam.Serve`)."""
        # Not itself a coroutine, and inference leaves from here: each coroutine in between would
        # be resumed once more at every wait of the request.
        facts = Facts(client.headers, self.lifecycle.key_header)
        worker = self.lifecycle.worker
        if facts.origin is not None:
            cors.allow(worker.plan, facts.origin, client)
        route = self._inference.get(client.path)
        if facts.forwarded is not None and b"beta=true" in client.query.split(b"&"):
            facts.query = "?beta=true"
        if route is not None and client.method == "POST" and not facts.oversized:
            return infer(worker, route, facts, client)
        return self._answer_page(facts, client)

    def refuse(self, code: str, message: str, path: str) -> tuple[int, Headers, bytes]:
        """The answer to what is no request (`front.seam.Refusal`), in the words of the path's API."""
        plan = self.lifecycle.worker.plan
        fault = rescue(GatewayError(code, message), plan.settings.error_catalogue)
        return fault_answer(dialect_of(plain(path)), fault)

    async def _answer_page(self, facts: Facts, client: Client) -> None:
        plan = self.lifecycle.worker.plan
        method, path = client.method, client.path
        if path not in self._inference and path not in self._pages:
            path = plain(path)
        route = self._inference.get(path)
        if route is not None and method == "POST" and not facts.oversized:
            await infer(self.lifecycle.worker, route, facts, client)
            return
        try:
            if facts.oversized:
                raise RequestError("headers_too_large", "the request headers are larger than 64 KiB")
            if facts.upgrade:
                raise RequestError("upgrade_required", "WebSockets are not spoken here; use HTTP")
            if method == "OPTIONS" and facts.origin is not None:
                await cors.preflight(plan, facts, client)
                return
            taken = {"POST": self._posts, "DELETE": self._deletes}.get(method, {})
            post = taken.get(path)
            if post is not None:
                await post(self.lifecycle, facts, client)
                return
            await self._page(path, method, route)(self.lifecycle, facts, client)
        except GatewayError as error:
            if facts.content_length > 0 or method not in ("GET", "HEAD"):
                await discard_body(client, plan.settings.server.max_body)
            fault = rescue(error, plan.settings.error_catalogue)
            refusals.record(self.lifecycle.worker, error, fault.status, route)
            await send_fault(client, _dialect(path, route), fault, head_only=method == "HEAD")
        except Exception as error:
            await send_fault(client, _dialect(path, route), rescue(error), head_only=method == "HEAD")

    def _page(self, path: str, method: str, route: Route | None) -> Page:
        page = self._pages.get(path)
        if page is None and path.startswith(("/v1/models/", "/models/")):
            page = pages.model
        if page is None and stored_responses.page_of(self.lifecycle, path, method):
            return stored_responses.page
        takes_body = route is not None or path in self._posts or path in self._deletes
        if page is None and not takes_body:
            raise RequestError("unknown_url", f"no such path: {method} {path[:200]}")
        if page is None or method not in ("GET", "HEAD"):
            takes = "DELETE" if path in self._deletes else "POST" if takes_body else "GET, HEAD"
            raise RequestError(
                "method_not_allowed", f"{path[:200]} takes {takes}", headers=((b"allow", takes.encode()),)
            )
        return page


def _dialect(path: str, route: Route | None) -> Dialect:
    return dialect_of(path) if route is None else DIALECTS[route]


async def _refuse_websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})


application = Application()
# At import, and so before workers are forked: they share these tables' pages.
warm_tokens()
