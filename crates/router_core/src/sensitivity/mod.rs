//! How sensitive is a text? Kinds, counts, places and a level; never the text itself.
//!
//! Three stages, each much rarer than the one before: a pass over all bytes into bit masks; cues
//! (a group of digits, an at sign, a word from a list, a long token); a recognizer that looks at a
//! bounded window around the cue and checks digits, shape and the words beside it. Where the pass
//! saw a disguise (full-width digits, invisible characters, escapes, base64), the surroundings are
//! rewritten and the same three stages run over the result.
//!
//! One large expression over everything would be less code, but unions of expressions run at a
//! hundred megabytes a second, and engines that are linear in one search are not linear in all
//! searches of one text. Here every stage only moves forward and counts the bytes that it looks at,
//! so that tests can hold it to a multiple of the text.
//!
//! What is not found: names, street addresses, free medical narrative, and anything in images,
//! audio or files. A scan that had to stop, or could not read everything, answers *unknown*. It must
//! never answer public for a text that it has not read to the end, and never keep text.

mod bytes;
mod config;
mod context;
mod entity;
mod findings;
mod groups;
mod masks;
mod pass;
mod recognizers;
mod scan;
mod shadow;
mod words;

pub use config::{PatternCost, ScanConfig, ScanConfigError, ScanConfigErrors, MOST_PATTERNS};
pub use entity::{Entity, Profile};
pub use findings::{Findings, Found, MOST_FINDINGS, NO_PATTERN};

use crate::text::{Text, JOINT};
use crate::types::Level;
use findings::Collector;
use pass::Pass;
use recognizers::user::Pattern;
pub use recognizers::user::UserPattern;
use shadow::{Layer, Plan};
use words::Words;

/// The version of the rules: raised whenever a text may come out at another level than before. Version 2
/// is the first that is told of; 3 takes no promise of discretion for a mark.
pub const RULES: u32 = 3;

/// A compiled configuration. Made once, shared by all requests.
pub struct Scanner {
    words: Words,
    levels: [Level; Entity::COUNT],
    patterns: Vec<Pattern>,
    names: Vec<String>,
    loosened: Vec<(Entity, Level, Level)>,
    /// Whether words count whatever stands around them.
    literal: bool,
}

impl Scanner {
    /// Compiles a configuration.
    ///
    /// # Errors
    /// All faults of the patterns, each with its place and what to do.
    pub fn new(config: &ScanConfig) -> Result<Self, Vec<ScanConfigError>> {
        let mut patterns = config.compiled()?;
        let levels = config.table();
        if config.profile.is_literal() {
            // Behind those of the configuration, whose positions are their numbers.
            patterns.extend(config.literal(&levels)?);
        }
        let defaults = Entity::ALL.map(|it| it.default_level(config.profile));
        let loosened = Entity::ALL
            .into_iter()
            .filter(|it| levels[*it as usize] < defaults[*it as usize])
            .map(|it| (it, defaults[it as usize], levels[it as usize]))
            .collect();
        Ok(Self {
            words: Words::new(recognizers::WORDS),
            levels,
            patterns,
            names: config.patterns.iter().map(|it| it.name.clone()).collect(),
            loosened,
            literal: config.profile.is_literal(),
        })
    }

    /// Scans the text of a body. Keeps at most `cap` places. Media and token ids that are forwarded
    /// unread make the level unknown.
    pub fn scan(&self, text: &Text, cap: usize) -> Findings {
        self.read(text, cap, None)
    }

    /// Scans the text of a body for its level alone: ends at the first finding of the highest one,
    /// which nothing that follows can change. Kinds and counts are then those seen until there.
    pub fn level(&self, text: &Text) -> Findings {
        self.read(text, 0, Some(Level::Regulated))
    }

    /// Scans bytes, UTF-8 or not. Keeps at most `cap` places.
    pub fn scan_bytes(&self, text: &[u8], cap: usize) -> Findings {
        let mut out = Collector::new(&self.levels, cap, None);
        let fits = self.whole(text, &mut out);
        out.finish(fits, fits)
    }

    /// The level of a kind under this configuration.
    pub fn level_of(&self, entity: Entity) -> Level {
        self.levels[entity as usize]
    }

    /// Kinds whose level the configuration lowered: the kind, its default, its level. To be shown
    /// wherever the configuration is shown.
    pub fn loosened(&self) -> &[(Entity, Level, Level)] {
        &self.loosened
    }

    /// The name of a pattern of the configuration, by [`Found::pattern`].
    pub fn pattern_name(&self, pattern: u16) -> Option<&str> {
        self.names.get(usize::from(pattern)).map(String::as_str)
    }

    /// What each pattern of the configuration costs.
    pub fn costs(&self) -> Vec<PatternCost> {
        let all = self.names.iter().zip(&self.patterns);
        all.map(|(name, pattern)| PatternCost {
            name: name.clone(),
            memory: pattern.memory,
            steps_per_byte: 1,
        })
        .collect()
    }

    fn read(&self, text: &Text, cap: usize, until: Option<Level>) -> Findings {
        let mut out = Collector::new(&self.levels, cap, until);
        let fits = self.whole(text.bytes(), &mut out);
        if !out.ended() {
            if let Some(shadow) = shadow::rejoined(text) {
                out.seal();
                let layer = Layer {
                    shadow: &shadow,
                    below: None,
                };
                self.layer(&shadow.text, Some(&layer), (false, false), &mut out);
            }
        }
        out.finish(text.complete(), fits && !text.cut())
    }

    /// Scans all of a text; whether it could.
    fn whole(&self, text: &[u8], out: &mut Collector<'_>) -> bool {
        let fits = u32::try_from(text.len()).is_ok();
        if fits {
            self.layer(text, None, (true, true), out);
        }
        fits
    }

    /// Scans one text and then its shadows. `undo` says which disguises may still be taken off:
    /// folding, decoding; each at most once on the way down.
    fn layer(
        &self,
        text: &[u8],
        below: Option<&Layer<'_>>,
        undo: (bool, bool),
        out: &mut Collector<'_>,
    ) {
        let mut plan = Plan::new(undo.0, undo.1);
        Pass::new(text, below, out, self.literal).run(&self.words, &mut plan);
        self.user(text, below, out);
        out.unreadable |= plan.unreadable;
        if out.ended() {
            return;
        }
        out.seal();
        if let Some(shadow) = plan.folded(text, &mut out.work) {
            let layer = Layer {
                shadow: &shadow,
                below,
            };
            self.layer(&shadow.text, Some(&layer), (false, undo.1), out);
        }
        if let Some(shadow) = plan.decoded() {
            let layer = Layer {
                shadow: &shadow,
                below,
            };
            self.layer(&shadow.text, Some(&layer), (undo.0, false), out);
        }
    }

    fn user(&self, text: &[u8], below: Option<&Layer<'_>>, out: &mut Collector<'_>) {
        for (index, pattern) in self.patterns.iter().enumerate() {
            if out.ended() {
                return;
            }
            let mut work = 0;
            recognizers::user::find(pattern, text, &mut work, |start, end| {
                let (start, end) = match below {
                    Some(layer) => layer.original(start, end),
                    None => (start, end),
                };
                let found = Found {
                    start: start as u32,
                    end: end as u32,
                    entity: pattern.entity,
                    pattern: match pattern.entity {
                        Entity::User => index as u16,
                        _ => NO_PATTERN,
                    },
                };
                out.add(found, Some(pattern.level));
                !out.ended()
            });
            out.work += work;
        }
    }
}

#[cfg(test)]
mod tests;
