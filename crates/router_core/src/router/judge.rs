//! How sensitive a request is, and how far it may therefore travel.
//!
//! The text of the body is gathered in the pass that accepts it and scanned once, whatever the
//! route: there is no way to a permit that does not come through here, so a route that somebody
//! adds tomorrow is judged too. What cannot be judged (media, token ids, a scan that was saturated)
//! is never public; the configuration says how sensitive it counts as. A client's hint may make a
//! request more sensitive than the scan found it, never less.
//!
//! Under `observe` the judgement is reported and binds nobody; a client's own hint still does.

use std::cell::RefCell;
use std::collections::HashSet;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Hints;
use crate::body::{parse_gathering, Body, ParseLimits};
use crate::error::DecideError;
use crate::sensitivity::{Entity, Findings, ScanConfig, ScanConfigErrors, Scanner};
use crate::shared::REFUSAL_ROOM;
use crate::text::{Kind, Mark, Role, Text};
use crate::types::Level;

thread_local! {
    /// One text per thread: a body that is decided in the executor must not share the loop's.
    static TEXT: RefCell<Text> = RefCell::new(Text::new());
}

/// Most memory that a thread keeps for the next text, bytes.
const KEPT: usize = 4 * 1024 * 1024;

/// Accepts a body and hands it out with its text, which is gone afterwards. Headers that a backend may
/// be sent are part of the text: a client chooses them as it chooses the body.
pub(super) fn read<T>(
    bytes: &[u8],
    headers: &[(&str, &str)],
    limits: &ParseLimits,
    look: impl FnOnce(Body<'_>, &Text) -> Result<T, DecideError>,
) -> Result<T, DecideError> {
    TEXT.with_borrow_mut(|text| {
        let seen = match parse_gathering(bytes, limits, text) {
            Ok(body) => {
                let sent = headers.iter().filter(|(name, _)| !Hints::owns(name));
                sent.for_each(|(_, value)| text.add(value));
                look(body, text)
            }
            Err(error) => Err(error.into()),
        };
        if text.capacity() > KEPT {
            *text = Text::new();
        }
        seen
    })
}

/// The privacy part of a configuration.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Privacy {
    mode: Mode,
    /// What an unknown level counts as. `public` frees media and token ids, never a text that was not read.
    unknown: Unknown,
    /// What is looked for.
    scan: ScanConfig,
    /// [`prompt_hash`] of system texts that are not looked through.
    trusted_prompts: HashSet<String>,
}

#[derive(Deserialize, PartialEq, Eq, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Enforce,
    Observe,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum Unknown {
    Public,
    #[default]
    Internal,
    Regulated,
}

/// Reads texts and judges them; one per plan.
pub(super) struct Judge {
    scanner: Scanner,
    mode: Mode,
    unknown: Level,
    trusted: HashSet<String>,
}

/// What names a system text in the configuration: SHA-256 in hexadecimal digits, without the white space
/// around the text, which editors and clients add and drop.
pub fn prompt_hash(text: &[u8]) -> String {
    let digest = Sha256::digest(text.trim_ascii());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a body was judged to be.
#[derive(Debug, Clone)]
pub(super) struct Judgement {
    /// How sensitive it is; what is unknown is already replaced by what it counts as.
    pub(super) level: Level,
    /// Whether the level binds: not under `observe`.
    pub(super) binding: bool,
    /// What was found: kinds and counts, never text.
    pub(super) findings: Findings,
}

/// Media that cannot be read, as a reason.
const MEDIA: &str = "media";
/// Token ids, which cannot be read either.
const TOKEN_IDS: &str = "token_ids";
/// Nothing was found: the client's own hint, or a deployment's limit, is why.
const UNFOUND: &str = "none";

/// Everything that a refusal by policy is counted under, in the order of its number.
pub fn refusal_reasons() -> impl Iterator<Item = &'static str> {
    let kinds = Entity::ALL.into_iter().map(Entity::name);
    kinds.chain([MEDIA, TOKEN_IDS, UNFOUND])
}

const _: () = assert!(Entity::COUNT + 3 <= REFUSAL_ROOM);

