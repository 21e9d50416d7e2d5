//! Words of diagnoses, treatments and medical records.
//!
//! A disease is a topic like any other until it is somebody's. So a word counts with a person within
//! reach: `my`, `she`, `the patient`, `62-year-old`. The name of a disease or a drug, or of a record,
//! then counts alone; words that other trades also use (a patient wait, a symptom of a bug) when two
//! different ones stand together. Names in programs (`load_diabetes`, `cancer.csv`) are nobody's.
//! Free narrative without any of these words is not found, and cannot be with words.
//!
//! Under a profile that takes words literally each counts, whoever is near.

use crate::sensitivity::bytes::{before, get};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::{Pass, People};
use crate::sensitivity::words::{Hit, Literal};

/// Counts alone.
const STRONG: u8 = 0;
/// Counts alone where words are taken literally.
const PATIENT: u8 = 1;
/// Two words further apart than this do not stand together.
const TOGETHER: usize = 160;

/// The words. Those with another tag than [`STRONG`] count with a word of a different tag.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("alzheimer", STRONG),
    Literal::word("anaemia", STRONG),
    Literal::word("anemia", STRONG),
    Literal::word("anorexia", STRONG),
    Literal::word("antidepressant", STRONG),
    Literal::word("antipsychotic", STRONG),
    Literal::word("arthritis", STRONG),
    Literal::word("asthma", STRONG),
    Literal::word("atorvastatin", STRONG),
    Literal::word("bipolar disorder", STRONG),
    Literal::word("biopsy", STRONG),
    Literal::word("biopsies", STRONG),
    Literal::word("blood glucose", STRONG),
    Literal::word("blood pressure", STRONG),
    Literal::word("blood sugar", STRONG),
    Literal::word("blood test", STRONG),
    Literal::word("cancer", STRONG),
    Literal::word("carcinoma", STRONG),
    Literal::word("chemotherapy", STRONG),
    Literal::word("cirrhosis", STRONG),
    Literal::word("colonoscopy", STRONG),
    Literal::word("dementia", STRONG),
    Literal::word("diabetes", STRONG),
    Literal::word("diabetic", STRONG),
    Literal::word("diagnosed with", STRONG),
    Literal::word("dialysis", STRONG),
    Literal::word("discharge summary", STRONG),
    Literal::word("epilepsy", STRONG),
    Literal::word("epileptic", STRONG),
    Literal::word("fluoxetine", STRONG),
    Literal::word("health record", STRONG),
    Literal::word("heart attack", STRONG),
    Literal::word("heart disease", STRONG),
    Literal::word("heart failure", STRONG),
    Literal::word("hepatitis", STRONG),
    Literal::exact("HIV", STRONG),
    Literal::word("hiv positive", STRONG),
    Literal::word("hypertension", STRONG),
    Literal::word("hypothyroidism", STRONG),
    Literal::word("ibuprofen", STRONG),
    Literal::word("icd 10", STRONG),
    Literal::word("insulin", STRONG),
    Literal::word("leukaemia", STRONG),
    Literal::word("leukemia", STRONG),
    Literal::word("lisinopril", STRONG),
    Literal::word("lymphoma", STRONG),
    Literal::word("mammogram", STRONG),
    Literal::word("medical condition", STRONG),
    Literal::word("medical history", STRONG),
    Literal::word("medical record", STRONG),
    Literal::word("melanoma", STRONG),
    Literal::word("metastatic", STRONG),
    Literal::word("metformin", STRONG),
    Literal::word("miscarriage", STRONG),
    Literal::exact("MRN", STRONG),
    Literal::word("multiple sclerosis", STRONG),
    Literal::word("oncologist", STRONG),
    Literal::word("oncology", STRONG),
    Literal::word("osteoporosis", STRONG),
    Literal::word("oxycodone", STRONG),
    Literal::word("parkinson's", STRONG),
    Literal::word("patient chart", STRONG),
    Literal::word("patient record", STRONG),
    Literal::word("pneumonia", STRONG),
    Literal::word("psychiatrist", STRONG),
    Literal::word("psychosis", STRONG),
    Literal::word("radiology", STRONG),
    Literal::word("schizophrenia", STRONG),
    Literal::word("schizophrenic", STRONG),
    Literal::word("sertraline", STRONG),
    Literal::word("tuberculosis", STRONG),
    Literal::word("warfarin", STRONG),
    Literal::word("patient", PATIENT),
    Literal::word("inpatient", 1),
    Literal::word("outpatient", 1),
    Literal::word("symptom", 2),
    Literal::word("treatment", 2),
    Literal::word("treated", 2),
    Literal::word("dose", 3),
    Literal::word("dosage", 3),
    Literal::word("prescribed", 3),
    Literal::word("prescription", 3),
    Literal::word("medication", 3),
    Literal::word("antibiotic", 3),
    Literal::word("clinic", 4),
    Literal::word("clinical", 4),
    Literal::word("hospital", 4),
    Literal::word("hospitalized", 4),
    Literal::word("doctor", 4),
    Literal::word("nurse", 4),
    Literal::word("physician", 4),
    Literal::word("surgeon", 4),
    Literal::word("pain", 5),
    Literal::word("fever", 5),
    Literal::word("nausea", 5),
    Literal::word("cough", 5),
    Literal::word("headache", 5),
    Literal::word("migraine", 5),
    Literal::word("rash", 5),
    Literal::word("surgery", 6),
    Literal::word("disease", 7),
    Literal::word("disorder", 7),
    Literal::word("illness", 7),
    Literal::word("infection", 7),
    Literal::word("tumor", 7),
    Literal::word("tumour", 7),
    Literal::word("diagnosis", 8),
    Literal::word("diagnosed", 8),
    Literal::word("prognosis", 8),
    Literal::word("therapy", 9),
    Literal::word("therapist", 9),
    Literal::word("depression", 10),
    Literal::word("anxiety", 10),
    Literal::word("suicidal", 10),
    Literal::word("pregnant", 11),
    Literal::word("pregnancy", 11),
    Literal::word("allergy", 12),
    Literal::word("allergies", 12),
    Literal::word("allergic", 12),
    Literal::word("chronic", 13),
];

