//! What an engine says about its own load, in one word.
//!
//! Requests in flight are ours alone; an engine that other gateways use as well may be full while we
//! count none. What it says is told with how long it holds: when nobody asks it any more (the
//! housekeeper died, the engine does not answer) it is forgotten instead of believed for ever.

use crate::types::Now;

/// Stamps count in units of 16 ms: 32 bits of them last two years, and differences are taken modulo
/// that.
const STAMP_SHIFT: u32 = 4;
/// Longest time for which a word may hold.
const LONGEST_MS: u64 = 1 << 30;

const MOST_WAITING: u64 = (1 << 20) - 1;
const THOUSAND: u64 = 1_000;
/// In place of a cache whose use is unknown.
const NO_CACHE: u64 = (1 << 11) - 1;
/// Set in every word that says something.
const KNOWN: u64 = 1 << 63;

/// What an engine reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineLoad {
    /// Requests that wait inside the engine, its parts summed.
    pub waiting: u32,
    /// How much of its memory for contexts is taken, in thousandths.
    pub cache: Option<u16>,
}

impl EngineLoad {
    /// The word that says this for `holds_ms` from now on.
    pub(super) fn word(self, holds_ms: u64, now: Now) -> u64 {
        let waiting = u64::from(self.waiting).min(MOST_WAITING);
        let cache = self
            .cache
            .map_or(NO_CACHE, |cache| u64::from(cache).min(THOUSAND));
        let end = stamp(now.mono_ms() + holds_ms.min(LONGEST_MS));
        KNOWN | cache << 52 | waiting << 32 | u64::from(end)
    }

    /// What a word says now.
    pub(super) fn of(word: u64, now: Now) -> Option<Self> {
        let left = (word as u32).wrapping_sub(stamp(now.mono_ms())) as i32;
        let cache = word >> 52 & NO_CACHE;
        (word & KNOWN != 0 && left > 0).then(|| Self {
            waiting: (word >> 32 & MOST_WAITING) as u32,
            cache: (cache != NO_CACHE).then_some(cache as u16),
        })
    }
}

fn stamp(mono_ms: u64) -> u32 {
    (mono_ms >> STAMP_SHIFT) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Now {
        Now {
            mono_ns: ms * 1_000_000,
            wall_ns: 0,
        }
    }

    #[test]
    fn it_holds_for_its_time() {
        let load = EngineLoad {
            waiting: 7,
            cache: None,
        };
        let word = load.word(30_000, at(1_000));
        assert_eq!(EngineLoad::of(word, at(1_000)), Some(load));
        assert_eq!(EngineLoad::of(word, at(30_900)), Some(load));
        assert_eq!(EngineLoad::of(word, at(31_000)), None);
        assert_eq!(EngineLoad::of(word, at(9_000_000)), None);
        assert_eq!(EngineLoad::of(0, at(0)), None);
    }

    proptest! {
        #[test]
        fn what_is_told_is_read(waiting: u32, cache in prop::option::of(any::<u16>()), ms in 0_u64..1 << 43, holds in 32_u64..u64::MAX) {
            let read = EngineLoad::of(EngineLoad { waiting, cache }.word(holds, at(ms)), at(ms)).unwrap();
            prop_assert_eq!(u64::from(read.waiting), u64::from(waiting).min(MOST_WAITING));
            prop_assert_eq!(read.cache, cache.map(|cache| cache.min(1_000)));
        }
    }
}
