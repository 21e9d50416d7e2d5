//! What a client may say about its own request, from the body and from headers.
//!
//! Three vocabularies meet here: ours (`hybridgw: {…}` and `x-hybridgw-*`), the one that clients of
//! a LiteLLM proxy use (`metadata.no_fallback`, `disable_fallbacks`, `num_retries`, `timeout`,
//! `x-litellm-*`), and the plain body. A hint that cannot be honoured is an error and never ignored:
//! a client that misspells `sensitivity` must not believe that it is protected.
//!
//! The body wins over a header, except for sensitivity, where the stricter of the two counts: a
//! hint may tighten, nothing may loosen.

use std::borrow::Cow;

use crate::body::{Body, Raw};
use crate::error::DecideError;
use crate::json::Kind;
use crate::plan::Plan;
use crate::shared::journal::HintNumbers;
use crate::types::Level;

/// Longest task type or conversation key, bytes.
const LONGEST_WORD: usize = 128;
/// Most fallbacks in one request.
const MOST_FALLBACKS: usize = 16;
/// Members without which no request can be answered.
const NEEDED: [&str; 5] = ["model", "messages", "input", "prompt", "stream"];
/// A day: no request lives longer, and the sum with a clock cannot overflow.
const LONGEST_SECONDS: f64 = 86_400.0;

/// How urgently the answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Somebody waits.
    Interactive,
    /// Nobody waits.
    Background,
    /// Somebody listens.
    Realtime,
}

impl Latency {
    const ALL: [Self; 3] = [Self::Interactive, Self::Background, Self::Realtime];

    /// The word that clients write.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interactive => "interactive",
            Self::Background => "background",
            Self::Realtime => "realtime",
        }
    }
}

/// Everything a request says about itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Hints {
    /// Only this tier, as a position in the plan.
    pub tier: Option<u16>,
    /// How sensitive the client says the content is.
    pub level: Option<Level>,
    /// What kind of task it is; the vocabulary belongs to the configuration.
    pub task_type: Option<String>,
    /// How urgently the answer is wanted.
    pub latency: Option<Latency>,
    /// Which conversation it belongs to.
    pub conversation: Option<String>,
    /// No later group, no other model.
    pub no_fallback: bool,
    /// Fallback models that take the place of the configured ones.
    pub fallbacks: Option<Vec<String>>,
    /// How often the same deployment may be tried again.
    pub retries: Option<u32>,
    /// Milliseconds for the whole answer; 0 is not given.
    pub timeout_ms: u64,
    /// The same for a stream; 0 is not given.
    pub stream_timeout_ms: u64,
    /// Tags, as LiteLLM clients send them.
    pub tags: Vec<String>,
    /// Whether one of `fallbacks` brings members of its own, its messages above all.
    pub own_members: bool,
    /// Members that are not to be sent, whatever the backend.
    pub leave: Vec<String>,
    /// Whether the client's own parameters may be left out once a backend has refused them by name.
    pub drop_refused: Option<bool>,
    /// Members of the gateway's own that it takes no notice of, or less than was asked.
    pub unheeded: Vec<String>,
}

/// What a fallback may bring of its own: what is said to it, and how it is to answer.
const FALLBACK_MEMBERS: &[&str] = &[
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
];

impl Hints {
    /// Reads the headers, then the body.
    ///
    /// # Errors
    /// `unknown_hint` for a word or a value that means nothing, `wrong_type` for a value of the
    /// wrong kind; the field names which.
    pub fn read(
        plan: &Plan,
        headers: &[(&str, &str)],
        body: &Body<'_>,
    ) -> Result<Self, DecideError> {
        let mut hints = Self::default();
        for (name, value) in headers {
            hints.header(plan, name, value)?;
        }
        hints.body(plan, body)?;
        Ok(hints)
    }

    /// What the journal keeps of them: which were given, and those that are numbers.
    pub(super) fn numbers(&self) -> HintNumbers {
        let given: [bool; HintNumbers::GIVEN.len()] = [
            self.tier.is_some(),
            self.level.is_some(),
            self.task_type.is_some(),
            self.latency.is_some(),
            self.conversation.is_some(),
            self.no_fallback,
            self.fallbacks.is_some(),
            self.retries.is_some(),
            self.timeout_ms > 0,
            self.stream_timeout_ms > 0,
            !self.tags.is_empty(),
            !self.leave.is_empty(),
            self.drop_refused.is_some(),
        ];

        HintNumbers {
            given: given
                .into_iter()
                .rev()
                .fold(0, |bits, one| bits << 1 | u16::from(one)),
            tier: self.tier.map_or(0, |tier| tier + 1),
            latency: self.latency.map_or(0, |latency| latency as u8 + 1),
            task: 0,
        }
    }