/// A person must stand this near to a medical word, bytes, on either side.
const REACH: usize = 120;

/// The same for words that do not count alone.
const NEAR: usize = 60;

/// What is called after a disease without being anybody's.
pub(in crate::sensitivity) static CAUSE: List = List::new(&[
    "association",
    "awareness",
    "campaign",
    "charities",
    "charity",
    "council",
    "foundation",
    "institute",
    "research",
    "researcher",
    "researchers",
    "society",
]);

/// What stands near the sign of the zodiac.
pub(in crate::sensitivity) static SKY: List = List::new(&[
    "aries",
    "astrology",
    "capricorn",
    "gemini",
    "horoscope",
    "horoscopes",
    "leo",
    "pisces",
    "scorpio",
    "taurus",
    "tropic",
    "virgo",
    "zodiac",
]);

/// Words for somebody in particular, and those that stand in notes about somebody only.
pub(in crate::sensitivity) static PERSON: List = List::new(&[
    "admitted",
    "ambulated",
    "bid",
    "boyfriend",
    "brother",
    "dad",
    "daughter",
    "discharged",
    "dob",
    "father",
    "girlfriend",
    "grandfather",
    "grandma",
    "grandmother",
    "grandpa",
    "he",
    "her",
    "him",
    "his",
    "hpi",
    "husband",
    "impression",
    "mom",
    "mother",
    "mr",
    "mrn",
    "mrs",
    "mum",
    "my",
    "pmh",
    "prn",
    "pt",
    "she",
    "sister",
    "son",
    "tid",
    "tolerating",
    "vitals",
    "wife",
    "yo",
]);

/// What makes somebody of a patient, behind the word.
pub(in crate::sensitivity) static SOME: List = List::new(&[
    "agrees",
    "appears",
    "came",
    "complains",
    "continues",
    "denied",
    "denies",
    "did",
    "does",
    "had",
    "has",
    "id",
    "instructed",
    "is",
    "notified",
    "presented",
    "presents",
    "received",
    "remained",
    "reported",
    "reports",
    "s",
    "seen",
    "stated",
    "states",
    "to",
    "tolerated",
    "underwent",
    "was",
    "will",
]);

