"""The upstream of benches: fixed bytes, as fast as Python can send them.

When a gateway is measured, the upstream must not be what is measured. This one builds its answers
once, keeps no log, gives httptools no header callback (one Python call less per header line) and does
not decode the request; it only looks whether the bytes ask for a stream. Its answer to a request that
is not a stream has a body of exactly `DOCUMENT_BYTES`. Of the faults it takes those about time and
number of events, through `POST /demo/faults`, and refuses the rest: a bench never wants them.
"""

import asyncio
from collections.abc import Callable

import httptools
import msgspec

from hybridgw.demo.ask import Ask
from hybridgw.demo.faults import NONE, FaultError, Faults, parse
from hybridgw.demo.http import Player
from hybridgw.demo.model import Answer, Event, embeddings, models
from hybridgw.demo.personalities import Pace, Personality
from hybridgw.demo.script import Act, Script, Step, document, head, stream

DOCUMENT_BYTES = 425
"""Size of the body of an answer that is not a stream."""
EVENTS = 64
"""Content events of a stream unless asked otherwise."""
_STREAMING = (b'"stream":true', b'"stream": true')
_ALLOWED = ("latency", "first-token", "gap", "events")


class InstantSite:
    """Prebuilt answers and the pace at which streams are sent."""

    def __init__(self, personality: Personality) -> None:
        self.personality = personality
        self.arrived = 0
        self.players: set[Player] = set()
        self.connections_total = 0
        self.answering = 0
        self.aborted = 0
        name = personality.models[0]
        self._listing = _plain(
            200, msgspec.json.encode({"object": "list", "data": models((name,), 0, 0, "hybridgw-demo")})
        )
        self._health = _plain(200, b'{"status":"ok","demo":"instant"}')
        self._vectors = _plain(200, embeddings({"model": name, "input": "demo"}))
        self._missing = _plain(
            404, b'{"error":{"message":"unknown request URL","type":"invalid_request_error"}}'
        )
        self.configure(NONE)

    def configure(self, faults: Faults) -> None:
        """Set latency, first token, gap and number of events (`NONE`: at once, `EVENTS` events)."""
        self.pace = Pace(faults.first_token or 0.0, faults.gap or 0.0)
        self.latency = faults.latency or 0.0
        name = self.personality.models[0]
        ask = _ask(name, stream=True)
        answer = Answer(
            ask, "instant", 0, 0, Faults(events=EVENTS if faults.events is None else faults.events)
        )
        self.events: list[Event] = list(answer.events())
        self.document = _padded(
            Answer(_ask(name, stream=False), "instant", 0, 0, Faults(events=8)).document()
        )
        self.document_answer = _plain(200, self.document)
        self._steps = list(stream(self.events, NONE, self.pace, http11=True, keep_alive=True))
        if self.latency:
            self._steps[0] = self._steps[0]._replace(after=self.latency)

    def route(self, path: bytes, body: bytes, http11: bool, keep_alive: bool) -> bytes | Script:
        """Bytes to write at once, or a script."""
        if path.endswith(b"/completions"):
            if _STREAMING[0] in body or _STREAMING[1] in body:
                if http11 and keep_alive:
                    return iter(self._steps)
                return stream(self.events, NONE, self.pace, http11=http11, keep_alive=keep_alive)
            answer = self.document_answer
        elif path.endswith(b"/embeddings"):
            answer = self._vectors
        elif path == b"/v1/models":
            answer = self._listing
        elif path == b"/health":
            answer = self._health
        elif path.startswith(b"/demo/"):
            return self._control(path, body, keep_alive)
        else:
            answer = self._missing
        if keep_alive and http11 and not self.latency:
            return answer
        if not (keep_alive and http11):
            answer = answer.replace(
                b"\r\n", b"\r\nconnection: " + (b"keep-alive" if keep_alive else b"close") + b"\r\n", 1
            )
        return iter((Step(self.latency, Act.WRITE, answer), Step(0.0, Act.END if keep_alive else Act.CLOSE)))

    def _control(self, path: bytes, body: bytes, keep_alive: bool) -> Script:
        status = 200
        value: dict[str, object] = {
            "arrived": self.arrived,
            "aborted": self.aborted,
            "answering": self.answering,
            "connections": len(self.players),
            "connections_total": self.connections_total,
        }
        if path == b"/demo/faults":
            try:
                spec = msgspec.json.decode(body) if body else {}
                names = {k.replace("_", "-") for k in spec} if isinstance(spec, dict) else {"text"}
                if names - set(_ALLOWED):
                    raise FaultError(f"the instant upstream takes an object with {', '.join(_ALLOWED)}")
                self.configure(parse(spec))
            except (msgspec.DecodeError, FaultError) as error:
                status, value = 400, {"error": str(error)}
        elif path not in (b"/demo/status", b"/demo/requests"):
            status, value = 404, {"error": "known: /demo/faults, /demo/status"}
        return document(status, msgspec.json.encode(value), NONE, keep_alive=keep_alive)


