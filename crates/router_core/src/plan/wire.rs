//! The JSON form of a plan, exactly as the planner writes it.
//!
//! Unknown fields are errors: planner and crate ship together, so a field that this side does not
//! know is a mistake worth stopping for, not something to ignore. Raw JSON values (`defaults`,
//! `force`) keep their source text, because they are spliced into bodies byte for byte.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Strategy;
use crate::types::Route;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(
    bound = "B: DeserializeOwned + Default, P: DeserializeOwned + Default, C: DeserializeOwned"
)]
pub(super) struct Plan<B, P, C> {
    pub(super) generation: u64,
    #[serde(default)]
    pub(super) owned_keys: Vec<String>,
    #[serde(default)]
    pub(super) unheeded_keys: Vec<String>,
    pub(super) deployments: Vec<Deployment>,
    pub(super) models: Vec<Model>,
    #[serde(default)]
    pub(super) default_fallbacks: Vec<String>,
    #[serde(default)]
    pub(super) tiers: Vec<String>,
    #[serde(default)]
    pub(super) breaker: B,
    #[serde(default)]
    pub(super) complexity: Option<C>,
    #[serde(default)]
    pub(super) privacy: P,
    #[serde(default)]
    pub(super) retry: super::Retry,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deployment {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) model: String,
    pub(super) tier: String,
    pub(super) boundary: u8,
    #[serde(default = "one")]
    pub(super) weight: f64,
    #[serde(default)]
    pub(super) order: i64,
    #[serde(default)]
    pub(super) max_parallel: u32,
    #[serde(default = "all_routes")]
    pub(super) routes: Vec<u8>,
    #[serde(default)]
    pub(super) parameters: Pairs<Parameters>,
    #[serde(default)]
    pub(super) unknown: Pairs<Vec<String>>,
    #[serde(default)]
    pub(super) user_metadata: bool,
    #[serde(default)]
    pub(super) convert: Pairs<Vec<String>>,
    #[serde(default = "yes")]
    pub(super) ask_usage: bool,
    #[serde(default = "yes")]
    pub(super) splice: bool,
    #[serde(default)]
    pub(super) input_price: Option<f64>,
    #[serde(default)]
    pub(super) output_price: Option<f64>,
    #[serde(default)]
    pub(super) context_window: Option<u64>,
    #[serde(default)]
    pub(super) credential: u64,
    #[serde(default)]
    pub(super) engine: u64,
    #[serde(default)]
    pub(super) unusable: Option<String>,
}

/// One or two keys: of a member, or of an object and a member in it.
pub(super) type Keys = Vec<String>;

/// A deployment's rules for the parameters of one route, by the names that the route has for them.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parameters {
    #[serde(default)]
    pub(super) drops: Vec<Keys>,
    #[serde(default)]
    pub(super) replaced: Vec<Keys>,
    #[serde(default)]
    pub(super) defaults: Vec<(Keys, Box<RawValue>, Vec<Keys>)>,
    #[serde(default)]
    pub(super) force: Vec<(Keys, Box<RawValue>)>,
    #[serde(default)]
    pub(super) renames: Pairs<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    pub(super) name: String,
    #[serde(default)]
    pub(super) strategy: Strategy,
    pub(super) groups: Vec<Vec<u32>>,
    #[serde(default)]
    pub(super) fallbacks: Vec<String>,
    #[serde(default)]
    pub(super) context_fallbacks: Vec<String>,
    #[serde(default = "yes")]
    pub(super) default_fallbacks: bool,
    #[serde(default)]
    pub(super) retries: u32,
    #[serde(default)]
    pub(super) retries_by: super::RetriesBy,
    #[serde(default)]
    pub(super) hidden: bool,
    #[serde(default)]
    pub(super) hold: super::Hold,
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}

fn all_routes() -> Vec<u8> {
    Route::ALL.iter().map(|route| *route as u8).collect()
}

/// A JSON object as the list of its members, in the order in which they were written.
pub(super) struct Pairs<V>(pub(super) Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<V>(std::marker::PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Members<V> {
            type Value = Vec<(String, V)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer
            .deserialize_map(Members(std::marker::PhantomData))
            .map(Self)
    }
}
