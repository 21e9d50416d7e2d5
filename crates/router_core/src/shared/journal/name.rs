//! File names of segments: everything needed to sort and attribute a file without opening it.

use std::fmt;

/// `<instance>-<slot>-<epoch>-<segment>.journal`, fixed-width hexadecimal: names of one instance
/// sort by worker, then by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SegmentName {
    /// The gateway instance.
    pub instance: u64,
    /// The worker slot.
    pub slot: u16,
    /// How often the slot had been claimed.
    pub epoch: u32,
    /// The number of the segment within the epoch, from 0.
    pub segment: u32,
}

const SUFFIX: &str = ".journal";

impl fmt::Display for SegmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            instance,
            slot,
            epoch,
            segment,
        } = self;
        write!(
            formatter,
            "{instance:016x}-{slot:04x}-{epoch:08x}-{segment:08x}{SUFFIX}"
        )
    }
}

impl SegmentName {
    /// Reads a name back; `None` for any text that `Display` would not write.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.strip_suffix(SUFFIX)?.split('-');
        let mut next = |width: usize| {
            let part = parts.next().filter(|part| part.len() == width)?;
            let digits = part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            digits.then(|| u64::from_str_radix(part, 16).ok())?
        };
        let name = Self {
            instance: next(16)?,
            slot: next(4)?.try_into().ok()?,
            epoch: next(8)?.try_into().ok()?,
            segment: next(8)?.try_into().ok()?,
        };
        parts.next().is_none().then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::SegmentName;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_parse_back(instance: u64, slot: u16, epoch: u32, segment: u32) {
            let name = SegmentName { instance, slot, epoch, segment };
            prop_assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        }

        #[test]
        fn other_text_is_refused(text in "[0-9a-fA-F+-]{0,60}(\\.journal)?") {
            if let Some(name) = SegmentName::parse(&text) {
                prop_assert_eq!(name.to_string(), text);
            }
        }
    }
}
