//! Why a request was answered by the gateway itself, as codes for the journal.

macro_rules! refusals {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $code:literal;)+) => {
        /// Why no attempt was made. Numbers are in the journal: never reuse one; 0 is none.
        ///
        /// Up to [`Refusal::LAST_AFTER`] the request was read and whoever asks was known; beyond it the
        /// request never came that far, so that anybody on the network can cause such a refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Refusal { $($(#[$doc])* $variant = $number,)+ }

        impl Refusal {
            /// All refusals in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The refusal with this number.
            pub fn from_u8(value: u8) -> Option<Self> {
                match value { $($number => Some(Self::$variant),)+ _ => None }
            }

            /// The stable code; those of a decision are the codes of its errors.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

refusals! {
    /// No deployment of the model serves this kind of request.
    NoCandidate = 1, "no_candidate";
    /// Everything that could answer lies beyond the ceiling.
    PolicyDenied = 2, "policy_denied";
    /// The prompt is longer than any window.
    ContextLengthExceeded = 3, "context_length_exceeded";
    /// Everything that may answer is down.
    AllUnavailable = 4, "all_unavailable";
    /// The model cannot be called as it is configured.
    Misconfigured = 5, "misconfigured";
    /// The gateway's own credential was refused.
    UpstreamAuth = 6, "upstream_auth";
    /// The account behind the deployments has nothing left.
    UpstreamQuota = 7, "upstream_quota";

    /// No key, or an unknown one.
    BadKey = 64, "invalid_api_key";
    /// The body, a header or a hint is wrong.
    BadRequest = 65, "bad_request";
    /// There is no such model.
    UnknownModel = 66, "model_not_found";
    /// There is no such page, or not by this method.
    UnknownPage = 67, "not_found";
    /// The body is larger than allowed.
    TooLarge = 68, "request_too_large";
    /// The gateway takes nothing more at present.
    Overloaded = 69, "overloaded";
    /// The origin or the host that the client names is not allowed.
    Forbidden = 70, "forbidden";
    /// Anything else before a decision.
    Other = 71, "other";
}

impl Refusal {
    /// The highest number of a refusal after admission.
    pub const LAST_AFTER: u8 = 63;

    /// What an error with this code, answered with this status, is counted as.
    pub fn of(code: &str, status: u16) -> Self {
        let admitted = Self::ALL.iter().take_while(|one| one.is_after_admission());
        if let Some(known) = admitted.copied().find(|one| one.code() == code) {
            return known;
        }
        match code {
            "missing_api_key" | "invalid_api_key" => Self::BadKey,
            "model_not_found" => Self::UnknownModel,
            "unknown_url" | "method_not_allowed" | "upgrade_required" => Self::UnknownPage,
            "request_too_large" | "headers_too_large" => Self::TooLarge,
            "overloaded" | "draining" | "not_ready" | "journal_full" => Self::Overloaded,
            "forbidden_host" | "forbidden_origin" => Self::Forbidden,
            _ if (400..500).contains(&status) => Self::BadRequest,
            _ => Self::Other,
        }
    }

    /// Whether the request had been read and the principal was known.
    pub fn is_after_admission(self) -> bool {
        self as u8 <= Self::LAST_AFTER
    }
}
