"""What a configuration means, whatever file it came from: one frozen tree called `Settings`.

Every loader (native, LiteLLM, agent file, discovery, demo) ends here, so the rest of the gateway
knows one shape and no file format. Durations are seconds as floats, sizes are bytes; the spellings
"30s" and "20MiB" exist only in files. A setting has its default, its bounds and its description
in one place, this one: the JSON Schema of the native file is generated from these structs.

`Settings` is complete: names are resolved to indexes of `deployments`, time limits are merged down
to each deployment, so that compiling a routing plan needs no rule of its own. What a file said but
the gateway does not do stands in `notices`; what makes a part of it unusable stands in `problems`.
Neither ever stops a start; only a `ConfigError` does, and then there are no Settings.

Nothing here reads a file, an environment variable or a socket.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from hybridgw.config.units import Count, Interval, Percent, Port, Seconds, Size
from hybridgw.core import Timeouts

BoundaryName = Literal["device", "organization", "external"]
LevelName = Literal["public", "internal", "regulated"]
StrategyName = Literal["weighted", "priority", "least_busy", "latency", "usage", "cost"]
ModeName = Literal["chat", "completion", "embedding", "any"]
ThoughtsName = Literal["reasoning_content", "reasoning"]
ApiName = Literal["auto", "chat", "responses"]
SourceKind = Literal["native", "litellm", "agent", "discovery", "demo"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that a native file may hold: immutable, and an unknown key is an error."""


class ServerSettings(Section, frozen=True, kw_only=True):
    """The listening side: address, workers, limits on what a client may send and how slowly."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="TCP port to listen on.")] = 4000
    workers: Annotated[int, Meta(ge=0, le=256, description="Worker processes; 0 = CPUs, at most 8.")] = 0
    start_method: Annotated[
        Literal["fork", "spawn"], Meta(description="How worker processes are started.")
    ] = "fork"
    http: Annotated[
        Literal["auto", "lean", "granian"],
        Meta(description="What speaks HTTP: lean is the gateway's own server; auto takes it."),
    ] = "auto"
    max_body: Annotated[Size, Meta(description="Largest request body.")] = 20 * 1024 * 1024
    max_bodies: Annotated[
        Size,
        Meta(description="Bytes of request bodies per worker; 0 = an eighth of the memory over all workers."),
    ] = 0
    max_parallel: Annotated[
        int,
        Meta(
            ge=0, description="Requests served at once, over all workers; beyond it 429. 0 = no such limit."
        ),
    ] = 0
    drain: Annotated[Seconds, Meta(description="Time for running requests after SIGTERM.")] = 30.0
    header_timeout: Annotated[Interval, Meta(description="Time for a client to send its headers.")] = 30.0
    body_timeout: Annotated[Interval, Meta(description="Time for a client to send its whole body.")] = 60.0
    body_min_rate: Annotated[
        int, Meta(ge=0, description="Slowest body accepted, bytes per second after the first 5 s; 0 = any.")
    ] = 0
    write_stall: Annotated[
        Interval, Meta(description="A client that takes no byte of its answer for this long is dropped.")
    ] = 30.0
    commit_after: Annotated[
        Interval, Meta(description="Answer a stream's head after this long without a first token.")
    ] = 10.0
    heartbeat: Annotated[
        Interval, Meta(description="Comment sent to a waiting stream client at this interval.")
    ] = 15.0
    allowed_origins: Annotated[
        tuple[str, ...], Meta(description="Browser origins that may call; none by default.")
    ] = ()
    metrics_open: Annotated[bool, Meta(description="Serve /metrics without a key.")] = False


class LogSettings(Section, frozen=True, kw_only=True):
    """Lines on standard error. None of them ever holds text of a request or of an answer."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="Least weight of a line. debug also names failed attempts and refused requests."),
    ] = "info"
    json: Annotated[bool, Meta(description="Whether each line is a JSON object.")] = False


