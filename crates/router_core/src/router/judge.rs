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

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BindError, Hints};
use crate::body::{parse_gathering, Body, ParseLimits};
use crate::error::DecideError;
use crate::sensitivity::{Findings, ScanConfig, ScanConfigError, Scanner};
use crate::types::segment::Text;
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

/// The privacy part of a plan.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    mode: Mode,
    /// What an unknown level counts as: `internal` or `regulated`.
    unknown: Unknown,
    /// What is looked for; the scanner reads it.
    scan: Option<Box<RawValue>>,
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
    #[default]
    Internal,
    Regulated,
}

/// Reads texts and judges them; one per plan.
pub(super) struct Judge {
    scanner: Scanner,
    mode: Mode,
    unknown: Level,
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

impl Judge {
    /// From the privacy part of a plan.
    pub(super) fn new(json: &str) -> Result<Self, BindError> {
        let wrong = |error: String| BindError::Plan(format!("plan: privacy: {error}"));
        let settings: Settings =
            serde_json::from_str(json).map_err(|error| wrong(error.to_string()))?;
        let faults = |faults: Vec<ScanConfigError>| {
            let told = faults
                .iter()
                .map(|fault| format!("{}: {}; {}", fault.path, fault.message, fault.fix));
            wrong(told.collect::<Vec<_>>().join(" | "))
        };
        let scan = settings.scan.as_ref().map_or("{}", |raw| raw.get());
        let config = ScanConfig::from_json(scan.as_bytes()).map_err(faults)?;
        let scanner = Scanner::new(&config).map_err(faults)?;
        Ok(Self {
            scanner,
            mode: settings.mode,
            unknown: match settings.unknown {
                Unknown::Internal => Level::Internal,
                Unknown::Regulated => Level::Regulated,
            },
        })
    }

    /// How sensitive a text is. `whole`: everything in it is found, to be told; else no more than
    /// the level needs.
    pub(super) fn judge(&self, text: &Text, whole: bool) -> Judgement {
        let findings = if whole {
            self.scanner.scan(text, 0)
        } else {
            self.scanner.level(text)
        };
        Judgement {
            level: findings
                .level
                .unwrap_or_else(|| self.unknown.max(findings.found)),
            binding: self.mode == Mode::Enforce,
            findings,
        }
    }
}
