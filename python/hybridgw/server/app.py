"""The ASGI application: one table of routes, and nothing that a request has to wait for.

Pure ASGI: no framework, no middleware stack, no task per request. A path is looked up as the
server dispatched it, with and without `/v1`; a path that is not in the table is a 404 in the error
shape of the API, never a redirect, and is never relayed to anybody.
"""

from collections.abc import Awaitable, Callable

from hybridgw.core import Route
from hybridgw.dialects import OPENAI
from hybridgw.errors import GatewayError, RequestError
from hybridgw.native import warm_tokens
from hybridgw.pipeline.call import Message, Receive, Send
from hybridgw.server import cors, pages, token_counter
from hybridgw.server.body import discard_body
from hybridgw.server.inference import infer
from hybridgw.server.lifecycle import Lifecycle
from hybridgw.server.request import Facts
from hybridgw.server.rescue import rescue
from hybridgw.server.respond import send_fault

Page = Callable[[Lifecycle, Facts, Message, Send], Awaitable[None]]

INFERENCE = {
    "/chat/completions": Route.CHAT,
    "/completions": Route.COMPLETIONS,
    "/embeddings": Route.EMBEDDINGS,
    "/messages": Route.MESSAGES,
}
PAGES: dict[str, Page] = {
    "/": pages.root,
    "/models": pages.models,
    "/health": pages.health,
    "/health/liveliness": pages.liveliness,
    "/health/liveness": pages.liveliness,
    "/health/readiness": pages.readiness,
    "/metrics": pages.metrics,
}
COUNTERS = {
    "/utils/token_counter": token_counter.count,
    "/v1/utils/token_counter": token_counter.count,
    "/messages/count_tokens": token_counter.count_messages,
    "/v1/messages/count_tokens": token_counter.count_messages,
}


class Application:
    """What the server calls: `lifespan` once per worker, `http` per request."""

    def __init__(self) -> None:
        self.lifecycle = Lifecycle()
        self._inference = {
            prefix + path: route for path, route in INFERENCE.items() for prefix in ("", "/v1")
        }
        self._pages = {prefix + path: page for path, page in PAGES.items() for prefix in ("", "/v1")}

    def __call__(self, scope: Message, receive: Receive, send: Send) -> Awaitable[None]:
        # Not itself a coroutine, and inference leaves from here: each coroutine in between would
        # be resumed once more at every wait of the request.
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                return self.lifecycle.lifespan(receive, send)
            return _refuse_websocket(receive, send)
        facts = Facts(scope["headers"], self.lifecycle.key_header)
        worker = self.lifecycle.worker
        if facts.origin is not None:
            send = cors.allowing(worker.plan, facts.origin, send)
        route = self._inference.get(scope["path"])
        if route is not None and scope["method"] == "POST" and not facts.oversized:
            return infer(worker, route, facts, receive, send)
        return self._answer_page(scope, facts, route, receive, send)

    async def _answer_page(
        self, scope: Message, facts: Facts, route: Route | None, receive: Receive, send: Send
    ) -> None:
        plan = self.lifecycle.worker.plan
        method: str = scope["method"]
        try:
            if facts.oversized:
                raise RequestError("headers_too_large", "the request headers are larger than 64 KiB")
            if facts.upgrade:
                raise RequestError("upgrade_required", "WebSockets are not spoken here; use HTTP")
            if method == "OPTIONS" and facts.origin is not None:
                await cors.preflight(plan, facts, send)
                return
            if method == "POST" and scope["path"] in COUNTERS:
                await COUNTERS[scope["path"]](self.lifecycle.worker, facts, receive, send)
                return
            await self._page(scope["path"], method, route)(self.lifecycle, facts, scope, send)
        except GatewayError as error:
            if facts.content_length > 0 or method not in ("GET", "HEAD"):
                await discard_body(receive, plan.settings.server.max_body)
            await send_fault(send, OPENAI, rescue(error, plan.settings.error_catalogue))
        except Exception as error:
            await send_fault(send, OPENAI, rescue(error))

    def _page(self, path: str, method: str, route: Route | None) -> Page:
        page = self._pages.get(path)
        if page is None and path.startswith(("/v1/models/", "/models/")):
            page = pages.model
        if route is None and page is None and path not in COUNTERS:
            raise RequestError("unknown_url", f"no such path: {method} {path[:200]}")
        if page is None or method not in ("GET", "HEAD"):
            takes = "POST" if route is not None or path in COUNTERS else "GET"
            raise RequestError("method_not_allowed", f"{path[:200]} takes {takes}")
        return page


async def _refuse_websocket(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.close", "code": 1008})


application = Application()
# At import, and so before workers are forked: they share these tables' pages.
warm_tokens()