class AuthSettings(Section, frozen=True, kw_only=True):
    """Who may call."""

    master_key: Annotated[
        str | None, Meta(description="The administrator's key; without one only loopback may call.")
    ] = None
    key_header: Annotated[
        str | None, Meta(description="One more request header that may carry the caller's key.")
    ] = None

    def __repr__(self) -> str:
        shown = "***" if self.master_key else None
        return f"AuthSettings(master_key={shown}, key_header={self.key_header!r})"


class StateSettings(Section, frozen=True, kw_only=True):
    """The state file and the journal."""

    dir: Annotated[str | None, Meta(description="Folder of state file and journal.")] = None
    journal_segment: Annotated[Size, Meta(description="Size of one journal segment.")] = 8 * 1024 * 1024
    journal_max: Annotated[Size, Meta(description="Journal bytes kept per instance.")] = 1024 * 1024 * 1024
    journal_hard_max: Annotated[
        Size,
        Meta(
            description="Journal bytes kept while the ledger has not counted them; at least twice "
            "journal_max, 0 = four times that."
        ),
    ] = 0
    journal_sync: Annotated[Interval, Meta(description="Interval at which the journal is fsynced.")] = 0.05
    deployment_slots: Annotated[
        int, Meta(ge=1, le=4096, description="Deployments that the state file has room for, at least.")
    ] = 256


class AccessLogSettings(Section, frozen=True, kw_only=True):
    """A line for each attempt. Never text of a request."""

    to: Annotated[
        Literal["file", "stdout", "none"],
        Meta(description="Where lines go: a rotated file, standard output."),
    ] = "file"
    format: Annotated[
        Literal["auto", "json", "text"], Meta(description="auto: text on a terminal, JSON otherwise.")
    ] = "auto"
    path: Annotated[
        str, Meta(min_length=1, description="The file; a relative path lies in the state folder.")
    ] = "log/access.log"
    max_size: Annotated[Size, Meta(description="Bytes after which a new file is begun.")] = 100 * 1024**2
    files: Annotated[int, Meta(ge=0, le=1000, description="Older files that stay.")] = 5


class LedgerSettings(Section, frozen=True, kw_only=True):
    """What becomes of the journal: the ledger database and the access log."""

    database_url: Annotated[
        str | None, Meta(description="postgresql://… ; SQLite in the state folder if absent.")
    ] = None
    full: Annotated[
        Literal["drop", "refuse"],
        Meta(
            description="At state.journal_hard_max, while the ledger cannot count: drop the oldest records, "
            "or refuse requests."
        ),
    ] = "drop"
    keep_attempts: Annotated[Interval, Meta(description="How long rows of attempts stay.")] = 30 * 86400.0
    keep_usage: Annotated[Interval, Meta(description="How long sums by hour and day stay.")] = 366 * 86400.0
    keep_audit: Annotated[Interval, Meta(description="How long audited events stay.")] = 366 * 86400.0
    log: Annotated[AccessLogSettings, Meta(description="The access log.")] = AccessLogSettings()

    def __repr__(self) -> str:
        database = "SQLite" if self.database_url is None else "postgresql://***"
        return f"LedgerSettings({database}, full={self.full}, log={self.log})"


class NetworkSettings(Section, frozen=True, kw_only=True):
    """Addresses inside one boundary."""

    networks: Annotated[
        tuple[str, ...], Meta(description="Networks or addresses, for example 10.0.0.0/8.")
    ] = ()


class BoundarySettings(Section, frozen=True, kw_only=True):
    """Which addresses count as this device or this organization; all others are external."""

    device: Annotated[NetworkSettings, Meta(description="Beside loopback and this host's own addresses.")] = (
        NetworkSettings()
    )
    organization: Annotated[NetworkSettings, Meta(description="Networks that the organization controls.")] = (
        NetworkSettings()
    )


