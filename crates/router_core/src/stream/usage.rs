//! Tokens as each protocol reports them, told in one way: the prompt includes what came from a cache,
//! the completion includes reasoning.

use crate::json::{decimal_nanos, Kind, Raw};

/// Tokens and cost as the upstream reported them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All prompt tokens, cached ones included.
    pub prompt: u64,
    /// All completion tokens, reasoning included.
    pub completion: u64,
    /// Prompt tokens read from the upstream's cache.
    pub cached: u64,
    /// Prompt tokens written to the upstream's cache.
    pub cache_write: u64,
    /// Completion tokens spent on reasoning.
    pub reasoning: u64,
    /// As reported; the sum of prompt and completion when not.
    pub total: u64,
    /// The price in billionths of a credit (US dollar), where the upstream states one.
    pub cost_nanos: Option<i64>,
}

impl Usage {
    /// Both together; the price of what states one.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            prompt: self.prompt.saturating_add(other.prompt),
            completion: self.completion.saturating_add(other.completion),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            total: self.total.saturating_add(other.total),
            cost_nanos: match (self.cost_nanos, other.cost_nanos) {
                (Some(one), Some(two)) => Some(one.saturating_add(two)),
                (one, two) => one.or(two),
            },
        }
    }

    /// Reads the `usage` of Chat Completions; `None` when it is no object or counts nothing. Counts
    /// that are no whole numbers are 0.
    pub(super) fn of_chat(usage: Raw<'_>) -> Option<Self> {
        let mut read = Self::default();
        let mut total = None;
        let mut counted = false;
        for (key, value) in usage.entries() {
            let count = value.as_u64();
            match &*key {
                "prompt_tokens" => read.prompt = count.unwrap_or(0),
                "completion_tokens" => read.completion = count.unwrap_or(0),
                "total_tokens" => total = count,
                "prompt_tokens_details" => {
                    read.cached = inside(value, "cached_tokens");
                    read.cache_write = inside(value, "cache_write_tokens");
                    continue;
                }
                "completion_tokens_details" => {
                    read.reasoning = inside(value, "reasoning_tokens");
                    continue;
                }
                "cost" => {
                    read.cost_nanos = cost(value);
                    continue;
                }
                _ => continue,
            }
            counted |= count.is_some();
        }
        read.total = total.unwrap_or(read.prompt.saturating_add(read.completion));
        counted.then_some(read)
    }

    /// Reads the `usage` of Responses, which counts like Chat Completions under other names.
    pub(super) fn of_responses(usage: Raw<'_>) -> Option<Self> {
        let mut read = Self::default();
        let mut total = None;
        let mut counted = false;
        for (key, value) in usage.entries() {
            let count = value.as_u64();
            match &*key {
                "input_tokens" => read.prompt = count.unwrap_or(0),
                "output_tokens" => read.completion = count.unwrap_or(0),
                "total_tokens" => total = count,
                "input_tokens_details" => {
                    read.cached = inside(value, "cached_tokens");
                    read.cache_write = inside(value, "cache_write_tokens");
                }
                "output_tokens_details" => read.reasoning = inside(value, "reasoning_tokens"),
                "cost" => {
                    read.cost_nanos = cost(value);
                    continue;
                }
                _ => continue,
            }
            counted |= count.is_some();
        }
        read.total = total.unwrap_or(read.prompt.saturating_add(read.completion));
        counted.then_some(read)
    }

    /// Reads Gemini's `usageMetadata`: thoughts stand beside the candidates, results of Google's own
    /// tools beside the prompt; what came from a cache is inside the prompt.
    pub(super) fn of_gemini(usage: Raw<'_>) -> Option<Self> {
        let mut read = Self::default();
        let mut total = None;
        let mut counted = false;
        for (key, value) in usage.entries() {
            let Some(count) = value.as_u64() else {
                continue;
            };
            match &*key {
                "promptTokenCount" | "toolUsePromptTokenCount" => {
                    read.prompt = read.prompt.saturating_add(count);
                }
                "candidatesTokenCount" => read.completion = read.completion.saturating_add(count),
                "thoughtsTokenCount" => {
                    read.completion = read.completion.saturating_add(count);
                    read.reasoning = count;
                }
                "cachedContentTokenCount" => read.cached = count,
                "totalTokenCount" => total = Some(count),
                _ => continue,
            }
            counted = true;
        }
        read.total = total.unwrap_or(read.prompt.saturating_add(read.completion));
        counted.then_some(read)
    }

    /// Ollama's counters, which stand at the top of its last line and are left out when they are 0.
    pub(super) fn of_ollama(prompt: Option<u64>, completion: Option<u64>) -> Option<Self> {
        let (read, counted) = (prompt.unwrap_or(0), completion.unwrap_or(0));
        (prompt.is_some() || completion.is_some()).then_some(Self {
            prompt: read,
            completion: counted,
            total: read.saturating_add(counted),
            ..Self::default()
        })
    }
}

/// How Messages counts: what was read from a cache or written to one stands beside the input. The
/// figures of its events are running totals, spread over several of them; the highest one counts,
/// since a host that fills one event with real figures fills another with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Beside {
    input: u64,
    read: u64,
    written: u64,
    output: u64,
    thinking: u64,
    cost_nanos: Option<i64>,
}

impl Beside {
    /// Adds the `usage` of one event; what is known so far, `None` when it told nothing.
    pub(super) fn add(&mut self, usage: Raw<'_>) -> Option<Usage> {
        let mut counted = false;
        for (key, value) in usage.entries() {
            let count = value.as_u64();
            let known = match &*key {
                "input_tokens" => &mut self.input,
                "cache_read_input_tokens" => &mut self.read,
                "cache_creation_input_tokens" => &mut self.written,
                "output_tokens" => &mut self.output,
                "output_tokens_details" => {
                    self.thinking = self.thinking.max(inside(value, "thinking_tokens"));
                    continue;
                }
                "cost" => {
                    self.cost_nanos = cost(value).or(self.cost_nanos);
                    continue;
                }
                _ => continue,
            };
            *known = (*known).max(count.unwrap_or(0));
            counted |= count.is_some();
        }
        let prompt = self.input.saturating_add(self.read);
        let prompt = prompt.saturating_add(self.written);
        counted.then_some(Usage {
            prompt,
            completion: self.output,
            cached: self.read,
            cache_write: self.written,
            reasoning: self.thinking,
            total: prompt.saturating_add(self.output),
            cost_nanos: self.cost_nanos,
        })
    }
}

fn inside(details: Raw<'_>, name: &str) -> u64 {
    details
        .get(name)
        .and_then(|count| count.as_u64())
        .unwrap_or(0)
}

fn cost(value: Raw<'_>) -> Option<i64> {
    (value.kind() == Kind::Number).then(|| decimal_nanos(value.bytes()))
}
