//! The pass over all bytes of a text: masks, cues, recognizers.
//!
//! A block of 64 bytes becomes bit masks; what is set in them is a cue, and each cue is handed to the
//! recognizers that start from it. It only moves forward. What the pass knows and reports stands in
//! [`Pass`], which the recognizers are given.

use super::bytes::{after_escape, before, digits_end, get, is_control, is_mixed, is_separator};
use super::entity::Entity;
use super::groups::Groups;
use super::masks::{masks, suspects};
use super::pass::Pass;
use super::recognizers::{self, columns};
use super::shadow::{self, Plan};
use super::words::{Hit, Words};
use super::JOINT;
use crate::json::blocks::BLOCK;

/// From this many letters and digits in a row on, a token may be a secret or an encoded text.
const LONG_RUN: usize = 12;

/// A block and what the first letters of a word at its end reach into.
const WINDOW: usize = BLOCK + 4;

impl Pass<'_, '_> {
    /// Runs over the whole text. Places that look disguised are left in `plan`.
    pub(super) fn run(&mut self, words: &Words, plan: &mut Plan) {
        let text = self.text;
        let mut state = Carry::default();
        let mut base = 0;
        while base < text.len() && !self.out.ended() {
            match text.get(base..).and_then(<[u8]>::first_chunk::<WINDOW>) {
                Some(window) => self.block(window, base, &mut state, words, plan),
                None => {
                    let rest = &text[base..];
                    let mut window = [0; WINDOW];
                    window[..rest.len()].copy_from_slice(rest);
                    self.block(&window, base, &mut state, words, plan);
                }
            }
            base += BLOCK;
        }
        self.out.work += base.min(text.len()) as u64;
    }

    #[inline(always)]
    fn block(
        &mut self,
        window: &[u8; WINDOW],
        base: usize,
        carry: &mut Carry,
        words: &Words,
        plan: &mut Plan,
    ) {
        let text = self.text;
        let Some(block) = window.first_chunk::<BLOCK>() else {
            return;
        };
        let found = masks(block, carry.digit);
        let alnum = found.alnum;
        let mut starts = alnum & !(alnum << 1 | u64::from(carry.run > 0));
        if found.mark != 0 || carry.escape {
            starts |= self.marks(found.mark, alnum, base, carry, plan);
        }
        // Literals have at least three letters; in the last two places the next block decides.
        let words_at = starts & (alnum >> 1 | 1 << 63) & (alnum >> 2 | 3 << 62);
        let mut hits = likely_words(window, words_at, words);
        while hits != 0 {
            let at = hits.trailing_zeros() as usize;
            hits &= hits - 1;
            let mut hit = None;
            words.at(text, base + at, &mut self.out.work, |it| hit = Some(it));
            if let Some(hit) = hit {
                self.word(&hit);
            }
        }
        let joined = carry.run > 0;
        let mut runs = found.digit & !(found.digit << 1 | u64::from(carry.digit));
        while runs != 0 {
            let at = runs.trailing_zeros() as usize;
            runs &= runs - 1;
            if base + at >= self.consumed {
                self.digits(base + at, plan);
            }
        }
        carry.digit = found.digit >> 63 == 1;
        self.long_runs(alnum, base, carry, plan);
        if found.wide {
            let mut at = suspects(block, alnum, joined);
            while at != 0 {
                let place = base + at.trailing_zeros() as usize;
                at &= at - 1;
                if plan.folds && shadow::is_disguise(text, place) {
                    plan.region(text, place);
                }
            }
        }
    }

    /// Handles `@` and escapes; answers where words begin behind the letter of an escape.
    #[cold]
    fn marks(
        &mut self,
        mut marks: u64,
        alnum: u64,
        base: usize,
        carry: &mut Carry,
        plan: &mut Plan,
    ) -> u64 {
        let text = self.text;
        let mut begins = 0;
        if carry.escape {
            for bit in 0..2 {
                if after_escape(text, base + bit) {
                    begins |= alnum & 1 << bit;
                }
            }
        }
        carry.escape = false;
        while marks != 0 {
            let at = marks.trailing_zeros() as usize;
            marks &= marks - 1;
            match get(text, base + at) {
                b'@' => recognizers::email::find(self, base + at),
                byte if is_control(byte) => {
                    if plan.folds && shadow::is_hidden(text, base + at) {
                        plan.region(text, base + at);
                    }
                }
                byte => {
                    if byte == b'\\' {
                        match at {
                            0..=61 if after_escape(text, base + at + 2) => {
                                begins |= alnum & 1 << (at + 2);
                            }
                            // What follows the letter is in the next block.
                            62 | 63 => carry.escape = true,
                            _ => {}
                        }
                    }
                    if plan.folds && shadow::is_escape(text, base + at) {
                        plan.region(text, base + at);
                    }
                }
            }
        }
        begins
    }