class PatternSettings(Section, frozen=True, kw_only=True):
    """Something of one's own to look for."""

    name: Annotated[str, Meta(description="Shown instead of what was found.")]
    pattern: Annotated[str, Meta(description="Regular expression, without look-around.")]
    level: Annotated[LevelName, Meta(description="How sensitive a text is that holds it.")]


class PrivacySettings(Section, frozen=True, kw_only=True):
    """What is done about sensitive content."""

    mode: Annotated[
        Literal["enforce", "observe"] | None,
        Meta(description="observe reports only and protects nothing; enforce if absent."),
    ] = None
    profile: Annotated[
        Literal["standard", "strict", "healthcare", "finance"],
        Meta(
            description="strict also treats contact data as sensitive; healthcare and finance besides "
            "take words such as patient or confidential, and plain numbers, wherever they stand."
        ),
    ] = "standard"
    unknown: Annotated[
        LevelName | None,
        Meta(
            description="What content counts as that cannot be read: media, token ids. If absent "
            "internal, and public where no deployment is on this device or in the organization."
        ),
    ] = None
    trusted_prompts: Annotated[
        tuple[Annotated[str, Meta(pattern="^[0-9a-f]{64}$")], ...],
        Meta(description="System texts that are not looked through, as `scan --hash FILE` names them."),
    ] = ()
    levels: Annotated[
        dict[str, LevelName], Meta(description="Levels of kinds that differ from the defaults.")
    ] = {}
    patterns: Annotated[tuple[PatternSettings, ...], Meta(description="Further things to look for.")] = ()


class StartSettings(Section, frozen=True, kw_only=True):
    """The tier in which requests of a class start; absent: the model's own order."""

    simple: Annotated[str | None, Meta(description="Tier for the easiest share.")] = None
    moderate: Annotated[str | None, Meta(description="Tier for what lies between.")] = None
    complex: Annotated[str | None, Meta(description="Tier for the hardest share.")] = None


class ComplexitySettings(Section, frozen=True, kw_only=True):
    """Where requests start, by how hard they look. Without `starts`: nearest tier first, always."""

    models: Annotated[tuple[str, ...], Meta(description="Models that start by class.")] = ("auto",)
    starts: Annotated[StartSettings, Meta(description="Tier by class.")] = StartSettings()
    simple: Annotated[float, Meta(ge=0, le=1, description="Share of the traffic that is simple.")] = 0.6
    moderate: Annotated[float, Meta(ge=0, le=1, description="Share that is moderate.")] = 0.3
    learned: Annotated[str | None, Meta(description="File made by `hybridgw learn`.")] = None
    force: Annotated[
        bool, Meta(description="Use a learned file although it does not beat the prompt's length.")
    ] = False


class RetrySettings(Section, frozen=True, kw_only=True):
    """Attempts of one request and the budget of all."""

    max_attempts: Annotated[int, Meta(ge=1, le=16, description="Attempts of one request in all.")] = 3
    budget_percent: Annotated[Percent, Meta(description="Retries per 100 active requests.")] = 20
    budget_min: Annotated[Count, Meta(description="Retries always allowed at one time.")] = 10
    backoff: Annotated[Seconds, Meta(description="Wait before the first retry of a deployment.")] = 0.2
    backoff_max: Annotated[Seconds, Meta(description="Longest wait before a retry.")] = 2.0


