//! The start of an attempt.

use std::borrow::Cow;

use super::bytes::{Encoded, Fields, ID_SIZE, NAME_LIMIT};
use super::known::{number_of, Known};
use super::record::{RecordId, KIND_START};
use crate::types::{Boundary, Level, Reason, Route};

/// Most bytes of a start: three names of full length and all accounts.
const MOST_BYTES: usize = ID_SIZE + 36 + 3 * (1 + NAME_LIMIT) + 58 + 1 + 8 * MOST_ACCOUNTS;

/// Most accounts that a start names; further ones are left out.
pub const MOST_ACCOUNTS: usize = 8;

/// Where a request stands in a trace; all zero when it is part of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trace {
    /// The trace.
    pub trace: [u8; 16],
    /// The span of the caller.
    pub span: [u8; 8],
}

/// An attempt was permitted. It waits for its end; without one it died with its worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRecord<'a> {
    /// Which attempt.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// The endpoint that the client called.
    pub route: Known<Route>,
    /// How sensitive the content is.
    pub level: Known<Level>,
    /// How far it may travel.
    pub ceiling: Known<Boundary>,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The number of the principal: the key that pays.
    pub key: u64,
    /// The model that the client asked for; where a pattern let a sensitive name through, the pattern.
    pub model: Cow<'a, str>,
    /// Identity of the deployment.
    pub deployment: u64,
    /// Name of the deployment.
    pub deployment_name: Cow<'a, str>,
    /// Tokens of the prompt, estimated.
    pub estimated_prompt_tokens: u32,
    /// Most tokens of the answer; 0 when the request sets no limit.
    pub max_tokens: u32,
    /// What was appended later.
    pub more: StartMore<'a>,
}

/// Fields of a start that its first version did not have. All are 0, empty or absent in an older record,
/// and where nothing in the gateway fills them yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StartMore<'a> {
    /// Name of the deployment's tier.
    pub tier: Cow<'a, str>,
    /// Why this deployment.
    pub reason: Option<Known<Reason>>,
    /// The generation of the configuration that decided.
    pub config: u64,
    /// What kind of work it is. Not filled yet.
    pub task: u8,
    /// The rule that matched, counted from 1 in its configuration. Not filled yet.
    pub rule: u32,
    /// The generation of the prices that its cost is counted by. Not filled yet.
    pub prices: u32,
    /// The number of the agent that asks. Not filled yet.
    pub agent: u64,
    /// Hash of the end user that the client names. Not filled yet.
    pub end_user: u64,
    /// Where it stands in a trace. Not filled yet.
    pub trace: Trace,
    /// Numbers of the accounts that it counts for. Not filled yet.
    pub accounts: Cow<'a, [u64]>,
}

impl StartRecord<'_> {
    pub(super) fn encode(&self) -> Encoded<MOST_BYTES> {
        let mut encoded = Encoded::new(KIND_START, &self.id);
        encoded.u64(self.wall_ns);
        encoded.u8(self.route.number());
        encoded.u8(self.level.number());
        encoded.u8(self.ceiling.number());
        encoded.u8(u8::from(self.stream));
        encoded.u64(self.key);
        encoded.u64(self.deployment);
        encoded.u32(self.estimated_prompt_tokens);
        encoded.u32(self.max_tokens);
        encoded.name(&self.model);
        encoded.name(&self.deployment_name);
        let more = &self.more;
        encoded.name(&more.tier);
        encoded.u8(number_of(more.reason));
        encoded.u64(more.config);
        encoded.u8(more.task);
        encoded.u32(more.rule);
        encoded.u32(more.prices);
        encoded.u64(more.agent);
        encoded.u64(more.end_user);
        encoded.put(&more.trace.trace);
        encoded.put(&more.trace.span);
        encoded.list(&more.accounts, MOST_ACCOUNTS, Encoded::u64);
        encoded
    }

    /// The same, on its own feet.
    pub fn into_owned(self) -> StartRecord<'static> {
        let more = self.more;
        StartRecord {
            id: self.id,
            wall_ns: self.wall_ns,
            route: self.route,
            level: self.level,
            ceiling: self.ceiling,
            stream: self.stream,
            key: self.key,
            model: Cow::Owned(self.model.into_owned()),
            deployment: self.deployment,
            deployment_name: Cow::Owned(self.deployment_name.into_owned()),
            estimated_prompt_tokens: self.estimated_prompt_tokens,
            max_tokens: self.max_tokens,
            more: StartMore {
                tier: Cow::Owned(more.tier.into_owned()),
                reason: more.reason,
                config: more.config,
                task: more.task,
                rule: more.rule,
                prices: more.prices,
                agent: more.agent,
                end_user: more.end_user,
                trace: more.trace,
                accounts: Cow::Owned(more.accounts.into_owned()),
            },
        }
    }
}

pub(super) fn decode<'a>(fields: &mut Fields<'a>, id: RecordId) -> Option<StartRecord<'a>> {
    // Fields of a struct expression are evaluated in the order they are written: that of the bytes.
    Some(StartRecord {
        id,
        wall_ns: fields.u64()?,
        route: Known::of(fields.u8()?),
        level: Known::of(fields.u8()?),
        ceiling: Known::of(fields.u8()?),
        stream: fields.u8()? != 0,
        key: fields.u64()?,
        deployment: fields.u64()?,
        estimated_prompt_tokens: fields.u32()?,
        max_tokens: fields.u32()?,
        model: fields.name()?,
        deployment_name: fields.name()?,
        more: StartMore {
            tier: fields.name().unwrap_or_default(),
            reason: Known::some(fields.u8_or_0()),
            config: fields.u64_or_0(),
            task: fields.u8_or_0(),
            rule: fields.u32_or_0(),
            prices: fields.u32_or_0(),
            agent: fields.u64_or_0(),
            end_user: fields.u64_or_0(),
            trace: Trace {
                trace: fields.array().unwrap_or_default(),
                span: fields.array().unwrap_or_default(),
            },
            accounts: Cow::Owned(fields.list(Fields::u64).unwrap_or_default()),
        },
    })
}
