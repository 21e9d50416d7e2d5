//! A number as people write it: groups of digits with something between them.
//!
//! Read from one group on and only as far as the longest identifier reaches, so the work per group
//! is bounded however long the row of groups is. A joint directly between two digits joins them:
//! it is the place where a client's text was split, not a separator that someone wrote.

use super::bytes::{get, is_separator};
use super::JOINT;

/// More digits than any identifier here has.
const MOST_DIGITS: usize = 24;
const MOST_GROUPS: usize = 20;
/// `) - ` is the widest separator that people write.
const WIDEST: usize = 3;

/// The groups from one position on.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    /// How many groups.
    pub(super) count: usize,
    /// Digits of all groups, as values 0 to 9.
    digits: [u8; MOST_DIGITS],
    total: usize,
    lengths: [u8; MOST_GROUPS],
    ends: [usize; MOST_GROUPS],
    separators: [u8; MOST_GROUPS],
    /// The first group (counted from 1) that is joined from two sides of a joint; 0 for none.
    joined: usize,
    /// Bytes looked at.
    pub(super) work: usize,
}

/// The separator between the lines of one number.
pub(super) const LINE: u8 = b'\n';

impl Groups {
    /// Reads the groups that begin with the digit at `start`.
    pub(super) fn read(text: &[u8], start: usize) -> Self {
        let mut groups = Self {
            count: 0,
            digits: [0; MOST_DIGITS],
            total: 0,
            lengths: [0; MOST_GROUPS],
            ends: [0; MOST_GROUPS],
            separators: [0; MOST_GROUPS],
            joined: 0,
            work: 0,
        };
        let mut at = start;
        loop {
            let before = groups.total;
            while groups.total < MOST_DIGITS {
                let byte = get(text, at);
                if byte.is_ascii_digit() {
                    groups.digits[groups.total] = byte - b'0';
                    groups.total += 1;
                } else if byte != JOINT || !get(text, at + 1).is_ascii_digit() {
                    break;
                } else if groups.joined == 0 {
                    groups.joined = groups.count + 1;
                }
                at += 1;
            }
            if get(text, at).is_ascii_digit() {
                // Too long: the last group is cut and belongs to nothing.
                groups.total = before;
                break;
            }
            let count = groups.count;
            groups.lengths[count] = (groups.total - before) as u8;
            groups.ends[count] = at;
            groups.count += 1;
            let Some((next, class)) = separator(text, at) else {
                break;
            };
            groups.separators[count] = class;
            if groups.count == MOST_GROUPS {
                break;
            }
            at = next;
        }
        groups.work = at - start + WIDEST;
        groups
    }

    /// Digits of all groups together.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// How long the first `count` groups are.
    pub(super) fn lengths(&self, count: usize) -> &[u8] {
        &self.lengths[..count.min(self.count)]
    }

    /// What stands between the first `count` groups.
    pub(super) fn separators(&self, count: usize) -> &[u8] {
        &self.separators[..count.min(self.count).saturating_sub(1)]
    }

    /// What stands behind group `index` and before another digit; 0 for nothing.
    pub(super) fn separator_after(&self, index: usize) -> u8 {
        self.separators[index.min(MOST_GROUPS - 1)]
    }

    /// The digits of the first `count` groups.
    pub(super) fn digits(&self, count: usize) -> &[u8] {
        let total: usize = self.lengths(count).iter().map(|it| usize::from(*it)).sum();
        &self.digits[..total]
    }

    /// One past the last byte of the first `count` groups (at least one).
    pub(super) fn end(&self, count: usize) -> usize {
        self.ends[count.clamp(1, self.count.max(1)) - 1]
    }

    /// Whether the same separator stands between the first `count` groups. A line break counts as
    /// the space that it replaced, and a place where a client split its text as anything.
    pub(super) fn uniform(&self, count: usize) -> bool {
        let mut kind = 0;
        for separator in self.separators(count) {
            match *separator {
                JOINT => {}
                LINE if kind == b' ' => {}
                b' ' if kind == LINE => kind = b' ',
                other if kind == 0 || kind == other => kind = other,
                _ => return false,
            }
        }
        true
    }

    /// Whether a client's text was split between the first `count` groups.
    pub(super) fn is_split(&self, count: usize) -> bool {
        self.separators(count).contains(&JOINT) || (1..=count).contains(&self.joined)
    }
}

/// What stands at `at` between two groups: where the next group begins, and its kind, which is the
/// joint if there is one, else the first byte that is no space.
fn separator(text: &[u8], at: usize) -> Option<(usize, u8)> {
    let mut class = 0;
    let mut next = at;
    while next - at < WIDEST && is_separator(get(text, next)) {
        let byte = match text[next] {
            b'\t' => b' ',
            b'\r' => LINE,
            byte => byte,
        };
        if byte == JOINT || class == 0 || (class == b' ' && byte != b' ') {
            class = if class == JOINT { JOINT } else { byte };
        }
        next += 1;
    }
    (next > at && get(text, next).is_ascii_digit()).then_some((next, class))
}

/// The group before `start` in the same row: its length, and the separator. Looks back at most a
/// handful of bytes.
pub(super) fn previous(text: &[u8], start: usize) -> Option<(usize, u8)> {
    let separator = match start.checked_sub(1).map(|it| get(text, it)) {
        Some(byte) if is_separator(byte) => byte,
        _ => return None,
    };
    let mut at = start - 1;
    while at > 0 && start - at < 8 && text[at - 1].is_ascii_digit() {
        at -= 1;
    }
    let length = start - 1 - at;
    let separator = match separator {
        b'\t' => b' ',
        b'\r' => LINE,
        other => other,
    };
    (length > 0).then_some((length, separator))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_with_their_separators() {
        let groups = Groups::read(b"4111 1111\x1f11-22", 0);
        assert_eq!(groups.lengths(9), [4, 6, 2]);
        assert_eq!(groups.separators(9), [b' ', b'-']);
        assert_eq!(groups.total(), 12);
        assert_eq!(groups.end(2), 12);
        assert!(!groups.uniform(3));
        let groups = Groups::read(b"(555) 123-4567", 1);
        assert_eq!(groups.lengths(9), [3, 3, 4]);
        assert_eq!(groups.separators(9), [b')', b'-']);
    }

    #[test]
    fn what_is_too_long_is_cut_at_a_group() {
        let groups = Groups::read(b"123456789012345678901234567890", 0);
        assert_eq!((groups.total(), groups.count), (0, 0));
        let groups = Groups::read(b"1234 123456789012345678901234567890", 0);
        assert_eq!((groups.total(), groups.count), (4, 1));
    }

    #[test]
    fn the_group_before_is_seen() {
        assert_eq!(previous(b"12 34", 3), Some((2, b' ')));
        assert_eq!(previous(b"a 34", 2), None);
        assert_eq!(previous(b"34", 0), None);
    }
}
