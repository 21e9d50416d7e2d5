//! Where the pass over a body meets the gathering of its text.
//!
//! The gathering knows no bodies and the pass knows no readers; this is the one place that knows
//! both, so that the text which is judged is the text of the bytes that were accepted.

use super::visit::{Field, Place, Visitor};
use super::{parse_with, Body, BodyError, ParseLimits};
use crate::json::Span;
use crate::text::{Gatherer, Part, Text};

impl Visitor for Gatherer<'_> {
    #[inline]
    fn string(&mut self, place: Place, span: Span, escaped: bool) {
        let part = match place.field {
            // A fallback may bring messages of its own, which are sent in place of the others.
            Field::Messages | Field::Fallbacks => Part::Messages,
            Field::Prompt | Field::Input => Part::Prompt,
            Field::Tools | Field::Functions => Part::Tools,
            Field::Hybridgw => Part::Owned,
            _ => Part::Other,
        };
        Gatherer::string(self, part, place.depth, place.key, span, escaped);
    }
}

/// [`parse`](super::parse), leaving all text of the body in `text` (cleared first). When the body
/// is refused, `text` holds what was seen until then and means nothing.
pub fn parse_gathering<'a>(
    bytes: &'a [u8],
    limits: &ParseLimits,
    text: &mut Text,
) -> Result<Body<'a>, BodyError> {
    let mut gatherer = Gatherer::new(bytes, text);
    let body = parse_with(bytes, limits, &mut gatherer)?;
    gatherer.finish();
    Ok(body)
}