class InstantConnection(Player):
    """A connection without header callbacks and without a log."""

    def __init__(self, site: InstantSite) -> None:
        super().__init__()
        self.site = site
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: bytes | bytearray = b""
        self._waiting: list[bytes | Script] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.site.players.add(self)
        self.site.connections_total += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.clear()
        super().connection_lost(exc)
        self.site.players.discard(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self.transport is not None:
                self.transport.write(head(400, [("content-length", "0"), ("connection", "close")]))
                self.transport.close()

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        # Nearly always one piece; a long body grows in place instead of being joined.
        if not self._body:
            self._body = body
        else:
            self._body = bytearray(self._body) if isinstance(self._body, bytes) else self._body
            self._body += body

    def on_message_complete(self) -> None:
        site, parser, body = self.site, self._parser, self._body
        self._body = b""
        site.arrived += 1
        http11 = parser.get_http_version() == "1.1"
        answer = site.route(self._url, bytes(body), http11, parser.should_keep_alive())
        if self.playing or self._waiting:
            self._waiting.append(answer)
        else:
            self._send(answer)

    def _send(self, answer: bytes | Script) -> None:
        if isinstance(answer, bytes):
            if self.transport is not None:
                self.transport.write(answer)
        else:
            self.site.answering += 1
            self.play(answer, self._over)

    def _over(self, how: str) -> None:
        self.site.answering -= 1
        self.site.aborted += how == "aborted"

    def idle(self) -> None:
        if self._waiting:
            self.loop.call_soon(self._next)

    def _next(self) -> None:
        while self._waiting and not self.playing and self.transport is not None:
            self._send(self._waiting.pop(0))


def factory(site: InstantSite) -> Callable[[], InstantConnection]:
    """Protocol factory."""
    return lambda: InstantConnection(site)


def _ask(model: str, *, stream: bool) -> Ask:
    return Ask(
        chat=True, model=model, stream=stream, include_usage=True, prompts=1, n=1, limit=None, stops=(),
        logprobs=False, top=0, json_mode=False, tool=None, prompt_tokens=16, prompt_chars=0,
    )  # fmt: skip


def _padded(body: bytes) -> bytes:
    """Grow the text of the answer so that the body has exactly `DOCUMENT_BYTES`."""
    answer = msgspec.json.decode(body)
    answer.pop("system_fingerprint")
    answer["system_fingerprint"] = "hybridgw-demo"
    for detail in ("prompt_tokens_details", "completion_tokens_details"):
        answer["usage"].pop(detail)
    message = answer["choices"][0]["message"]
    message["content"] = "This is a demo answer from the instant demo model; no real model is running."
    short = DOCUMENT_BYTES - len(msgspec.json.encode(answer))
    if short < 0:
        raise ValueError(f"the prebuilt answer is {-short} bytes too long")
    message["content"] += " " * short
    return msgspec.json.encode(answer)


def _plain(status: int, body: bytes) -> bytes:
    headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
    return head(status, headers) + body
