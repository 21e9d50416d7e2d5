"""Routes of one imitated upstream: request in, script out. No sockets, no clocks but the date."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from hybridgw.demo.ask import AskError, read
from hybridgw.demo.control import Control, Entry
from hybridgw.demo.faults import NONE, FaultError, Faults, parse
from hybridgw.demo.http import Player, Request
from hybridgw.demo.model import Answer, embeddings, error_body, models
from hybridgw.demo.personalities import Engine, Pace, Personality
from hybridgw.demo.script import Act, Script, Step, document, stream

_CREATED = int(time.time())


class DemoSite:
    """One upstream with its personality, its planned faults and its log."""

    def __init__(self, personality: Personality, control: Control | None = None) -> None:
        self.personality = personality
        self.control = control or Control()
        self.players: set[Player] = set()

    def opened(self, player: Player) -> None:
        """Count a connection."""
        self.players.add(player)
        self.control.connections += 1
        self.control.connections_total += 1

    def closed(self, player: Player) -> None:
        """Count it off."""
        self.players.discard(player)
        self.control.connections -= 1

    def answer(self, request: Request) -> tuple[Script, Callable[[str], None]]:
        """Route one request."""
        path = request.path
        if path.startswith("/demo/"):
            status, value = self.control.handle(request.method, path, request.body)
            body = msgspec.json.encode(value)
            return document(status, body, NONE, keep_alive=request.keep_alive), lambda _how: None
        control = self.control
        control.arrived += 1
        control.answering += 1
        entry = Entry(control.arrived, request.method, path, request.headers, request.body)
        control.log.append(entry)
        script = self._model_request(request, entry)

        def ended(how: str) -> None:
            control.answering -= 1
            control.aborted += how == "aborted"
            entry.end(how)

        return script, ended

    def _model_request(self, request: Request, entry: Entry) -> Script:
        body: Any = None
        malformed = ""
        if request.method == "POST":
            try:
                body = msgspec.json.decode(request.body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                malformed = f"the body is not JSON: {error}"
        try:
            faults = entry.fault = self._faults(request, body)
        except FaultError as error:
            malformed, faults = str(error), NONE
        try:
            if malformed:
                raise AskError(malformed)
            return self._dispatch(request, body, faults)
        except AskError as error:
            text = error_body(faults, message=str(error), param=error.param, status=error.status)
            return document(error.status, text, NONE, keep_alive=request.keep_alive)

    def _faults(self, request: Request, body: Any) -> Faults:
        """From a header, else from the body, else from what was planned."""
        header = request.header(b"x-demo-fault")
        if header is not None:
            return parse(header)
        fields = body if isinstance(body, dict) else {}
        spec = fields.get("demo_fault")
        if isinstance(spec, str | dict):
            return parse(spec)
        model = fields.get("model")
        return self.control.take(request.path, model if isinstance(model, str) else None)

    def _dispatch(self, request: Request, body: Any, faults: Faults) -> Script:
        path = unquote(request.path.partition("?")[0])
        keep_alive = request.keep_alive
        if request.method == "POST":
            tail = path.removeprefix("/v1")
            if tail in ("/chat/completions", "/completions"):
                return self._generate(request, body, faults, chat=tail == "/chat/completions")
            if tail == "/embeddings":
                pace = self._pace(faults)
                return document(200, embeddings(body), faults, wait=pace.first_token, keep_alive=keep_alive)
        elif request.method in ("GET", "HEAD"):
            value = self._get(path)
            if value is not None:
                text = value.encode() if isinstance(value, str) else msgspec.json.encode(value)
                kind = "text/plain; charset=utf-8" if isinstance(value, str) else "application/json"
                script = document(200, text, faults, keep_alive=keep_alive, content_type=kind)
                return _without_body(script) if request.method == "HEAD" else script
        raise AskError(f"unknown request URL: {request.method} {path}", status=404)

    def _generate(self, request: Request, body: Any, faults: Faults, *, chat: bool) -> Script:
        ask = read(body, chat=chat)
        answer = Answer(ask, self.personality.tier, self.control.arrived, int(time.time()), faults)
        pace = self._pace(faults)
        refused = faults.status is not None or faults.html_error or faults.json_for_stream
        if ask.stream and not refused:
            events = answer.events()
            return stream(events, faults, pace, http11=request.http11, keep_alive=request.keep_alive)
        wait = pace.first_token + pace.gap * max(0, len(answer.pieces) - 1)
        return document(200, answer.document(), faults, wait=wait, keep_alive=request.keep_alive)

    def _pace(self, faults: Faults) -> Pace:
        pace = self.personality.pace
        return Pace(
            pace.first_token if faults.first_token is None else faults.first_token,
            pace.gap if faults.gap is None else faults.gap,
        )

    def _get(self, path: str) -> Any:
        me = self.personality
        if path in ("/health", "/v1/health", "/"):
            if path == "/" and me.engine is Engine.OLLAMA:
                return "Ollama is running"
            return {"status": "ok", "demo": me.name}
        owner = "vllm" if me.engine is Engine.VLLM else "hybridgw-demo"
        entries = models(me.models, me.context_window, _CREATED, owner)
        if path in ("/v1/models", "/models"):
            return {"object": "list", "data": entries}
        if path.startswith("/v1/models/"):
            name = path.removeprefix("/v1/models/")
            found = [entry for entry in entries if entry["id"] == name]
            if not found:
                raise AskError(f"The model `{name}` does not exist.", "model", status=404)
            return found[0]
        return _fingerprint(me, path)


def _fingerprint(me: Personality, path: str) -> Any:
    """What the imitated engine alone answers; None for a path that it does not know."""
    if me.engine is Engine.OLLAMA:
        tags = [{"name": name, "model": name, "size": 0, "digest": "demo"} for name in me.models]
        return {
            "/api/version": {"version": "0.0.0-demo"},
            "/api/tags": {"models": tags},
            "/api/ps": {"models": []},
        }.get(path)
    if me.engine is Engine.LLAMA_SERVER:
        props = {
            "default_generation_settings": {"n_ctx": me.context_window},
            "total_slots": 1,
            "model_path": "/demo/model.gguf",
        }
        return {"/props": props, "/slots": []}.get(path)
    if me.engine is Engine.VLLM:
        metrics = 'vllm:num_requests_running{engine="0"} 0\nvllm:num_requests_waiting{engine="0"} 0\n'
        known: dict[str, Any] = {"/version": {"version": "0.0.0+demo"}, "/metrics": metrics}
        return known.get(path)
    return None


def _without_body(script: Script) -> Iterator[Step]:
    for step in script:
        if step.act is Act.WRITE and b"\r\n\r\n" in step.data:
            step = step._replace(data=step.data[: step.data.index(b"\r\n\r\n") + 4])
        yield step