    /// Whether a header is one of these vocabularies, which no backend is sent.
    pub(super) fn owns(name: &str) -> bool {
        name.starts_with("x-hybridgw-") || name.starts_with("x-litellm-")
    }

    fn header(&mut self, plan: &Plan, name: &str, value: &str) -> Result<(), DecideError> {
        if let Some(word) = name.strip_prefix("x-hybridgw-") {
            return self.word(plan, name, word, value);
        }
        match name {
            "x-litellm-timeout" => self.timeout_ms = header_seconds(name, value)?,
            "x-litellm-stream-timeout" => self.stream_timeout_ms = header_seconds(name, value)?,
            "x-litellm-num-retries" => {
                let retries = value
                    .trim()
                    .parse()
                    .map_err(|_| unknown(name, "expected a whole number"))?;
                self.retry(plan, name, retries);
            }
            "x-litellm-tags" => {
                let tags = value
                    .split(',')
                    .map(str::trim)
                    .filter(|tag| !tag.is_empty());
                self.tags.extend(tags.map(str::to_owned));
            }
            _ => {}
        }
        Ok(())
    }

    fn body(&mut self, plan: &Plan, body: &Body<'_>) -> Result<(), DecideError> {
        for (key, value) in body.hints() {
            self.word(plan, &format!("hybridgw.{key}"), &key, &value)?;
        }
        self.no_fallback |= body.no_fallback().unwrap_or(false);
        self.tags.extend(body.tags().map(Cow::into_owned));
        if let Some(value) = body.fallbacks() {
            self.fallbacks(plan, &value)?;
        }
        for (key, value) in body.others() {
            if !value.is_null() {
                self.member(plan, &key, &value)?;
            }
        }
        Ok(())
    }

    /// Names, or objects with a name and members that replace the client's for that model.
    fn fallbacks(&mut self, plan: &Plan, value: &Raw<'_>) -> Result<(), DecideError> {
        const KEY: &str = "fallbacks";
        const WANTED: &str = "an array of model names, or of objects with a `model`";
        if value.kind() != Kind::Array {
            return Err(wrong_type(KEY, WANTED, value));
        }
        let mut names = Vec::new();
        for (at, item) in value.items().enumerate() {
            if at == MOST_FALLBACKS {
                let message = format!("`{KEY}` has more than {MOST_FALLBACKS} names");
                return Err(DecideError::new("invalid_value", KEY, message));
            }
            let name = match item.kind() {
                Kind::Object => item.get("model").and_then(|name| name.as_str()),
                _ => item.as_str(),
            };
            let Some(name) = name else {
                let (field, found) = (format!("{KEY}[{at}]"), item.kind().name());
                let message = format!(
                    "`{field}` must be a model name, or an object with a `model`, not {found}"
                );
                return Err(DecideError::new("wrong_type", field, message));
            };
            if let Some(messages) = item.get("messages").filter(|it| it.kind() != Kind::Array) {
                return Err(wrong_type(
                    &format!("{KEY}[{at}].messages"),
                    "an array",
                    &messages,
                ));
            }
            let mut seen: Vec<Cow<'_, str>> = Vec::new();
            for (key, _) in item.entries() {
                // Anything else could name another model to a decoder that ignores case, lean on what is
                // stored elsewhere, or say what is scanned by other rules here than in its own place.
                let known = FALLBACK_MEMBERS.contains(&key.as_ref()) || plan.owns(&key);
                if !known || seen.contains(&key) {
                    let field = format!("{KEY}[{at}].{}", key.chars().take(64).collect::<String>());
                    let message = format!(
                        "`{field}` cannot be said here, or is said twice; a fallback may bring {}",
                        FALLBACK_MEMBERS.join(", ")
                    );
                    return Err(DecideError::new("invalid_value", field, message));
                }
                seen.push(key);
            }
            self.own_members |= seen.len() > 1;
            names.push(name.into_owned());
        }
        self.fallbacks = Some(names);
        Ok(())
    }

    /// How often the same deployment may be asked again; nobody gets more than the attempts of the plan.
    fn retry(&mut self, plan: &Plan, field: &str, wanted: u64) {
        let most = u64::from(plan.retry.max_attempts.saturating_sub(1));
        if wanted > most {
            self.unheeded.push(field.to_owned());
        }
        self.retries = Some(wanted.min(most) as u32);
    }

