//! `token_counts FILE`: texts separated by NUL bytes in, one line of figures per text out:
//! o200k exact, o200k estimate, cl100k exact, cl100k estimate, script.
use router_core::tokens::{count, estimate, script_of, Encoding};

fn main() {
    let file = std::env::args().nth(1).expect("a file of texts");
    let content = std::fs::read_to_string(file).expect("UTF-8");
    for text in content.split('\0') {
        for encoding in Encoding::ALL {
            let tokens = estimate(encoding, text).tokens;
            print!("{} {tokens} ", count(encoding, text));
        }
        println!("{}", script_of(text.as_bytes()).name());
    }
}
