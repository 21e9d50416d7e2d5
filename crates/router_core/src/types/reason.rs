//! Why a deployment was taken, passed over or not tried again, as codes.
//!
//! The path of a request carries only the code; the sentence is made when somebody asks for an
//! explanation. Codes appear in headers, logs and metrics: they are added, never renamed.
//! Their numbers are in the journal.

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $code:literal, $sentence:literal;)+) => {
        /// A step of a decision. Numbers are in the journal: never reuse one; 0 is none.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[$doc])* $variant = $number,)+ }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The reason with this number.
            pub fn from_u8(value: u8) -> Option<Self> {
                match value { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The stable code.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What the code means, for a person.
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence,)+ }
            }
        }
    };
}

reasons! {
    /// Taken first.
    Primary = 1, "primary", "The first choice of the model's strategy.";
    /// Taken after another one of the same group.
    Failover = 2, "failover", "Another deployment of the same group could not answer.";
    /// Taken from a later group or a fallback model.
    Fallback = 3, "fallback", "No deployment of an earlier group could answer.";
    /// Taken again.
    Retry = 4, "retry", "The same deployment again, after every other one was tried.";
    /// Taken because the prompt did not fit elsewhere.
    ContextFallback = 5, "context_fallback", "The prompt did not fit the deployment before.";
    /// Taken because an answer was not good enough.
    Escalation = 32, "escalation", "The answer of the deployment before was not good enough.";
    /// Taken although its breaker is open.
    Panic = 6, "panic", "Its breaker is open, but nothing else is left to try.";

    /// The deployment does not serve this endpoint.
    RouteUnsupported = 7, "route_unsupported", "The deployment does not serve this endpoint.";
    /// The request asks for another tier.
    TierExcluded = 8, "tier_excluded", "The request asks for another tier.";
    /// Too far for the request.
    BeyondCeiling = 9, "beyond_ceiling", "The deployment lies beyond the boundary that this request may reach.";
    /// Cannot be called at all.
    Unusable = 10, "unusable", "The deployment cannot be called as it is configured.";
    /// The prompt certainly does not fit.
    TooLong = 11, "too_long", "The prompt was counted and is longer than its context window.";
    /// The prompt likely does not fit.
    LikelyTooLong = 12, "likely_too_long", "The prompt is likely longer than its context window; it is asked last.";
    /// Requests of this class start here.
    StartsHere = 13, "starts_here", "Requests that look as hard as this one start in its tier.";
    /// The request switched fallbacks off.
    FallbackDisabled = 14, "fallback_disabled", "The request allows no fallback.";
    /// Embeddings of different models cannot be compared.
    OtherEmbeddingModel = 15, "other_embedding_model", "Embeddings of another model cannot be compared with the first choice's.";
    /// The same deployment under the same name stands earlier.
    Duplicate = 16, "duplicate", "The same deployment already stands earlier in the order.";

    /// Open after failures.
    BreakerOpen = 17, "breaker_open", "Its breaker is open after failures.";
    /// Half open with its probe under way.
    ProbeBusy = 18, "probe_busy", "Its breaker is half open and the one probe is under way.";
    /// Recovering, and not this request's turn.
    Ramping = 19, "ramping", "It is recovering and takes only a share of the traffic.";
    /// Told us to wait.
    Cooling = 20, "cooling", "It asked to wait (Retry-After), and refuses most requests.";
    /// Its credential was refused.
    CredentialDisabled = 21, "credential_disabled", "Its credential was refused by two requests and rests.";
    /// Its account has nothing left.
    OutOfCredit = 22, "out_of_credit", "Its account is out of credit, as two requests found, and rests.";
    /// As many requests in flight as allowed.
    Saturated = 23, "saturated", "It has as many requests in flight as its max_parallel allows.";

    /// The outcome ends the request.
    NotRetryable = 24, "not_retryable", "The outcome is final: another deployment would not help or must not be tried.";
    /// No attempt is left.
    MaxAttempts = 25, "max_attempts", "The request has used all of its attempts.";
    /// Too many further attempts on this host.
    RetryBudget = 26, "retry_budget", "This host has as many further attempts under way as its retry budget allows.";
    /// No time is left.
    Deadline = 27, "deadline", "The time that the client gave is over.";
    /// Everything was tried or is down.
    NoneLeft = 28, "none_left", "No deployment is left that may be tried.";
    /// Nothing larger is configured.
    ContextExceeded = 29, "context_exceeded", "The prompt did not fit and no usable context fallback is configured.";
    /// An attempt could not be recorded.
    JournalFull = 30, "journal_full", "The next attempt could not be recorded, so it was not made.";
    /// The request was already settled.
    Settled = 31, "settled", "The request has already ended.";
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn codes_are_unique_and_words() {
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        assert!(codes.iter().all(|code| code
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
    }
}