    /// A top-level member as clients of a LiteLLM proxy send it.
    fn member(&mut self, plan: &Plan, key: &str, value: &Raw<'_>) -> Result<(), DecideError> {
        match key {
            "disable_fallbacks" => {
                self.no_fallback |= value
                    .as_bool()
                    .ok_or_else(|| wrong_type(key, "a boolean", value))?;
            }
            "num_retries" => {
                let retries = value
                    .as_u64()
                    .ok_or_else(|| wrong_type(key, "a whole number", value))?;
                self.retry(plan, key, retries);
            }
            "timeout" => {
                self.timeout_ms = seconds(value.as_f64(), || wrong_type(key, SECONDS, value))?
            }
            "additional_drop_params" => {
                let names = value
                    .strings()
                    .ok_or_else(|| wrong_type(key, "an array of parameter names", value))?;
                for name in names {
                    // What is needed to answer at all stays, and so does what is no name of a member.
                    let plain = !name.contains(['.', '[', '$']);
                    if plain && !NEEDED.contains(&name.as_ref()) {
                        self.leave.push(name.into_owned());
                    } else {
                        self.unheeded.push(key.to_owned());
                    }
                }
            }
            "drop_params" => {
                let wanted = value.as_bool();
                self.drop_refused =
                    Some(wanted.ok_or_else(|| wrong_type(key, "a boolean", value))?);
            }
            "stream_timeout" => {
                self.stream_timeout_ms =
                    seconds(value.as_f64(), || wrong_type(key, SECONDS, value))?;
            }
            "tags" => {
                let tags = value
                    .strings()
                    .ok_or_else(|| wrong_type(key, "an array of strings", value))?;
                self.tags.extend(tags.into_iter().map(Cow::into_owned));
            }
            _ if plan.is_unheeded(key) => self.unheeded.push(key.to_owned()),
            // Only clients of a LiteLLM proxy have these names for what others have names for, too.
            "request_timeout" if plan.owns(key) && self.timeout_ms == 0 => {
                self.timeout_ms = seconds(value.as_f64(), || wrong_type(key, SECONDS, value))?;
            }
            "max_retries" if plan.owns(key) && self.retries.is_none() => {
                let retries = value
                    .as_u64()
                    .ok_or_else(|| wrong_type(key, "a whole number", value))?;
                self.retry(plan, key, retries);
            }
            _ => {}
        }
        Ok(())
    }

    /// One of our own words, whichever way it came.
    fn word(
        &mut self,
        plan: &Plan,
        field: &str,
        word: &str,
        value: &str,
    ) -> Result<(), DecideError> {
        match word {
            "tier" => {
                let Some(tier) = plan.tier(value) else {
                    return Err(unknown(
                        field,
                        &format!("expected one of: {}", plan.tiers.join(", ")),
                    ));
                };
                self.tier = Some(tier);
            }
            "sensitivity" => {
                let level = Level::ALL.into_iter().find(|level| level.name() == value);
                let level = level
                    .ok_or_else(|| unknown(field, "expected public, internal or regulated"))?;
                self.level = self.level.max(Some(level));
            }
            "latency" => {
                let latency = Latency::ALL
                    .into_iter()
                    .find(|latency| latency.name() == value);
                let latency = latency.ok_or_else(|| {
                    unknown(field, "expected interactive, background or realtime")
                })?;
                self.latency = Some(latency);
            }
            "task-type" | "task_type" => self.task_type = Some(short(field, value)?),
            "conversation" => self.conversation = Some(short(field, value)?),
            _ => {
                return Err(unknown(
                    field,
                    "expected tier, task_type, sensitivity, latency or conversation",
                ));
            }
        }
        Ok(())
    }
}

const SECONDS: &str = "a number of seconds above 0";

fn seconds(value: Option<f64>, error: impl FnOnce() -> DecideError) -> Result<u64, DecideError> {
    match value {
        // Below one millisecond still means "a limit", and 0 milliseconds would mean none.
        Some(value) if value > 0.0 => Ok(((value.min(LONGEST_SECONDS) * 1000.0) as u64).max(1)),
        _ => Err(error()),
    }
}

fn header_seconds(name: &str, value: &str) -> Result<u64, DecideError> {
    seconds(value.trim().parse().ok(), || {
        unknown(name, &format!("expected {SECONDS}"))
    })
}

fn short(field: &str, value: &str) -> Result<String, DecideError> {
    let plain =
        !value.is_empty() && value.len() <= LONGEST_WORD && !value.chars().any(char::is_control);
    plain.then(|| value.to_owned()).ok_or_else(|| {
        unknown(
            field,
            &format!("expected 1 to {LONGEST_WORD} bytes without control characters"),
        )
    })
}

/// The value stays out of the message: it may be anything, and messages are logged.
fn unknown(field: &str, expected: &str) -> DecideError {
    DecideError::new("unknown_hint", field, format!("`{field}`: {expected}"))
}

fn wrong_type(field: &str, expected: &str, value: &Raw<'_>) -> DecideError {
    let message = format!("`{field}` must be {expected}, not {}", value.kind().name());
    DecideError::new("wrong_type", field, message)
}
