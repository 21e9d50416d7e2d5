"""From a body to an answer: the decision, the attempts, and a settled end whatever happens.

The native decision knows who may be asked next, under the same ceiling and after another look at
breakers and budgets; the loop here only carries permits to the transport and outcomes back. It
asks for a next permit only while no content has reached the client: after that a second answer
would be a different answer.

Every way out of here leaves the permits finished: success settles before the last bytes leave, a failure
in the loop, and cancellation or a bug after it. A permit that nobody finishes is released by the native
side as cancelled, which is the safety net and not the plan.
"""

import asyncio
import logging
import time

import msgspec

from hybridgw.core import Level, Outcome, Route
from hybridgw.dialects import RESPONSES_AS_CHAT
from hybridgw.errors import GatewayError, Refused, RequestError, UpstreamError
from hybridgw.native import DecideError, Decision, Permit
from hybridgw.pipeline.call import Call
from hybridgw.pipeline.gate import Gate
from hybridgw.pipeline.head import count_fallback
from hybridgw.pipeline.line import FULL, worth_waiting_for
from hybridgw.pipeline.phase import Phase
from hybridgw.pipeline.streaming import read_stream, send_stream
from hybridgw.pipeline.whole import read_whole, send_whole

_log = logging.getLogger(__name__)

_OFF_THE_LOOP = 128 * 1024
"""Bytes. Above it a body is decided in the executor, where the native side releases the GIL: the
other requests of this worker go on meanwhile. Below it, handing over and back (about 80 microseconds of
processor time) costs more than deciding."""

_REFUSALS = frozenset(
    {
        "policy_denied", "all_unavailable", "misconfigured", "upstream_auth", "upstream_quota",
        "journal_full", "overloaded", "draining",
    }
)  # fmt: skip


_DOWN = frozenset({Outcome.CONNECT_FAILED, Outcome.RESET, Outcome.SERVER_ERROR, Outcome.FIRST_TOKEN_TIMEOUT})


_TIMES = frozenset(
    {
        Outcome.TOTAL_TIMEOUT,
        Outcome.FIRST_TOKEN_TIMEOUT,
        Outcome.STALLED,
        Outcome.CONNECT_FAILED,
        Outcome.CLIENT_TIMEOUT,
    }
)
"""How an attempt may end because the client's own time was over. Connecting has no outcome of its own."""
_TIMER = 2_000_000
"""Nanoseconds by which a timer of the loop may be early."""


class ClientGone(Exception):
    """Nobody is there to be answered."""


async def answer(call: Call, body: bytes, hints: dict[str, str] | None) -> None:
    """Decide, attempt, relay. Raises GatewayError while the head can still carry a status, and
    ClientGone when nobody listens. `call` tells how far the answer had come."""
    worker = call.worker
    first: UpstreamError | None = None
    try:
        try:
            if len(body) <= _OFF_THE_LOOP:
                decision = _decide(call, body, hints)
            else:
                decision = await worker.loop.run_in_executor(None, _decide, call, body, hints)
        except Refused as refused:
            if refused.code != FULL or not call.plan.queues:
                raise
            decision = await _in_line(call, body, hints, refused)
        del body  # The native side holds the one retained copy.
        call.decision = decision
        call.move(Phase.DECIDED)
        gate = call.gate = Gate(call, decision)
        permit: Permit | None = decision.permit
        read, send = (read_stream, send_stream) if decision.stream else (read_whole, send_whole)
        while True:
            attempt = gate.release() if permit is None else gate.begin(permit)
            try:
                if permit is not None:
                    if permit.delay_ms:
                        await _pause(call, permit.delay_ms)
                    await read(gate, attempt)
                    permit = gate.judge(attempt)
                    if permit is not None:
                        continue
                    attempt = gate.choose(attempt)
                await send(gate, attempt)
                return
            except UpstreamError as error:
                call.back(time.monotonic_ns())
                if _log.isEnabledFor(logging.DEBUG):
                    _log.debug(
                        "attempt %d at %s failed: %s, status %d",
                        attempt.permit.attempt, attempt.upstream.deployment.name,
                        Outcome(error.outcome).name, error.status,
                    )  # fmt: skip
                late = bool(call.deadline_ns) and error.outcome in _TIMES and _over(call)
                if late:
                    attempt.settle(Outcome.CLIENT_TIMEOUT)
                    permit = None
                else:
                    # The first failure is told: it belongs to the deployment that was asked for, and
                    # what went wrong with a stand-in afterwards explains less.
                    first = first or error.anew()
                    count_fallback(call, attempt.permit)
                    permit = gate.after(attempt, error)
                    if permit is None:
                        # Not everybody was asked: this host had too many retries under way.
                        first.retry_safe = not attempt.committed and decision.exhausted == "retry_budget"
                if permit is None and not gate.kept:
                    # Not by a name: the error would hold this frame, and the frame the error.
                    if late or first is None:
                        raise _late(call, first) from None
                    raise _told(call, decision, first) from None
            except RequestError:
                if first is None and not gate.kept:
                    raise
                # A stand-in cannot carry it. Whoever was asked for could, and failed: that is to be told.
                attempt.settle(Outcome.REQUEST_REJECTED)
                permit = None
                if not gate.kept:
                    assert first is not None
                    raise _told(call, decision, first) from None
            finally:
                gate.done(attempt)
    except asyncio.CancelledError:
        draining = call.cause == "draining"
        _settle(call, Outcome.DRAINING if draining else Outcome.CANCELLED)
        if call.cause is None:
            raise
        call.resumed()
        if draining:
            raise Refused("draining", "the gateway is stopping", retry_after=1.0) from None
        worker.state.count_client_abort(worker.slot)
        raise ClientGone from None
    except GatewayError:
        # An upstream's failure is settled by now; a refusal of ours (a request that cannot be
        # translated) is not, and settling twice does nothing.
        _settle(call, Outcome.REQUEST_REJECTED)
        raise
    except BaseException:
        _settle(call, Outcome.LOCAL_FAULT)
        raise


