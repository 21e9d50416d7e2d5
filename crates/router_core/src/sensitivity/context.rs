//! Words near a candidate.
//!
//! A number is what the text around it says it is. Only candidates that already have the shape and
//! the check digits are looked at, so a window of some dozen bytes on demand is cheaper than
//! remembering every word of the text. Both sides are looked at: `4111… is my card` is common.

use super::bytes::{before, get};

/// A sorted list of words in lower case.
pub(super) struct List {
    words: &'static [&'static str],
    /// Bits by letters and length of a word: most words of a text end there.
    bloom: [u64; 4],
}

impl List {
    pub(super) const fn new(words: &'static [&'static str]) -> Self {
        let mut bloom = [0; 4];
        let mut at = 0;
        while at < words.len() {
            let bit = Self::bit(words[at].as_bytes());
            bloom[bit >> 6] |= 1 << (bit & 63);
            at += 1;
        }
        Self { words, bloom }
    }

    /// The bit of a word that is not empty.
    #[inline]
    const fn bit(word: &[u8]) -> usize {
        let last = word.len() - 1;
        let second = word[if last > 0 { 1 } else { 0 }];
        let sum = word[0] as usize * 131 + second as usize * 29 + word[last] as usize * 11;
        (sum + word.len() * 3) & 255
    }

    /// Whether the list holds a word.
    #[inline]
    pub(super) fn has(&self, word: &[u8]) -> bool {
        if word.is_empty() {
            return false;
        }
        let bit = Self::bit(word);
        self.bloom[bit >> 6] >> (bit & 63) & 1 != 0
            && self
                .words
                .binary_search_by(|it| it.as_bytes().cmp(word))
                .is_ok()
    }

    /// The words, for the test that they are in order.
    #[cfg(test)]
    pub(super) fn words(&self) -> &'static [&'static str] {
        self.words
    }
}

/// How far before a candidate words count.
pub(super) const BEFORE: usize = 64;
/// How far behind a candidate words count.
pub(super) const AFTER: usize = 32;
const LONGEST: usize = 20;

/// Calls `seen` with each word of letters in `text[from..to]`, in lower case, and its start; stops
/// when it answers false. `cardNumber` is two words; words longer than twenty letters are none.
pub(super) fn words(
    text: &[u8],
    from: usize,
    to: usize,
    mut seen: impl FnMut(&[u8], usize) -> bool,
) {
    let to = to.min(text.len());
    let mut at = from;
    // A window must not begin inside a word: `order` cut to `der` would be another word.
    if from > 0 && get(text, from - 1).is_ascii_alphabetic() {
        while at < to && text[at].is_ascii_alphabetic() {
            at += 1;
        }
    }
    while at < to {
        if !text[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let start = at;
        let mut word = [0; LONGEST];
        while at < to && text[at].is_ascii_alphabetic() {
            let camel =
                at > start && text[at].is_ascii_uppercase() && text[at - 1].is_ascii_lowercase();
            if camel {
                break;
            }
            if let Some(to) = word.get_mut(at - start) {
                *to = text[at].to_ascii_lowercase();
            }
            at += 1;
        }
        let length = at - start;
        if length <= LONGEST && !seen(&word[..length], start) {
            return;
        }
    }
}

/// Whether one of the words of `list` (sorted, lower case) stands in `text[from..to]`.
pub(super) fn any(text: &[u8], from: usize, to: usize, list: &List, work: &mut u64) -> bool {
    let mut found = false;
    *work += to.saturating_sub(from) as u64;
    words(text, from, to, |word, _| {
        found = list.has(word);
        !found
    });
    found
}

/// Whether one of the words of `list` stands near `start..end`, on either side.
pub(super) fn near(text: &[u8], start: usize, end: usize, list: &List, work: &mut u64) -> bool {
    any(text, start.saturating_sub(BEFORE), start, list, work)
        || any(text, end, (end + AFTER).min(text.len()), list, work)
}

/// Whether one of the last `most` words before `start` is in `list`.
pub(super) fn just_before(
    text: &[u8],
    start: usize,
    most: usize,
    list: &List,
    work: &mut u64,
) -> bool {
    let from = start.saturating_sub(BEFORE);
    *work += (start - from) as u64;
    let mut seen = [false; 32];
    let mut count = 0;
    words(text, from, start, |word, _| {
        seen[count % 32] = list.has(word);
        count += 1;
        true
    });
    (count.saturating_sub(most)..count).any(|at| seen[at % 32])
}

/// Whether the first word behind `end`, in the same phrase, is in `list`.
pub(super) fn just_after(text: &[u8], end: usize, list: &List, work: &mut u64) -> bool {
    let to = (end + 16).min(text.len());
    *work += 16;
    let mut found = false;
    words(text, end, to, |word, _| {
        found = list.has(word);
        false
    });
    found
}

/// Whether `start..end` is part of a name in a program or of a file: `load_diabetes`, `cancer.csv`,
/// `NDA_DST`, `datasets/asthma`. A hyphen joins words of a language, too.
pub(super) fn is_identifier(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |byte: u8| matches!(byte, b'_' | b'/' | b'\\' | b'$');
    let (ahead, behind) = (before(text, start, 1), get(text, end));
    let named = |at: usize| get(text, at).is_ascii_alphanumeric();
    joins(ahead)
        || joins(behind) && named(end + 1)
        || ahead == b'.' && before(text, start, 2).is_ascii_alphanumeric()
        || behind == b'.' && get(text, end + 1).is_ascii_lowercase()
        || behind == b'('
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, from: usize) -> Vec<String> {
        let mut list = Vec::new();
        words(text.as_bytes(), from, text.len(), |word, _| {
            list.push(String::from_utf8_lossy(word).into_owned());
            true
        });
        list
    }

    #[test]
    fn words_are_split_at_humps_and_marks() {
        assert_eq!(
            all("cardNumber: CC_no-ID", 0),
            ["card", "number", "cc", "no", "id"]
        );
        assert_eq!(all("preorder now", 3), ["now"]);
    }

    #[test]
    fn only_the_last_words_are_just_before() {
        let text = b"order of the card 4111";
        assert!(just_before(text, 18, 2, &List::new(&["card"]), &mut 0));
        assert!(!just_before(text, 18, 2, &List::new(&["order"]), &mut 0));
    }
}
