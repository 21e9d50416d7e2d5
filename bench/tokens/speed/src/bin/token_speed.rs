//! Times one candidate: `token_speed FOLDER` reads `o200k|cl100k`, kind files (`*.txt`, 1 MB each)
//! and prints one JSON line per (encoding, kind, size). One candidate per build, one process per
//! run, so that memory and build time belong to it alone.
use std::fs;
use std::time::{Duration, Instant};

#[cfg(feature = "bpe")]
fn counter(name: &str) -> impl Fn(&str) -> usize {
    let tokenizer = match name {
        "o200k" => bpe_openai::o200k_base(),
        _ => bpe_openai::cl100k_base(),
    };
    move |text| tokenizer.count(text)
}

#[cfg(all(feature = "tiktoken", not(feature = "bpe")))]
fn counter(name: &str) -> impl Fn(&str) -> usize {
    let encoding = tiktoken::get_encoding(match name {
        "o200k" => "o200k_base",
        _ => "cl100k_base",
    })
    .expect("the vocabulary is compiled in");
    move |text| encoding.count(text)
}

#[cfg(not(any(feature = "bpe", feature = "tiktoken")))]
fn counter(name: &str) -> impl Fn(&str) -> usize {
    use router_core::tokens::{count, Encoding};
    let encoding = match name {
        "o200k" => Encoding::O200k,
        _ => Encoding::Cl100k,
    };
    // A piece beyond the short ones, so that what is made at first use is counted as start.
    count(encoding, &"ab".repeat(100));
    move |text| count(encoding, text)
}

/// Processor time of this thread: unlike wall clock it leaves out the time that others run.
fn cpu_ns() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a local of the right type.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

fn memory_kib(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

/// Consecutive windows of `size` bytes, cut at characters: hardly a call sees what one before saw,
/// which keeps a cache honest.
fn windows(text: &str, size: usize) -> Vec<&str> {
    let mut rest = text;
    let mut found = Vec::new();
    while !rest.is_empty() && found.len() < 1000 {
        let mut end = size.min(rest.len());
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    if found.len() > 1 && found[found.len() - 1].len() < size / 2 {
        found.pop();
    }
    found
}

fn main() {
    let folder = std::env::args().nth(1).expect("a folder of texts");
    let before = memory_kib("VmRSS");
    for encoding in ["cl100k", "o200k"] {
        let start = Instant::now();
        let count = counter(encoding);
        count("warm");
        println!(
            "{{\"encoding\": \"{encoding}\", \"start_ms\": {:.1}, \"rss_kib\": {}, \"peak_kib\": {}}}",
            start.elapsed().as_secs_f64() * 1e3,
            memory_kib("VmRSS") - before,
            memory_kib("VmHWM") - before,
        );
    }
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for encoding in ["cl100k", "o200k"] {
        let count = counter(encoding);
        for file in &files {
            let text = fs::read_to_string(file).expect("UTF-8");
            for size in [100, 1_000, 10_000, 100_000, 1_000_000] {
                let windows = windows(&text, size);
                let mut turn = windows.iter().cycle();
                let (mut tokens, mut bytes) = (0, 0);
                let mut samples = Vec::new();
                // Reading the clock is a system call: short windows are timed in groups.
                let group = (16_384 / size).max(1);
                let begin = Instant::now();
                while begin.elapsed() < Duration::from_millis(40) || samples.len() < 7 {
                    let (mut found, mut length) = (0, 0);
                    let start = cpu_ns();
                    for window in turn.by_ref().take(group) {
                        found += count(window);
                        length += window.len();
                    }
                    samples.push((cpu_ns() - start) as f64 / length as f64);
                    tokens += found;
                    bytes += length;
                    if begin.elapsed() > Duration::from_secs(3) {
                        break;
                    }
                }
                samples.sort_by(f64::total_cmp);
                println!(
                    "{{\"encoding\": \"{encoding}\", \"kind\": \"{}\", \"size\": {size}, \
                     \"ns_per_byte\": {:.2}, \"p99\": {:.2}, \"bytes_per_token\": {:.2}}}",
                    file.file_stem().expect("a name").to_string_lossy(),
                    samples[samples.len() / 2],
                    samples[samples.len() * 99 / 100],
                    bytes as f64 / tokens as f64,
                );
            }
        }
    }
    println!(
        "{{\"after\": true, \"rss_kib\": {}, \"peak_kib\": {}}}",
        memory_kib("VmRSS") - before,
        memory_kib("VmHWM") - before
    );
}
