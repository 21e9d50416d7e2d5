//! Where a request starts, by how hard it looks.
//!
//! Only for the models that the configuration names, and only where it says that a class starts in
//! another tier: without that every request starts in the model's own order, nearest first. Classes
//! are shares of the traffic, held by running thresholds of this worker, so that a change of scorer
//! or of traffic does not silently send everything to one side. Starting elsewhere moves a tier to
//! the front; what may be asked at all was settled before and is not touched.

use std::sync::atomic::AtomicU64;

use serde::Deserialize;

use crate::body::Body;
use crate::complexity::{
    measure, Class, Facts, Measured, Prior, Scorer, Shares, Thresholds, THRESHOLD_WORDS,
};
use crate::plan::Plan;
use crate::text::Text;

/// The complexity part of a configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Complexity {
    models: Vec<String>,
    starts: Starts,
    simple: f32,
    moderate: f32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Starts {
    simple: Option<String>,
    moderate: Option<String>,
    complex: Option<String>,
}

/// How hard requests are measured, and what follows.
pub(super) struct Difficulty {
    models: Vec<String>,
    /// The tier in which each class starts, by class.
    starts: [Option<u16>; 3],
    scorer: Option<Scorer>,
    shares: Shares,
    prior: Prior,
    words: [AtomicU64; THRESHOLD_WORDS],
}

/// A measured request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) measured: Measured,
    pub(super) class: Class,
    pub(super) learned: bool,
    /// The tier in which the request starts, if not in the model's own order.
    pub(super) start: Option<u16>,
}

impl Difficulty {
    /// From the complexity part of a configuration.
    ///
    /// # Errors
    /// The share or the tier that cannot be.
    pub(super) fn new(
        settings: Complexity,
        plan: &Plan,
        scorer: Option<Scorer>,
    ) -> Result<Self, String> {
        let shares = Shares::new(settings.simple, settings.moderate)
            .ok_or_else(|| "shares from 0 to 1, together at most 1".to_owned())?;
        let tier = |name: Option<String>| match name {
            None => Ok(None),
            Some(name) => match plan.tier(&name) {
                Some(tier) => Ok(Some(tier)),
                None => Err(format!("there is no tier `{name}`")),
            },
        };
        let Starts {
            simple,
            moderate,
            complex,
        } = settings.starts;
        Ok(Self {
            models: settings.models,
            starts: [tier(simple)?, tier(moderate)?, tier(complex)?],
            prior: scorer.as_ref().map_or(Prior::HEURISTIC, Prior::learned),
            scorer,
            shares,
            words: Default::default(),
        })
    }

    /// Whether requests for this model start by class.
    pub(super) fn concerns(&self, model: &str) -> bool {
        self.models.iter().any(|it| it == model)
    }

    /// Measures a request. `counted` lets it move the thresholds: only what is going to be answered
    /// and starts by its class is part of the traffic; an explanation only looks.
    pub(super) fn place(&self, body: &Body<'_>, text: &Text, counted: bool) -> Placed {
        let facts = Facts {
            has_tools: body.has_tools(),
            has_json_schema: wants_json(body),
            ..Facts::of(text)
        };
        let measured = measure(text, &facts, self.scorer.as_ref());
        let thresholds = Thresholds::new(&self.words, self.shares, self.prior);
        let class = if counted {
            thresholds.place(measured.score)
        } else {
            thresholds.class(measured.score)
        };
        Placed {
            measured,
            class,
            learned: self.scorer.is_some(),
            start: self.starts[class as usize],
        }
    }
}

/// Whether the answer must be JSON; plain text may be asked for by name.
fn wants_json(body: &Body<'_>) -> bool {
    let kind = body.member("response_format").and_then(|it| it.get("type"));
    kind.and_then(|it| it.as_str())
        .is_some_and(|kind| kind != "text")
}
