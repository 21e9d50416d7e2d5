//! Patterns of the configuration.
//!
//! Each is compiled whole into a table automaton of bounded size: then it costs one step per byte
//! whatever the text is, and the cost can be told when the configuration is read. A pattern that
//! does not fit is refused; an automaton that is built while it runs would accept it and slow down
//! on exactly the text that somebody chose for it. Searches stop at the first byte that completes a
//! match and go on behind it, so that looking for all matches does not look twice.

use regex_automata::dfa::{dense, regex::Regex, StartKind};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::Input;

use crate::sensitivity::entity::Entity;
use crate::types::Level;

/// Longest pattern, bytes.
pub(in crate::sensitivity) const LONGEST: usize = 512;
/// Largest automaton, bytes, each way.
pub(in crate::sensitivity) const LARGEST: usize = 512 * 1024;

/// A compiled pattern.
pub(in crate::sensitivity) struct Pattern {
    regex: Regex,
    /// What it finds: a kind of its own, or for the patterns of a profile one of ours.
    pub(in crate::sensitivity) entity: Entity,
    pub(in crate::sensitivity) level: Level,
    /// Bytes of memory.
    pub(in crate::sensitivity) memory: usize,
}

/// A pattern of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPattern {
    /// Shown in reports instead of what was found.
    pub name: String,
    /// An expression in the syntax of the Rust regex crate.
    pub pattern: String,
    /// How sensitive a text is that holds it.
    pub level: Level,
}

/// Compiles a pattern; the error is what is wrong and what to do about it.
pub(in crate::sensitivity) fn compile(pattern: &UserPattern) -> Result<Pattern, (String, String)> {
    let text = pattern.pattern.as_str();
    if text.is_empty() {
        return Err((
            "the pattern is empty".to_owned(),
            "write the expression that the text must contain".to_owned(),
        ));
    }
    if text.len() > LONGEST {
        return Err((
            format!(
                "the pattern has {} bytes; at most {LONGEST} are allowed",
                text.len()
            ),
            "split it into several patterns".to_owned(),
        ));
    }
    // Without other letters in it, a pattern means ASCII: `\d` is 0-9 and `\b` needs no tables.
    // The scanner folds digits and letters of other scripts before it looks.
    let syntax = syntax::Config::new().unicode(!text.is_ascii()).utf8(false);
    let dense = dense::Config::new()
        .minimize(false)
        .dfa_size_limit(Some(LARGEST))
        .determinize_size_limit(Some(4 * LARGEST));
    let built = Regex::builder()
        .syntax(syntax)
        .thompson(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(LARGEST)),
        )
        .dense(dense.start_kind(StartKind::Both))
        .build(text);
    let regex = built.map_err(|error| refused(&error, text))?;
    let empty = regex.is_match(Input::new(b""));
    let nothing = [" ", "a", "\n"].iter().any(|probe| {
        regex
            .find(probe.as_bytes())
            .is_some_and(|found| found.is_empty())
    });
    if empty || nothing {
        return Err((
            "the pattern matches the empty text, so it would match every request".to_owned(),
            "replace `*` and `?` by `+`, or add what must be there".to_owned(),
        ));
    }
    let memory = regex.forward().memory_usage() + regex.reverse().memory_usage();
    Ok(Pattern {
        regex,
        entity: Entity::User,
        level: pattern.level,
        memory,
    })
}

/// What profiles that take words literally look for in numbers, whatever stands around them.
const LITERAL: [(Entity, &str); 2] = [
    (
        Entity::Card,
        r"\b[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}\b",
    ),
    (Entity::Passport, r"\b[A-Za-z]{2}[0-9]{6,8}\b"),
];

/// The patterns of those profiles, with the levels of their kinds.
pub(in crate::sensitivity) fn literal(
    levels: &[Level; Entity::COUNT],
) -> Result<Vec<Pattern>, (String, String)> {
    let compiled = LITERAL.iter().map(|(entity, text)| {
        let pattern = compile(&UserPattern {
            name: entity.name().to_owned(),
            pattern: (*text).to_owned(),
            level: levels[*entity as usize],
        })?;
        Ok(Pattern {
            entity: *entity,
            ..pattern
        })
    });
    compiled.collect()
}

fn refused(error: &dyn std::error::Error, text: &str) -> (String, String) {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        message = inner.to_string();
        source = inner.source();
    }
    // A parser's report shows the place below the pattern; one line is enough here.
    let last = message.lines().last().unwrap_or_default().trim();
    let last = last.strip_prefix("error: ").unwrap_or(last).to_owned();
    if last.contains("exceed") || last.contains("limit") || last.contains("too many") {
        return (
            format!("the pattern needs more than {} KiB of tables", LARGEST / 1024),
            "shorten repetitions such as `{1,200}`, or replace `.*` between parts by a bounded class"
                .to_owned(),
        );
    }
    if last.contains("word boundary") || last.contains("word boundaries") {
        return (
            "`\\b` together with letters outside of ASCII is not supported".to_owned(),
            "write `(?-u:\\b)`".to_owned(),
        );
    }
    let fix = if text.contains("(?=") || text.contains("(?!") || text.contains("(?<") {
        "look-around and back-references are not supported; state what must stand there".to_owned()
    } else {
        "correct the expression; the syntax is that of the Rust regex crate".to_owned()
    };
    (format!("not a valid expression: {last}"), fix)
}

/// Calls `found` with each match in `text`; stops when it answers false. One step per byte, and one
/// back over each match.
pub(in crate::sensitivity) fn find(
    pattern: &Pattern,
    text: &[u8],
    work: &mut u64,
    mut found: impl FnMut(usize, usize) -> bool,
) {
    *work += text.len() as u64;
    let mut at = 0;
    while at < text.len() {
        let input = Input::new(text).range(at..).earliest(true);
        let Ok(Some(end)) = pattern.regex.try_search(&input) else {
            return;
        };
        *work += end.len() as u64;
        if !found(end.start(), end.end()) {
            return;
        }
        at = end.end().max(at + 1);
    }
}
