//! What can be found, what it is called, and how sensitive each kind is.

use crate::types::Level;

/// A kind of sensitive text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Entity {
    /// Number of a payment card.
    Card = 0,
    /// US social security number.
    Ssn = 1,
    /// International bank account number.
    Iban = 2,
    /// Number of a passport, near a word for it.
    Passport = 3,
    /// Words of diagnoses, treatments and medical records.
    Medical = 4,
    /// A private key in a text form.
    PrivateKey = 5,
    /// Words that mark a text as confidential.
    Confidential = 6,
    /// API keys and access tokens.
    ApiKey = 7,
    /// Electronic mail address.
    Email = 8,
    /// Telephone number.
    Phone = 9,
    /// Internet address of a machine.
    Ip = 10,
    /// A pattern of the configuration.
    User = 11,
    /// A password, or an address or a setting that holds one.
    Credential = 12,
    /// A number that manuals print as an example.
    TestNumber = 13,
}

/// How the kinds that are everywhere (addresses, telephone numbers) are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// They are counted, and public.
    #[default]
    Standard,
    /// They are internal.
    Strict,
}

impl Profile {
    /// The profile of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "standard" => Some(Self::Standard),
            "strict" => Some(Self::Strict),
            _ => None,
        }
    }

    /// The name used in configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }
}

impl Entity {
    /// How many kinds there are.
    pub const COUNT: usize = 14;

    /// All kinds in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Card,
        Self::Ssn,
        Self::Iban,
        Self::Passport,
        Self::Medical,
        Self::PrivateKey,
        Self::Confidential,
        Self::ApiKey,
        Self::Email,
        Self::Phone,
        Self::Ip,
        Self::User,
        Self::Credential,
        Self::TestNumber,
    ];

    /// The name used in configuration, headers and journals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Ssn => "ssn",
            Self::Iban => "iban",
            Self::Passport => "passport",
            Self::Medical => "medical",
            Self::PrivateKey => "private_key",
            Self::Confidential => "confidential",
            Self::ApiKey => "api_key",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Ip => "ip",
            Self::User => "user",
            Self::Credential => "credential",
            Self::TestNumber => "test_number",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// How sensitive it is unless the configuration says otherwise. Patterns of the configuration
    /// state their own.
    pub fn default_level(self, profile: Profile) -> Level {
        match self {
            Self::Card
            | Self::Ssn
            | Self::Iban
            | Self::Passport
            | Self::Medical
            | Self::PrivateKey => Level::Regulated,
            Self::Confidential | Self::ApiKey | Self::Credential => Level::Internal,
            Self::Email | Self::Phone | Self::Ip => match profile {
                Profile::Standard => Level::Public,
                Profile::Strict => Level::Internal,
            },
            // The number of a test card is no one's, except where everything that looks like one counts.
            Self::TestNumber => match profile {
                Profile::Standard => Level::Public,
                Profile::Strict => Level::Regulated,
            },
            Self::User => Level::Public,
        }
    }
}
