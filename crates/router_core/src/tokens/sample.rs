//! How long a long text is, from sixteen small looks at it.
//!
//! One look at the head is a trap (an English instruction before a Chinese document), a few large
//! ones miss what changes between them: of all ways to spend eight kilobytes, sixteen windows of 512
//! bytes had the smallest error. Each window lies somewhere in its own sixteenth of the text, by a
//! fixed rule, for rows of equal length would beat with a fixed step. Where a piece certainly begins
//! within the first bytes of a window it is cut there; a cut inside a piece makes about half a token
//! too many, which is taken off.

use super::{count_joined, Encoding};

/// Up to this many bytes an estimate is an exact count.
pub const EXACT_BYTES: usize = 16 * 1024;

const WINDOWS: usize = 16;
const WINDOW: usize = 512;
/// How far a cut may move to meet the beginning of a piece.
const SEARCH: usize = 48;

/// A number of tokens, and whether it is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// How many tokens, for the vocabulary asked for.
    pub tokens: u64,
    /// True if counted, false if sampled.
    pub exact: bool,
}

/// The exact count of a text up to [`EXACT_BYTES`], else a sample. A sample costs the same for any
/// length: eight kilobytes are counted. Strings that were gathered into one text count apart, as in
/// [`count_joined`].
pub fn estimate(encoding: Encoding, text: &str) -> Estimate {
    if text.len() <= EXACT_BYTES {
        return Estimate {
            tokens: count_joined(encoding, text) as u64,
            exact: true,
        };
    }
    let stratum = text.len() as f64 / WINDOWS as f64;
    let (mut tokens, mut bytes) = (0.0, 0usize);
    for index in 0..WINDOWS {
        let slack = stratum - WINDOW as f64;
        let from = (stratum * index as f64 + slack * fraction(index)) as usize;
        let (from, clean_start) = cut(text, from);
        let (to, clean_end) = cut(text, from + WINDOW);
        let cuts = f64::from(!clean_start) + f64::from(!clean_end);
        let window = &text[from..to.max(from)];
        let counted = count_joined(encoding, window) as f64;
        // Where tokens are long (128 spaces), a cut adds less.
        tokens += counted - 0.5 * cuts * (counted / 128.0).min(1.0);
        bytes += window.len();
    }
    let scaled = tokens * text.len() as f64 / bytes.max(1) as f64;
    Estimate {
        // A token has at least one byte, and a text at least one token.
        tokens: (scaled.round() as u64).clamp(1, text.len() as u64),
        exact: false,
    }
}

/// Where in its stratum a window lies, 0..1: multiples of the golden ratio, which spread evenly.
fn fraction(index: usize) -> f64 {
    (index as f64 * 0.618_033_988_749_895 + 0.25).fract()
}

/// A place at or behind `at` to cut, and whether a piece begins there for certain: a space or line
/// end behind a visible ASCII character that no rule lets cross it.
fn cut(text: &str, at: usize) -> (usize, bool) {
    let bytes = text.as_bytes();
    if at == 0 || at >= bytes.len() {
        return (at.min(bytes.len()), true);
    }
    let end = (at + SEARCH).min(bytes.len());
    for place in at..end {
        let before = bytes[place - 1];
        let clean = match bytes[place] {
            b' ' => before.is_ascii_graphic(),
            b'\n' => before.is_ascii_alphanumeric(),
            _ => false,
        };
        if clean {
            return (place, true);
        }
    }
    let mut place = at;
    while !text.is_char_boundary(place) {
        place += 1;
    }
    (place, false)
}
