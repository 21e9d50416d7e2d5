//! Where a member stands in a body: what a plan writes and an edit reads.

/// Where a parameter stands in a body: the key of a member, or that of an object and of a member in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPath {
    outer: Option<Box<str>>,
    key: Box<str>,
}

impl MemberPath {
    /// A member of the body.
    pub fn member(key: &str) -> Self {
        Self {
            outer: None,
            key: key.into(),
        }
    }

    /// From one or two keys; `None` for any other number.
    pub fn of(keys: &[String]) -> Option<Self> {
        match keys {
            [key] => Some(Self::member(key)),
            [outer, key] => Some(Self {
                outer: Some(outer.as_str().into()),
                key: key.as_str().into(),
            }),
            _ => None,
        }
    }

    /// The object that it stands in, unless that is the body.
    pub fn outer(&self) -> Option<&str> {
        self.outer.as_deref()
    }

    /// The key of the member itself.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// As clients read it: `options.num_predict`.
impl std::fmt::Display for MemberPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.outer {
            Some(outer) => write!(f, "{outer}.{}", self.key),
            None => f.write_str(&self.key),
        }
    }
}
