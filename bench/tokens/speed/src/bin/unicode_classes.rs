//! `unicode_classes FILE` writes the classes that the crate's `tokens/unicode.rs` reads, out of the
//! tables of the regular expression engine that OpenAI's tokenizer uses.
use regex_syntax::hir::{Class, HirKind};
fn main() {
    let mut classes = vec![0u8; 0x110000];
    for (pattern, class) in [
        (r"[\p{Lu}\p{Lt}]", 1u8),
        (r"\p{Ll}", 2),
        (r"[\p{Lm}\p{Lo}]", 3),
        (r"\p{M}", 4),
        (r"\p{N}", 5),
        (r"\s", 6),
    ] {
        let hir = regex_syntax::parse(pattern).expect("valid");
        let HirKind::Class(Class::Unicode(set)) = hir.kind() else {
            panic!()
        };
        for range in set.ranges() {
            for code in range.start() as usize..=range.end() as usize {
                assert_eq!(classes[code], 0, "{code:x}");
                classes[code] = class;
            }
        }
    }
    let mut out = Vec::new();
    let mut last = 255;
    for (code, class) in classes.iter().enumerate() {
        if *class != last {
            out.extend_from_slice(&((code as u32) << 3 | *class as u32).to_le_bytes());
            last = *class;
        }
    }
    std::fs::write(std::env::args().nth(1).expect("a file"), out).expect("valid");
}
