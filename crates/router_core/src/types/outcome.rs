//! What became of one attempt, and what that means for the deployment that made it.
//!
//! The breaker, the retry policy, the metrics and the journal all read the same value, so what
//! counts against a deployment and what may be tried elsewhere is settled here, as data.

/// What the breaker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The deployment works.
    Success,
    /// The deployment is broken.
    Hard,
    /// The deployment sheds load: it works, but not for us now.
    Throttle,
    /// The credential does not work; the deployment's health is unknown.
    Credential,
    /// The deployment works, but is not what it is configured to be.
    Misfit,
    /// Says nothing about the deployment.
    Neutral,
}

macro_rules! outcomes {
    ($($(#[$doc:meta])* $variant:ident = $value:literal, $name:literal, $signal:ident, $elsewhere:literal;)+) => {
        /// The end of one attempt. Numbers are on disk (journal) and in Python; never reuse one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Outcome { $($(#[$doc])* $variant = $value,)+ }

        impl Outcome {
            /// All outcomes in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in metrics, journals and the Python mirror.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the breaker is told.
            pub fn signal(self) -> Signal {
                match self { $(Self::$variant => Signal::$signal,)+ }
            }

            /// Whether another deployment may be tried, provided that no content was sent.
            pub fn elsewhere(self) -> bool {
                match self { $(Self::$variant => $elsewhere,)+ }
            }
        }
    };
}

outcomes! {
    /// A complete answer.
    Success = 0, "SUCCESS", Success, false;
    /// DNS, connect or TLS failed: nothing was sent.
    ConnectFailed = 1, "CONNECT_FAILED", Hard, true;
    /// The connection closed before a response head.
    Reset = 2, "RESET", Hard, true;
    /// 500, 502, 503, 504 or 529.
    ServerError = 3, "SERVER_ERROR", Hard, true;
    /// No content within the first-token timeout.
    FirstTokenTimeout = 4, "FIRST_TOKEN_TIMEOUT", Hard, true;
    /// Silence in the middle of an answer.
    Stalled = 5, "STALLED", Hard, false;
    /// The answer ended without its terminal event or short of its declared length.
    Truncated = 6, "TRUNCATED", Hard, true;
    /// An error event inside a 200 answer.
    StreamError = 7, "STREAM_ERROR", Hard, true;
    /// 429: the deployment cools until its Retry-After.
    Throttled = 8, "THROTTLED", Throttle, true;
    /// 402, or another status that means money.
    OutOfCredit = 9, "OUT_OF_CREDIT", Credential, true;
    /// The upstream refused the key: 401, or another status with a code that says so.
    CredentialRejected = 10, "CREDENTIAL_REJECTED", Credential, true;
    /// The upstream refused the request itself (400, 404, 413, 422…).
    RequestRejected = 11, "REQUEST_REJECTED", Neutral, false;
    /// The prompt does not fit: only context fallbacks may be tried.
    ContextExceeded = 12, "CONTEXT_EXCEEDED", Neutral, true;
    /// The upstream's content filter refused.
    ContentFiltered = 13, "CONTENT_FILTERED", Neutral, false;
    /// The client went away.
    Cancelled = 14, "CANCELLED", Neutral, false;
    /// Our own fault: out of file descriptors, a bug.
    LocalFault = 15, "LOCAL_FAULT", Neutral, false;
    /// The connected address lies beyond the ceiling of the request.
    BoundaryRefused = 16, "BOUNDARY_REFUSED", Neutral, true;
    /// The time for the whole answer ran out.
    TotalTimeout = 17, "TOTAL_TIMEOUT", Hard, false;
    /// Not HTTP, or not the JSON that was promised.
    Malformed = 18, "MALFORMED", Hard, true;
    /// We are stopping.
    Draining = 19, "DRAINING", Neutral, false;
    /// The client's own time limit ran out: nobody else is to blame, or to be asked.
    ClientTimeout = 20, "CLIENT_TIMEOUT", Neutral, false;
    /// This deployment does not take this request (a firewall's 403, more than its quota admits at once);
    /// it says nothing of other requests, and others may take it.
    RefusedHere = 21, "REFUSED_HERE", Neutral, true;
    /// The upstream does not have the configured model, or does not serve what it is configured for.
    NotServed = 22, "NOT_SERVED", Misfit, true;
    /// The engine is loading the model: nothing is wrong, it only takes time.
    Loading = 23, "LOADING", Neutral, true;
}

impl Outcome {
    /// How many outcomes there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The outcome with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn numbers_are_positions() {
        for (position, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, position);
            assert_eq!(Outcome::from_u8(position as u8), Some(*outcome));
        }
        assert_eq!(Outcome::from_u8(Outcome::COUNT as u8), None);
    }
}
