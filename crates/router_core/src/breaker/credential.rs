//! When a credential rests.
//!
//! One answer that speaks of a key may be about its own request alone: a model that the key may not use, a
//! request that costs more than is left, a stray answer of a proxy. So the first one leaves a mark that
//! holds as long as the rest would; the credential rests when a second request meets the same, or a probe
//! does. After the rest the mark still stands, so one request is enough to begin the next. A success
//! wipes it: the credential works.

use super::Why;

const REQUEST_BITS: u32 = 18;
const CREDIT: u64 = 1 << REQUEST_BITS;
const TIME_SHIFT: u32 = 20;

/// The word: until when (44 bits, milliseconds), whether credit was missing, and which request said so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) until_ms: u64,
    pub(super) credit: bool,
    request: u64,
}

impl Mark {
    pub(super) fn new(until_ms: u64, credit: bool, request: u64) -> Self {
        Self {
            until_ms: until_ms.min(super::word::MAX_AT),
            credit,
            request: fingerprint(request),
        }
    }

    pub(super) fn unpack(word: u64) -> Self {
        Self {
            until_ms: word >> TIME_SHIFT,
            credit: word & CREDIT != 0,
            request: word & (CREDIT - 1),
        }
    }

    pub(super) fn pack(self) -> u64 {
        self.until_ms << TIME_SHIFT | if self.credit { CREDIT } else { 0 } | self.request
    }

    /// Whether another request left this mark, and not too long ago.
    pub(super) fn confirms(self, request: u64, now_ms: u64) -> bool {
        now_ms < self.until_ms && self.request != fingerprint(request)
    }

    /// Why requests are refused while the credential rests.
    pub(super) fn why(self) -> Why {
        if self.credit {
            Why::Credit
        } else {
            Why::Credential
        }
    }
}

/// Two requests in a quarter of a million look like one; then a third one confirms.
fn fingerprint(request: u64) -> u64 {
    request.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - REQUEST_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_word_survives(word: u64) {
            let known = word & !(1 << (REQUEST_BITS + 1));
            prop_assert_eq!(Mark::unpack(known).pack(), known);
        }

        #[test]
        fn a_request_never_confirms_itself(request: u64, until: u64, now: u64, credit: bool) {
            prop_assert!(!Mark::unpack(Mark::new(until, credit, request).pack()).confirms(request, now));
        }
    }
}
