//! Words that say something about the work asked for, as hashes in one table.
//!
//! The reader hashes every word anyway; looking the hash up costs one load, comparing text would
//! cost a pass. Two different words of 32-bit hashes meet once in some hundred million, and then
//! count as one analysis word too many. The table is built by the compiler.

/// What a listed word is evidence of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// Asks for reasoning, design, comparison or proof.
    Analysis,
    /// Hardly occurs outside of program text or talk about it.
    Code,
}

/// Words that ask for more than recall, in the languages that our users write most. Inflected
/// forms are listed, not derived: a stemmer would cost more than all the rest.
const ANALYSIS: &[&str] = &[
    // English
    "analyze",
    "analyse",
    "analyzing",
    "analysis",
    "compare",
    "comparison",
    "contrast",
    "evaluate",
    "assess",
    "critique",
    "justify",
    "argue",
    "prove",
    "proof",
    "derive",
    "theorem",
    "lemma",
    "explain",
    "why",
    "reason",
    "reasoning",
    "infer",
    "deduce",
    "hypothesis",
    "implications",
    "design",
    "architect",
    "architecture",
    "plan",
    "strategy",
    "tradeoff",
    "tradeoffs",
    "optimize",
    "optimise",
    "optimization",
    "refactor",
    "debug",
    "diagnose",
    "investigate",
    "implement",
    "algorithm",
    "complexity",
    "calculate",
    "compute",
    "solve",
    "integral",
    "derivative",
    "equation",
    "probability",
    "simulate",
    "estimate",
    "synthesize",
    "thorough",
    "comprehensive",
    "detailed",
    "step",
    "steps",
    "constraints",
    "assumptions",
    "edge",
    // German
    "analysiere",
    "analysieren",
    "vergleiche",
    "vergleichen",
    "bewerte",
    "bewerten",
    "beweise",
    "beweisen",
    "begründe",
    "begründen",
    "erkläre",
    "erklären",
    "warum",
    "entwirf",
    "entwerfen",
    "optimiere",
    "optimieren",
    "berechne",
    "berechnen",
    "löse",
    "schritt",
    "ausführlich",
    // French
    "analyser",
    "analysez",
    "comparer",
    "comparez",
    "évaluer",
    "évaluez",
    "démontrer",
    "démontrez",
    "expliquer",
    "expliquez",
    "pourquoi",
    "concevoir",
    "optimiser",
    "calculer",
    "calculez",
    "résoudre",
    "étape",
    "détaillé",
    // Spanish
    "analizar",
    "analiza",
    "comparar",
    "compara",
    "evaluar",
    "evalúa",
    "demostrar",
    "demuestra",
    "explicar",
    "explica",
    "diseñar",
    "diseña",
    "optimizar",
    "calcular",
    "calcula",
    "resolver",
    "resuelve",
    "paso",
    "detallado",
];

/// Words of program text. Keywords that are plain English (`class`, `return`) are left out: they
/// would call half of all prose code.
const CODE: &[&str] = &[
    "def",
    "elif",
    "const",
    "fn",
    "impl",
    "struct",
    "enum",
    "println",
    "printf",
    "stdio",
    "stdout",
    "stderr",
    "async",
    "await",
    "lambda",
    "nullptr",
    "null",
    "bool",
    "boolean",
    "int",
    "uint",
    "float",
    "str",
    "vec",
    "argv",
    "malloc",
    "sizeof",
    "namespace",
    "typedef",
    "typename",
    "traceback",
    "stacktrace",
    "segfault",
    "exception",
    "regex",
    "sql",
    "json",
    "yaml",
    "html",
    "css",
    "javascript",
    "typescript",
    "python",
    "rust",
    "golang",
    "kotlin",
    "dockerfile",
    "kubernetes",
    "api",
    "endpoint",
    "mutex",
    "iterator",
    "stdin",
    "npm",
    "pip",
    "cargo",
];

pub(super) const SEED: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// One byte into a word hash (FNV-1a).
#[inline(always)]
pub(super) const fn mix(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(PRIME)
}

const SLOTS: usize = 1024;
/// 0 is an empty slot; the lowest bit of a full one says which list the word is from.
static TABLE: [u32; SLOTS] = table();

/// What the word with this hash says, if it is listed.
#[inline]
pub(super) fn sign_of(hash: u32) -> Option<Sign> {
    let mut slot = slot_of(hash);
    loop {
        let entry = TABLE[slot];
        if entry == 0 {
            return None;
        }
        if entry | 1 == hash | 1 {
            return Some(if entry & 1 == 1 {
                Sign::Code
            } else {
                Sign::Analysis
            });
        }
        slot = (slot + 1) % SLOTS;
    }
}

const fn slot_of(hash: u32) -> usize {
    (hash >> 8) as usize % SLOTS
}

const fn table() -> [u32; SLOTS] {
    let table = fill([0; SLOTS], ANALYSIS, 0);
    fill(table, CODE, 1)
}

const fn fill(mut table: [u32; SLOTS], words: &[&str], tag: u32) -> [u32; SLOTS] {
    let mut at = 0;
    while at < words.len() {
        let bytes = words[at].as_bytes();
        let (mut hash, mut byte) = (SEED, 0);
        while byte < bytes.len() {
            hash = mix(hash, bytes[byte]);
            byte += 1;
        }
        let mut slot = slot_of(hash);
        while table[slot] != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = (hash & !1) | tag;
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(word: &str) -> u32 {
        word.bytes().fold(SEED, mix)
    }

    #[test]
    fn every_listed_word_is_found() {
        for word in ANALYSIS {
            assert_eq!(sign_of(hash(word)), Some(Sign::Analysis), "{word}");
        }
        for word in CODE {
            assert_eq!(sign_of(hash(word)), Some(Sign::Code), "{word}");
        }
    }

    #[test]
    fn plain_words_are_not_listed() {
        for word in ["hello", "the", "class", "return", "capital", "france", ""] {
            assert_eq!(sign_of(hash(word)), None, "{word}");
        }
        assert!(TABLE.iter().filter(|slot| **slot != 0).count() < SLOTS / 2);
    }
}
