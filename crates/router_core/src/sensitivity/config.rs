//! What the configuration says about scanning, and what is wrong with it.

use serde::Deserialize;

use super::entity::{Entity, Profile};
use super::recognizers::user::{compile, literal, Pattern, UserPattern};
use crate::types::Level;

/// More patterns would cost more than everything else in the gateway together.
pub const MOST_PATTERNS: usize = 64;

/// How to scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Wire")]
pub struct ScanConfig {
    /// How common kinds are treated.
    pub profile: Profile,
    /// Levels that differ from the defaults. Public is allowed: the kind is still found and
    /// counted, and [`super::Scanner::loosened`] reports it. There is no way to switch a kind off.
    pub levels: Vec<(Entity, Level)>,
    /// Patterns of one's own.
    pub patterns: Vec<UserPattern>,
}

/// One fault of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanConfigError {
    /// Where, as a path: `patterns[2].pattern`, `levels.email`.
    pub path: String,
    /// The name of the pattern or the kind; empty when it has none.
    pub name: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

/// All faults of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanConfigErrors(pub Vec<ScanConfigError>);

impl std::fmt::Display for ScanConfigErrors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let mark = if index > 0 { " | " } else { "" };
            write!(
                formatter,
                "{mark}{}: {}; {}",
                fault.path, fault.message, fault.fix
            )?;
        }
        Ok(())
    }
}

impl TryFrom<Wire> for ScanConfig {
    type Error = ScanConfigErrors;

    fn try_from(wire: Wire) -> Result<Self, ScanConfigErrors> {
        Self::of(wire).map_err(ScanConfigErrors)
    }
}

/// What a pattern costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternCost {
    /// Its name.
    pub name: String,
    /// Bytes of memory, per process.
    pub memory: usize,
    /// Table steps per byte of text: the same for every text.
    pub steps_per_byte: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    #[serde(default)]
    profile: Option<String>,
    #[serde(default)]
    levels: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    patterns: Vec<WirePattern>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePattern {
    name: String,
    pattern: String,
    level: String,
}

impl ScanConfig {
    /// Reads `{"profile": …, "levels": {kind: level}, "patterns": [{name, pattern, level}]}`, all
    /// members optional.
    pub fn from_json(json: &[u8]) -> Result<Self, Vec<ScanConfigError>> {
        let wire: Wire = serde_json::from_slice(json).map_err(|error| {
            vec![fault(
                "",
                "",
                format!("not a scan configuration: {error}"),
                "write an object with profile, levels and patterns".to_owned(),
            )]
        })?;
        Self::of(wire)
    }

    fn of(wire: Wire) -> Result<Self, Vec<ScanConfigError>> {
        let mut faults = Vec::new();
        let mut config = Self::default();
        if let Some(name) = &wire.profile {
            match Profile::named(name) {
                Some(profile) => config.profile = profile,
                None => faults.push(fault(
                    "profile",
                    name,
                    format!("there is no profile `{name}`"),
                    "write standard, strict, healthcare or finance".to_owned(),
                )),
            }
        }
        for (name, level) in &wire.levels {
            let path = format!("levels.{name}");
            match (Entity::named(name), level.as_str().and_then(level_named)) {
                (Some(Entity::User), _) => faults.push(fault(
                    &path,
                    name,
                    "patterns state their own levels".to_owned(),
                    "set `level` of each pattern".to_owned(),
                )),
                (Some(entity), Some(level)) => config.levels.push((entity, level)),
                (None, _) => faults.push(fault(
                    &path,
                    name,
                    format!("there is no kind `{name}`"),
                    format!("write one of {}", kinds()),
                )),
                (_, None) => faults.push(no_level(&path, name, &level.to_string())),
            }
        }
        for (index, pattern) in wire.patterns.into_iter().enumerate() {
            match level_named(&pattern.level) {
                Some(level) => config.patterns.push(UserPattern {
                    name: pattern.name,
                    pattern: pattern.pattern,
                    level,
                }),
                None => faults.push(no_level(
                    &format!("patterns[{index}].level"),
                    &pattern.name,
                    &pattern.level,
                )),
            }
        }
        if faults.is_empty() {
            Ok(config)
        } else {
            Err(faults)
        }
    }

    /// The level of each kind.
    pub(super) fn table(&self) -> [Level; Entity::COUNT] {
        let mut table = Entity::ALL.map(|entity| entity.default_level(self.profile));
        for (entity, level) in &self.levels {
            table[*entity as usize] = *level;
        }
        table
    }

    /// Compiles the patterns; all faults at once.
    pub(super) fn compiled(&self) -> Result<Vec<Pattern>, Vec<ScanConfigError>> {
        let mut faults = Vec::new();
        let mut compiled = Vec::new();
        if self.patterns.len() > MOST_PATTERNS {
            faults.push(fault(
                "patterns",
                "",
                format!(
                    "{} patterns; at most {MOST_PATTERNS} are allowed",
                    self.patterns.len()
                ),
                "join patterns of one level with `|`".to_owned(),
            ));
        }
        for (index, pattern) in self.patterns.iter().take(MOST_PATTERNS).enumerate() {
            let twice = self.patterns[..index]
                .iter()
                .any(|it| it.name == pattern.name);
            if pattern.name.is_empty() || twice {
                faults.push(fault(
                    &format!("patterns[{index}].name"),
                    &pattern.name,
                    if twice {
                        "two patterns have this name".to_owned()
                    } else {
                        "the pattern has no name".to_owned()
                    },
                    "give each pattern a name of its own: reports show it instead of the text"
                        .to_owned(),
                ));
            }
            match compile(pattern) {
                Ok(it) => compiled.push(it),
                Err((message, fix)) => faults.push(fault(
                    &format!("patterns[{index}].pattern"),
                    &pattern.name,
                    message,
                    fix,
                )),
            }
        }
        if faults.is_empty() {
            Ok(compiled)
        } else {
            Err(faults)
        }
    }
}

impl ScanConfig {
    /// The patterns of a profile that takes words literally.
    pub(super) fn literal(
        &self,
        levels: &[Level; Entity::COUNT],
    ) -> Result<Vec<Pattern>, Vec<ScanConfigError>> {
        literal(levels).map_err(|(message, fix)| vec![fault("profile", "", message, fix)])
    }
}

fn level_named(name: &str) -> Option<Level> {
    Level::ALL.into_iter().find(|level| level.name() == name)
}

fn kinds() -> String {
    let names: Vec<_> = Entity::ALL
        .into_iter()
        .filter(|it| *it != Entity::User)
        .map(Entity::name)
        .collect();
    names.join(", ")
}

fn no_level(path: &str, name: &str, level: &str) -> ScanConfigError {
    fault(
        path,
        name,
        format!("there is no level {}", level.trim_matches('"')),
        "write public, internal or regulated".to_owned(),
    )
}

fn fault(path: &str, name: &str, message: String, fix: String) -> ScanConfigError {
    ScanConfigError {
        path: path.to_owned(),
        name: name.to_owned(),
        message,
        fix,
    }
}