class BreakerSettings(Section, frozen=True, kw_only=True):
    """When a deployment is left alone, and how it comes back."""

    enabled: Annotated[bool, Meta(description="Whether failing deployments are left alone.")] = True
    consecutive: Annotated[int, Meta(ge=1, description="Hard failures in a row that open.")] = 5
    consecutive_timeouts: Annotated[
        int, Meta(ge=0, description="The same where the last was a limit of time; 0 = as many.")
    ] = 0
    window: Annotated[Interval, Meta(description="Window of the success rate.")] = 60.0
    window_min: Annotated[int, Meta(ge=1, description="Samples before the rate counts.")] = 10
    window_percent: Annotated[Percent, Meta(description="Success rate below which it opens.")] = 50
    open: Annotated[Interval, Meta(description="First time open; doubles each time.")] = 5.0
    open_max: Annotated[Interval, Meta(description="Longest time open.")] = 300.0
    lease: Annotated[Interval, Meta(description="How long one probe may take before another may try.")] = 10.0
    ramp: Annotated[Seconds, Meta(description="Time from the first success to full traffic.")] = 30.0
    throttle: Annotated[Seconds, Meta(description="Pause after a 429 that names no time.")] = 1.0
    credential: Annotated[Seconds, Meta(description="How long a rejected credential is not used.")] = 60.0
    credit: Annotated[Seconds, Meta(description="How long a credential without credit is not used.")] = 300.0


class TimeoutSettings(Section, frozen=True, kw_only=True):
    """Time limits of an upstream request by phase. Without a value: by boundary (docs/timeouts.md)."""

    connect: Annotated[Interval | None, Meta(description="DNS, TCP and TLS.")] = None
    first_token: Annotated[
        Interval | None, Meta(description="Request sent until a stream's first content.")
    ] = None
    idle: Annotated[Interval | None, Meta(description="Longest silence inside a stream.")] = None
    total: Annotated[Interval | None, Meta(description="Whole exchange, stream or not.")] = None
    load: Annotated[
        Interval | None,
        Meta(description="Request sent until the first content, while nobody else could answer."),
    ] = None


class TransportSettings(Section, frozen=True, kw_only=True):
    """Connections to upstreams."""

    max_connections: Annotated[
        int,
        Meta(ge=0, le=65536, description="Connections per upstream host and worker; 0 = no own limit."),
    ] = 0
    connection_wait: Annotated[
        Seconds, Meta(description="How long a request waits for one of them when all are in use.")
    ] = 1.0
    idle_expiry: Annotated[Seconds, Meta(description="An idle connection is closed after this.")] = 30.0
    dns_ttl: Annotated[Seconds, Meta(description="How long a resolved address is used.")] = 10.0


class TranslationSettings(Section, frozen=True, kw_only=True):
    """Requests whose backend speaks another dialect than their client."""

    unsupported: Annotated[
        Literal["drop", "error"],
        Meta(description="What becomes of a parameter that a backend does not know."),
    ] = "drop"
    drop_refused: Annotated[
        bool,
        Meta(description="Whether a request is sent once more without a parameter that its backend refused."),
    ] = False
    fetch_images: Annotated[
        bool, Meta(description="Whether remote images are fetched for backends that cannot.")
    ] = True


class ResponseSettings(Section, frozen=True, kw_only=True):
    """Responses that clients may refer to (`previous_response_id`). They hold conversations, so nothing
    is stored unless this says so."""

    store: Annotated[bool, Meta(description="Whether responses are stored, on this host only.")] = False
    ttl: Annotated[Interval, Meta(description="How long a stored response can be referred to.")] = (
        30 * 86400.0
    )
    max_entries: Annotated[int, Meta(ge=1, description="Stored responses; beyond it the oldest go.")] = 10_000
    max_bytes: Annotated[Size, Meta(description="Text in all of them; beyond it the oldest go.")] = 1024**3


class HealthSettings(Section, frozen=True, kw_only=True):
    """Probes of engines whose breaker is open, and questions for the load of those that tell it; clouds
    are judged by real traffic only."""

    enabled: Annotated[bool, Meta(description="Whether engines are asked.")] = True
    interval: Annotated[Interval, Meta(description="Time between two questions to one engine.")] = 10.0
    timeout: Annotated[Interval, Meta(description="Time for one probe.")] = 2.0


class TierSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One tier; position in `Settings.tiers` is the order in which tiers are tried."""

    name: str
    boundary: BoundaryName
    """Boundary of a deployment of this tier that does not state its own."""
    order: int = 0


class DeploymentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One concrete upstream. `boundary` is the declared one: transport compares the connected
    peer with the configured networks again, and the farther of the two counts."""

    name: str
    """Unique, `tier/name` where the file does not say otherwise."""
    model_name: str
    """What clients ask for; several deployments may share it."""
    provider: str
    model: str
    """The name that the upstream knows."""
    base_url: str
    """Where the provider's paths begin, for example http://127.0.0.1:11434/v1: no trailing slash.
    Empty when no address is known; then `unusable` says so."""
    tier: str
    boundary: BoundaryName
    identity: str = ""
    """16 hex digits: hash of provider, model, key and base URL. Survives reloads."""
    id: str | None = None
    """An id that the file gives explicitly; shown to people, never the identity."""
    api_key: str | None = None
    weight: float = 1.0
    order: int = 0
    """Lower first, inside one model."""
    max_parallel: int = 0
    """0 = unlimited."""
    defaults: dict[str, Any] = {}
    """Request parameters used when the client sets none."""
    extra_headers: dict[str, str] = {}
    extra_body: dict[str, Any] = {}
    """Request parameters that replace the client's."""
    drop_params: tuple[str, ...] = ()
    """Top-level request members that are removed."""
    drop_refused: bool | None = None
    """Whether a request is sent once more without a parameter of the client's that the backend refused by
    name; None: as `translation.drop_refused` says."""
    timeouts: Timeouts = Timeouts()
    """Limits of a stream, already merged."""
    answer_timeouts: Timeouts = Timeouts(first_token=600.0, idle=600.0, total=600.0)
    """The same of a whole answer that is not a stream."""
    first_token_written: bool = False
    """Whether a file wrote the first-token limit: then it holds also while a model is being loaded."""
    max_inputs: int = 0
    """Inputs of one request for embeddings that it takes; more are asked in several. 0: what is known."""
    retries: int | None = None
    proxy: str | None = None
    tls_verify: bool = True
    input_price: float | None = None
    """USD per token."""
    output_price: float | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    """Sent where a backend demands a limit and the client gave none."""
    num_ctx: int | None = None
    """Ollama: the one window that the model is run with. Another one would reload it."""
    api_version: str | None = None
    """Azure: asked for behind every path."""
    api: ApiName = "auto"
    """OpenAI: by which of its two protocols the model is asked. `auto`: in the client's own; clients of
    other dialects by Responses where OpenAI itself serves a model that thinks, else by Chat."""
    sampling: bool = False
    """Anthropic: the model still takes temperature and top_p."""
    thinking: bool | None = None
    """Whether the model thinks; None when nobody said."""
    thinking_words: bool = False
    """Ollama: whether it is told in words how much to think; learnt from the engine."""
    vision: bool | None = None
    """Whether the model sees images; None when nobody said."""
    thoughts: ThoughtsName | None = None
    """The member in which it wants thoughts of earlier turns back; None: what its kind takes."""
    mock: str | None = None
    """An answer given instead of asking the upstream: nothing is ever sent there."""
    relayed: tuple[str, ...] = ()
    """Ollama, where clients choose the model: the names that it would pass on to a cloud."""
    mode: ModeName = "chat"
    rpm: int | None = None
    tpm: int | None = None
    max_budget: float | None = None
    """USD per `budget_duration`."""
    budget_duration: str | None = None
    probe_interval: float | None = None
    tags: tuple[str, ...] = ()
    description: str = ""
    unusable: str | None = None
    """Why no request may be sent there: it is listed and never tried. None when it is usable."""
    lacking: bool = False
    """Unusable because this gateway does not know its provider or mode, whatever is set outside."""
    where: str = ""
    """file:line of its entry."""

    def __repr__(self) -> str:
        state = f", unusable: {self.unusable}" if self.unusable else ""
        return f"DeploymentSettings({self.name}, {self.provider}, {self.base_url}{state})"


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says of the model of one deployment. None: it did not say."""

    window: int | None = None
    """Tokens of the window that it runs with now."""
    trained: int | None = None
    """Tokens of the largest window that the model can be run with."""
    chosen: int | None = None
    """Ollama: the window that the model's own file sets."""
    thinking: bool | None = None
    thinking_words: bool = False
    vision: bool | None = None
    embeds: bool | None = None
    """Whether it makes embeddings and nothing else."""
    resident: bool | None = None
    """Whether the engine has the model in memory; False: it loads it for the next request."""
    digest: str = ""
    """Ollama: of the model's file. While it stays, the rest of its page does."""


class ModelSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A name that clients ask for."""

    name: str
    """Exact, or "*", or "prefix/*"."""
    groups: tuple[tuple[int, ...], ...]
    """Indexes of `Settings.deployments`; a later group is tried when the earlier have nothing left."""
    strategy: StrategyName = "weighted"
    retries: int = 1
    """Attempts beside the first on one deployment's group, before failing over further."""
    retries_throttled: int | None = None
    """The same where the last attempt was asked to wait; None: as many."""
    retries_failed: int | None = None
    """The same where the last attempt failed; None: as many."""
    fallbacks: tuple[str, ...] = ()
    """Other models, tried in this order after every group."""
    context_fallbacks: tuple[str, ...] = ()
    """Models tried when the upstream says that the request is too long."""
    hidden: bool = False
    """Answers, but is not listed."""
    aliases: tuple[str, ...] = ()
    """Further names of the same model, listed."""
    hidden_aliases: tuple[str, ...] = ()
    description: str = ""
    where: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something the user should know: a key that has no effect yet, a deprecated spelling."""

    level: Literal["info", "warning"]
    where: str
    key: str
    message: str
    about: Literal["security", "money"] | None = None
    """A function of this kind is asked for and not there: to be said where nobody overlooks it."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A part that does not work until something outside the gateway changes."""

    where: str
    key: str
    message: str
    deployment: str | None = None
    """Name of the deployment that is out of use because of it."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where the settings came from. `files` are to be watched, the main file first."""

    kind: SourceKind
    path: str | None = None
    files: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything, resolved."""

    source: Source
    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    auth_unavailable: str | None = None
    """Set when a key was configured but is not there (its variable is missing): the gateway must
    then refuse every call that needs a key. Treating it as "no key configured" would open it."""
    state: StateSettings = StateSettings()
    ledger: LedgerSettings = LedgerSettings()
    boundaries: BoundarySettings = BoundarySettings()
    privacy: PrivacySettings = PrivacySettings()
    complexity: ComplexitySettings = ComplexitySettings()
    learned: bytes | None = None
    """Content of `complexity.learned`, checked."""
    retry: RetrySettings = RetrySettings()
    breaker: BreakerSettings = BreakerSettings()
    timeouts: TimeoutSettings = TimeoutSettings()
    transport: TransportSettings = TransportSettings()
    health: HealthSettings = HealthSettings()
    translation: TranslationSettings = TranslationSettings()
    responses: ResponseSettings = ResponseSettings()
    log: LogSettings = LogSettings()
    error_catalogue: Literal["native", "litellm"] = "native"
    tiers: tuple[TierSettings, ...] = (
        TierSettings(name="local", boundary="device", order=0),
        TierSettings(name="private", boundary="organization", order=1),
        TierSettings(name="cloud", boundary="external", order=2),
    )
    deployments: tuple[DeploymentSettings, ...] = ()
    engines: dict[str, EngineFacts] = {}
    """What was learnt from engines, by identity of the deployment. What the file says counts more."""
    models: tuple[ModelSettings, ...] = ()
    default_fallbacks: tuple[str, ...] = ()
    accept_ignored: tuple[str, ...] = ()
    """Security functions of the file that are known to be ignored, by their keys."""
    notices: tuple[Notice, ...] = ()
    problems: tuple[Problem, ...] = ()
