//! What is promised, held against OpenAI's own counts, a slow merge by the book, and counted work.

mod bounds;
mod exactness;
mod linearity;
mod overheads;

use proptest::prelude::*;

/// Text of all kinds: any characters, and runs of those that the patterns treat differently.
fn any_text() -> impl Strategy<Value = String> {
    let tricky = proptest::sample::select(
        "aAzZ '\n\r\t19/!.,srvdtlmeEſ\u{301}漢À\u{e9}ªʰǅ\u{200d}❤\u{fe0f}\u{3000}\u{a0}\u{85}かЖ²नि👍\u{1f}\0"
            .chars()
            .collect::<Vec<_>>(),
    );
    let run = (tricky.clone(), 1..60usize).prop_map(|(it, times)| it.to_string().repeat(times));
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(tricky, 0..80).prop_map(String::from_iter),
        proptest::collection::vec(run, 0..12).prop_map(|runs| runs.concat()),
        "[a-e]{0,300}",
    ]
}