/// The numbers of the reasons of one refusal.
pub(super) fn refusal_numbers<'k>(kinds: &'k [&'static str]) -> impl Iterator<Item = usize> + 'k {
    refusal_reasons()
        .enumerate()
        .filter(|(_, name)| kinds.contains(name) || (kinds.is_empty() && *name == UNFOUND))
        .map(|(number, _)| number)
}

/// Why a request was refused.
pub(super) struct Account {
    /// Names of kinds; `media` and `token_ids` for what cannot be read.
    pub(super) kinds: Vec<&'static str>,
    /// Where the first of the most sensitive stands, if in a message: `messages[3]`.
    pub(super) place: Option<String>,
}

impl Judge {
    /// From the privacy part of a configuration.
    ///
    /// # Errors
    /// All faults of the patterns.
    pub(super) fn new(settings: Privacy) -> Result<Self, ScanConfigErrors> {
        let scanner = Scanner::new(&settings.scan).map_err(ScanConfigErrors)?;
        Ok(Self {
            scanner,
            mode: settings.mode,
            trusted: settings.trusted_prompts,
            unknown: match settings.unknown {
                Unknown::Public => Level::Public,
                Unknown::Internal => Level::Internal,
                Unknown::Regulated => Level::Regulated,
            },
        })
    }

    /// What makes a text sensitive, for whoever was refused: kinds, and the member with the first of those
    /// that weigh most. Looks at everything once more, which only refused requests pay.
    pub(super) fn account(&self, text: &Text, asks_in: &str) -> Account {
        const PLACES: usize = 256;
        let rest = self.without_trusted(text);
        let text = rest.as_ref().unwrap_or(text);
        let findings = self.scanner.scan(text, PLACES);
        let weighs = |kind| self.scanner.level_of(kind);
        let mut kinds: Vec<_> = Entity::ALL
            .into_iter()
            .filter(|it| findings.count(*it) > 0)
            .filter(|it| *it == Entity::User || weighs(*it) > Level::Public)
            .map(Entity::name)
            .collect();
        if text.opaque() > 0 {
            kinds.push(MEDIA);
        }
        if text.token_ids() {
            kinds.push(TOKEN_IDS);
        }
        let heaviest = findings
            .spans
            .iter()
            .filter(|it| it.entity == Entity::User || weighs(it.entity) == findings.found)
            .min_by_key(|it| it.start);
        let mark = heaviest.and_then(|found| {
            let mut marks = text.marks().iter();
            marks.find(|it| it.start <= found.start && found.start < it.end)
        });
        let place = mark.and_then(|mark| match mark.kind {
            Kind::System => Some("system".to_owned()),
            _ if mark.message != Mark::NO_MESSAGE => Some(format!("{asks_in}[{}]", mark.message)),
            _ => None,
        });
        Account { kinds, place }
    }

    /// The text without system texts that the operator read and trusts; `None` when it holds none.
    fn without_trusted(&self, text: &Text) -> Option<Text> {
        if self.trusted.is_empty() {
            return None;
        }
        text.without(|mark, bytes| {
            let instructs = mark.kind == Kind::System
                || mark.kind == Kind::Content && text.role(mark) == Role::System;
            instructs && self.trusted.contains(&prompt_hash(bytes))
        })
    }

    /// Whether nothing sensitive is found in a short text, and nothing in it is unreadable.
    pub(super) fn is_public(&self, text: &str) -> bool {
        self.scanner.level(&Text::of(text)).level == Some(Level::Public)
    }

    /// How sensitive a text is. `whole`: everything in it is found, to be told; else no more than
    /// the level needs.
    pub(super) fn judge(&self, text: &Text, whole: bool) -> Judgement {
        let scan = |text: &Text| {
            if whole {
                self.scanner.scan(text, 0)
            } else {
                self.scanner.level(text)
            }
        };
        let mut findings = scan(text);
        // Only a request that would be held back pays for looking who said it.
        if findings.level != Some(Level::Public) {
            if let Some(rest) = self.without_trusted(text) {
                findings = scan(&rest);
            }
        }
        let unknown = if findings.whole {
            self.unknown
        } else {
            self.unknown.max(Level::Internal)
        };
        Judgement {
            level: findings
                .level
                .unwrap_or_else(|| unknown.max(findings.found)),
            binding: self.mode == Mode::Enforce,
            findings,
        }
    }
}
