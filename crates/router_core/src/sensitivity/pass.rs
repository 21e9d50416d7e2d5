//! What a pass over one text knows and reports; recognizers are given it.
//!
//! The same pass runs over the text as it stands and over each shadow of it (text with disguises
//! taken off). A recognizer is called at a cue, looks at a bounded window and reports. Cues come in
//! the order of the text, and where a number was recognised the next cue is behind it; no cue makes
//! anything start over, which is what keeps hostile text linear.

use super::entity::Entity;
use super::findings::{Collector, Found, NO_PATTERN};
use super::shadow::Layer;

/// What a recognizer sees and may do.
pub(super) struct Pass<'p, 'l> {
    /// The text of this pass.
    pub(super) text: &'p [u8],
    layer: Option<&'p Layer<'p>>,
    pub(super) out: &'p mut Collector<'l>,
    /// Where the last recognised number ends.
    pub(super) consumed: usize,
    /// Where the last telephone number ends: a card may begin inside of what looks like one.
    pub(super) dialled: usize,
    /// Where searches that start from a word have been: windows of such words overlap.
    pub(super) searched: usize,
    /// Where the last token that was read as a key ends.
    pub(super) token_end: usize,
    /// Where the last token of hexadecimal digits and colons ends that was read.
    pub(super) colons: usize,
    /// How far objects were read as keys.
    pub(super) object: usize,
    /// How far lines were read as headings and rows of tables.
    pub(super) headed: usize,
    /// Where the cells begin that were reported, in order.
    cells: Vec<usize>,
    /// The last medical word that does not count alone: its tag and where it ends.
    pub(super) weak: (u8, usize),
    /// The people that the text speaks of, as far as it was read for them.
    pub(super) people: People,
    /// Whether words count whatever stands around them.
    pub(super) literal: bool,
}

impl<'p, 'l> Pass<'p, 'l> {
    pub(super) fn new(
        text: &'p [u8],
        layer: Option<&'p Layer<'p>>,
        out: &'p mut Collector<'l>,
        literal: bool,
    ) -> Self {
        Self {
            text,
            layer,
            out,
            consumed: 0,
            dialled: 0,
            searched: 0,
            token_end: 0,
            colons: 0,
            object: 0,
            headed: 0,
            cells: Vec::new(),
            weak: (0, 0),
            people: People::default(),
            literal,
        }
    }

    /// Adds to the work counter.
    pub(super) fn work(&mut self) -> &mut u64 {
        &mut self.out.work
    }

    /// Whether nothing that follows can change the answer.
    pub(super) fn ended(&self) -> bool {
        self.out.ended()
    }

    /// Reports what stands in a cell of a table, perhaps far behind the place at which the pass is:
    /// when it comes there it does not count again.
    pub(super) fn report_cell(&mut self, entity: Entity, start: usize, end: usize) {
        if self.cells.last().is_none_or(|last| *last < start) {
            self.report(entity, start, end);
            self.cells.push(start);
        }
    }

    /// Reports a finding at a place of this pass's text.
    pub(super) fn report(&mut self, entity: Entity, start: usize, end: usize) {
        if !self.cells.is_empty() && self.cells.binary_search(&start).is_ok() {
            return;
        }
        let (start, end) = match self.layer {
            Some(layer) => layer.original(start, end),
            None => (start, end),
        };
        self.out.add(
            Found {
                start: u32::try_from(start).unwrap_or(u32::MAX),
                end: u32::try_from(end).unwrap_or(u32::MAX),
                entity,
                pattern: NO_PATTERN,
            },
            None,
        );
    }

    /// Reports a number, behind which the search for numbers goes on.
    pub(super) fn report_number(&mut self, entity: Entity, start: usize, end: usize) {
        self.consumed = self.consumed.max(end);
        self.report(entity, start, end);
    }
}

/// What was seen of people in a text.
#[derive(Clone, Copy, Default)]
pub(super) struct People {
    /// Where the last word for one begins.
    pub(super) last: Option<usize>,
    /// How far the text was read for them.
    pub(super) read: usize,
}