def _over(call: Call) -> bool:
    return time.monotonic_ns() + _TIMER >= call.deadline_ns


def _late(call: Call, first: UpstreamError | None) -> UpstreamError:
    return _out_of_time(call) if first is None else first.anew()


def _out_of_time(call: Call) -> UpstreamError:
    """Nobody's fault but that of the limit: it says nothing of the deployment that had to stop."""
    given = (call.deadline_ns - call.begun_ns) / 1e9
    message = f"not finished within the request's own limit (`timeout`: {given:g} s)"
    return UpstreamError(Outcome.CLIENT_TIMEOUT, message, code="client_timeout")


def _told(call: Call, decision: Decision, first: UpstreamError) -> GatewayError:
    """What the client hears of a failure. Where the content's level is why nobody else may be asked,
    that is an outage of those who may, to be waited out, and not just somebody's error."""
    committed = call.phase in (Phase.COMMITTED, Phase.ENDED)
    if decision.level == Level.PUBLIC or committed or first.outcome not in _DOWN:
        return first.anew()
    wait = max(1.0, decision.retry_after_ms / 1000)
    message = "the deployments that may see this request are down; it was not sent anywhere else"
    return Refused("all_unavailable", message, retry_after=wait)


async def _pause(call: Call, milliseconds: int) -> None:
    """The back-off before an attempt."""
    call.leave(time.monotonic_ns())
    await asyncio.sleep(milliseconds / 1000)
    call.back(time.monotonic_ns())


def _decide(call: Call, body: bytes, hints: dict[str, str] | None) -> Decision:
    try:
        return call.router.decide(
            body,
            call.principal,
            call.route,
            hints,
            time.monotonic_ns(),
            time.time_ns(),
            call.worker.draw(64),
        )
    except DecideError as error:
        if error.field == "messages" and call.route is Route.CHAT and _holds_input(error, body):
            # Only a request that fails anyway looks twice.
            call.route, call.dialect, call.astray = Route.RESPONSES, RESPONSES_AS_CHAT, True
            return _decide(call, body, hints)
        kind = Refused if error.code in _REFUSALS else RequestError
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if error.level is not None:
            headers = ((b"x-hybridgw-level", error.level.encode()),)
            _log.warning(
                "refused by policy: %s, found %s%s",
                error.level, ", ".join(error.kinds) or "nothing", f" in {error.field}" if error.field else "",
            )  # fmt: skip
        raise kind(
            headers=headers,
            code=error.code,
            message=error.message,
            field=error.field,
            retry_after=error.retry_after_ms / 1000 if error.retry_after_ms else None,
            refused=error.refused,
        ) from None


def _holds_input(error: DecideError, body: bytes) -> bool:
    """Whether a body without `messages` is one for Responses, sent to the chat route. Cursor does so, and
    reads the answer as Chat."""
    try:
        return error.code == "missing_field" and bool(bytes(_astray.decode(body).input))
    except msgspec.MsgspecError:
        return False


class _Astray(msgspec.Struct):
    input: msgspec.Raw = msgspec.Raw()


_astray = msgspec.json.Decoder(_Astray)


async def _in_line(call: Call, body: bytes, hints: dict[str, str] | None, refused: Refused) -> Decision:
    """The decision after a wait, where what may serve the request is only full; else the refusal."""
    run = call.worker.loop.run_in_executor
    full = worth_waiting_for(call, await run(None, _explained, call, body, hints))
    if not full:
        raise refused.anew()
    return await call.worker.lines.wait(call, full, lambda: run(None, _decide, call, body, hints), refused)


def _explained(call: Call, body: bytes, hints: dict[str, str] | None) -> str:
    now, wall = time.monotonic_ns(), time.time_ns()
    return call.router.explain(body, call.principal, call.route, hints, now, wall, 0)


def _settle(call: Call, outcome: Outcome) -> None:
    if call.gate is not None:
        call.gate.settle(outcome)