    /// Finds the beginnings of runs of at least [`LONG_RUN`] letters and digits.
    #[inline(always)]
    fn long_runs(&mut self, alnum: u64, base: usize, carry: &mut Carry, plan: &mut Plan) {
        let leading = (!alnum).trailing_zeros() as usize;
        if carry.run > 0 && carry.run < LONG_RUN && carry.run + leading >= LONG_RUN {
            self.token(base - carry.run, plan);
        }
        let mut long = alnum & alnum >> 1;
        long &= long >> 2;
        long &= long >> 4;
        long &= long >> 4;
        if long != 0 {
            let mut starts = long & !(long << 1);
            if carry.run > 0 {
                starts &= !1;
            }
            while starts != 0 {
                let at = starts.trailing_zeros() as usize;
                starts &= starts - 1;
                self.token(base + at, plan);
            }
        }
        let trailing = (!alnum).leading_zeros() as usize;
        carry.run = if trailing == BLOCK {
            carry.run + BLOCK
        } else {
            trailing
        };
    }

    fn token(&mut self, start: usize, plan: &mut Plan) {
        // Plain words, which most long rows are, are neither keys nor encoded.
        if !is_mixed(self.text, start) {
            return;
        }
        if recognizers::passport::find_zone(self, start) {
            return;
        }
        recognizers::api_key::find_token(self, start);
        if plan.decodes {
            plan.token(self.text, start, &mut self.out.work);
        }
    }

    fn word(&mut self, hit: &Hit) {
        match hit.entity {
            Entity::Passport => {
                columns::find(self, hit);
                recognizers::passport::find(self, hit);
            }
            Entity::Medical => recognizers::medical::find(self, hit),
            Entity::Confidential => recognizers::confidential::find(self, hit),
            Entity::ApiKey => recognizers::api_key::find(self, hit),
            Entity::PrivateKey => recognizers::private_key::find(self, hit),
            Entity::Credential => {
                columns::find(self, hit);
                recognizers::credential::find(self, hit);
            }
            Entity::Ssn => columns::find(self, hit),
            _ => {}
        }
    }

    /// A group of digits begins at `start`.
    fn digits(&mut self, start: usize, plan: &mut Plan) {
        let text = self.text;
        let end = digits_end(text, start, 40);
        self.out.work += (end - start) as u64;
        if recognizers::iban::find(self, start) {
            return;
        }
        let length = end - start;
        let next = get(text, end);
        match next {
            b'.' if length <= 3 && recognizers::ip::find_v4(self, start) => return,
            b':' if recognizers::credential::find_bot(self, start, end) => return,
            b':' | b'a'..=b'f' | b'A'..=b'F' if recognizers::ip::find_v6(self, start) => return,
            _ if get(text, start.wrapping_sub(1)) == b':'
                && recognizers::ip::find_v6(self, start) =>
            {
                return
            }
            _ => {}
        }
        if length == 2 && plan.decodes {
            plan.pairs(text, start, &mut self.out.work);
        }
        if length == 4 && recognizers::spread::find(self, start) {
            return;
        }
        let more = is_separator(next);
        if length > 19 || (length < 7 && !(more && digit_follows(text, end))) {
            return;
        }
        // Nothing begins with a short group in the middle of a row of groups.
        if length < 4 && more && is_in_row(text, start, next) && self.consumed + 3 < start {
            return;
        }
        let groups = Groups::read(text, start);
        self.out.work += groups.work as u64;
        let total = groups.total();
        if total < 7 {
            return;
        }
        if (total >= 12 && recognizers::card::find(self, start, &groups))
            || (total >= 9 && recognizers::ssn::find(self, start, &groups))
        {
            return;
        }
        recognizers::phone::find(self, start, &groups);
    }
}

/// Whether a digit stands behind at most three separators.
fn digit_follows(text: &[u8], end: usize) -> bool {
    (1..=3).any(|skip| get(text, end + skip).is_ascii_digit())
}

/// Whether the same separator and another digit stand before `start`.
fn is_in_row(text: &[u8], start: usize, separator: u8) -> bool {
    separator != JOINT
        && before(text, start, 1) == separator
        && before(text, start, 2).is_ascii_digit()
}

/// Which of the places in `starts` pass the bitmap of words. Four at a time and without a branch
/// on the answer: the number of words in a block is never the same, and a guess that the processor
/// gets wrong costs more than a look-up.
#[inline(always)]
fn likely_words(window: &[u8; WINDOW], starts: u64, words: &Words) -> u64 {
    let mut hits = 0;
    let mut rest = starts;
    while rest != 0 {
        for _ in 0..4 {
            // When nothing is left this looks at place 0, which the mask below removes again.
            let at = (rest.trailing_zeros() & 63) as usize;
            rest &= rest.wrapping_sub(1);
            let four = [window[at], window[at + 1], window[at + 2], window[at + 3]];
            hits |= u64::from(words.may_start(u32::from_le_bytes(four))) << at;
        }
    }
    hits & starts
}

/// What one block must know of the one before.
#[derive(Default)]
struct Carry {
    /// Letters and digits at its end.
    run: usize,
    /// Whether it ended with a digit.
    digit: bool,
    /// Whether an escape stood in its last two bytes.
    escape: bool,
}
