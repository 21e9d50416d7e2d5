//! What a text is mostly written in: how far another maker's vocabulary is from ours depends on it.
//!
//! Published comparisons of one maker's new vocabulary with ours range from 1.0 for Chinese and
//! Russian over 1.2 for code to 1.5 for English, so one factor per model would be wrong everywhere.
//! Thirty-two short looks spread over the text decide, by first bytes of characters; this costs the
//! same for any length and is right for text that is mostly of one kind. For a mixture any class is
//! as good as another, as long as the same text always gets the same one.

const LOOKS: usize = 32;
const LOOK: usize = 8;

/// A class of text for which ratios between vocabularies are similar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Script {
    /// Latin letters in sentences.
    Latin = 0,
    /// ASCII with many digits and signs: code, tables, JSON.
    Code = 1,
    /// Greek and Cyrillic.
    Cyrillic = 2,
    /// Hebrew, Arabic and their relatives.
    Arabic = 3,
    /// The scripts of India and South-East Asia.
    Indic = 4,
    /// Chinese characters and kana.
    Cjk = 5,
    /// Korean.
    Hangul = 6,
    /// Everything else: rare scripts, emoji, symbols.
    Other = 7,
}

impl Script {
    /// How many there are; `script as usize` is below it.
    pub const COUNT: usize = 8;

    /// All of them, by number.
    pub const ALL: [Script; Self::COUNT] = [
        Script::Latin,
        Script::Code,
        Script::Cyrillic,
        Script::Arabic,
        Script::Indic,
        Script::Cjk,
        Script::Hangul,
        Script::Other,
    ];

    /// Name for metrics and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Script::Latin => "latin",
            Script::Code => "code",
            Script::Cyrillic => "cyrillic",
            Script::Arabic => "arabic",
            Script::Indic => "indic",
            Script::Cjk => "cjk",
            Script::Hangul => "hangul",
            Script::Other => "other",
        }
    }
}

/// The class of a text; `Latin` for an empty one. Bytes that are not UTF-8 count as `Other`.
pub fn script_of(text: &[u8]) -> Script {
    // Weights are bytes, so that a class weighs what it contributes to the length.
    let mut weight = [0u32; Script::COUNT];
    let (mut letters, mut signs) = (0u32, 0u32);
    let step = (text.len() / LOOKS).max(LOOK);
    let mut start = 0;
    while start < text.len() {
        let end = (start + LOOK).min(text.len());
        let mut at = start;
        while at < end {
            let byte = text[at];
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' => letters += 1,
                0x80..=0xBF | b' ' => {}
                0..0x80 => signs += 1,
                _ => {
                    weight[of_lead(byte, text.get(at + 1).copied().unwrap_or(0)) as usize] +=
                        byte.leading_ones()
                }
            }
            at += 1;
        }
        start += step;
    }
    let ascii = if signs * 4 > letters + signs {
        Script::Code
    } else {
        Script::Latin
    };
    weight[ascii as usize] += letters + signs;
    let mut best = Script::Latin;
    for script in Script::ALL {
        if weight[script as usize] > weight[best as usize] {
            best = script;
        }
    }
    best
}

/// The class of a character by the first two bytes of its UTF-8.
fn of_lead(first: u8, second: u8) -> Script {
    match (first, second) {
        (0xC2..=0xCD, _) => Script::Latin,
        (0xCE..=0xD4, _) => Script::Cyrillic,
        (0xD6..=0xDF, _) => Script::Arabic,
        (0xE0, 0xA0..=0xA3) => Script::Arabic,
        (0xE0, _) => Script::Indic,
        // Tibetan to Burmese and Khmer; Georgian, Ethiopic and Cherokee lie between them.
        (0xE1, 0x80..=0x81 | 0x9E..=0x9F) => Script::Indic,
        (0xE1, 0x84..=0x87) => Script::Hangul,
        (0xE1, 0xB8..=0xBB) => Script::Latin,
        (0xE3..=0xE9, _) => Script::Cjk,
        (0xEA, 0xB0..=0xBF) | (0xEB..=0xEC, _) | (0xED, 0x80..=0x9F) => Script::Hangul,
        (0xEF, 0xBC..=0xBE) | (0xF0, 0xA0..=0xB3) => Script::Cjk,
        _ => Script::Other,
    }
}