/// What makes somebody of `I`.
pub(in crate::sensitivity) static MYSELF: List = List::new(&[
    "am", "began", "feel", "felt", "got", "had", "have", "m", "started", "suffer", "take", "took",
    "ve", "was",
]);

/// What an age is counted in.
static AGE: List = List::new(&["month", "months", "week", "weeks", "year", "years"]);

/// Looks at one of the words.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    let alone = hit.tag == STRONG;
    if pass.literal {
        let word = &pass.text[hit.start..hit.end];
        if alone || hit.tag == PATIENT || word.eq_ignore_ascii_case(b"diagnosis") {
            pass.report(Entity::Medical, hit.start, hit.end);
            return;
        }
        // What the other profiles find is found here, too: a stricter profile is never the weaker one.
    }
    if context::is_identifier(pass.text, hit.start, hit.end) {
        return;
    }
    if alone && is_topic(pass, hit) {
        return;
    }
    let (tag, end) = pass.weak;
    let together = tag != 0 && tag != hit.tag && hit.start.saturating_sub(end) <= TOGETHER;
    if !alone {
        pass.weak = (hit.tag, hit.end);
    }
    let reach = if alone { REACH } else { NEAR };
    if (alone || together) && somebody(pass, hit, reach) {
        pass.report(Entity::Medical, hit.start, hit.end);
    }
}

/// Whether the word names a cause or a sign, and no disease.
fn is_topic(pass: &mut Pass<'_, '_>, hit: &Hit) -> bool {
    let text = pass.text;
    context::just_after(text, hit.end, &CAUSE, pass.work())
        || (text[hit.start..hit.end].eq_ignore_ascii_case(b"cancer")
            && context::near(text, hit.start, hit.end, &SKY, pass.work()))
}

/// Whether somebody in particular is within reach. Hits come in the order of the text, so each byte is
/// looked at once: what was seen before is in `pass.people`.
fn somebody(pass: &mut Pass<'_, '_>, hit: &Hit, reach: usize) -> bool {
    let text = pass.text;
    let first = hit.start.saturating_sub(reach);
    let to = (hit.end + REACH).min(text.len());
    // A word is read to its end, or it would be another one.
    let to = to
        + text[to..]
            .iter()
            .take(20)
            .take_while(|it| it.is_ascii_alphabetic())
            .count();
    let People { mut last, read } = pass.people;
    let from = first.max(read);
    if from < to {
        *pass.work() += (to - from) as u64;
        let mut previous = Word::Other;
        context::words(text, from, to, |word, start| {
            let (found, now) = previous.then(word);
            // `my_df` is nobody.
            let part = before(text, start, 1) == b'_' || get(text, start + word.len()) == b'_';
            if found && !part {
                last = Some(start);
            }
            previous = now;
            true
        });
        pass.people = People { last, read: to };
    }
    last.is_some_and(|at| at >= first)
}

/// The word before, as far as it matters.
#[derive(Clone, Copy)]
enum Word {
    I,
    Age,
    /// Of `y/o`.
    Y,
    /// Of `the patient`.
    Some,
    Patient,
    Other,
}

impl Word {
    /// Whether a word, behind this one, speaks of somebody; and what it is to the next one.
    fn then(self, word: &[u8]) -> (bool, Self) {
        match word {
            b"i" => (false, Self::I),
            b"old" => (matches!(self, Self::Age), Self::Other),
            b"y" => (false, Self::Y),
            b"o" => (matches!(self, Self::Y), Self::Other),
            b"patient" => (matches!(self, Self::Some), Self::Patient),
            _ => {
                let found = PERSON.has(word)
                    || (matches!(self, Self::I) && MYSELF.has(word))
                    || (matches!(self, Self::Patient) && SOME.has(word));
                let now = match word {
                    _ if AGE.has(word) => Self::Age,
                    b"the" | b"this" | b"our" => Self::Some,
                    _ => Self::Other,
                };
                (found, now)
            }
        }
    }
}
