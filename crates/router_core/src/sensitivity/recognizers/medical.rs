//! Words of diagnoses, treatments and medical records.
//!
//! A name of a disease or a drug, or of a record, counts alone. Words that other trades also use
//! (a patient wait, a symptom of a bug, a chronic problem) count when two different ones stand
//! together. Free narrative without any of these words is not found, and cannot be with words.

use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};

/// Counts alone.
const STRONG: u8 = 0;
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
    Literal::word("patient", 1),
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

/// Looks at one of the words.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    if hit.tag == STRONG {
        pass.report(Entity::Medical, hit.start, hit.end);
        return;
    }
    let (tag, end) = pass.weak;
    if tag != 0 && tag != hit.tag && hit.start.saturating_sub(end) <= TOGETHER {
        pass.report(Entity::Medical, hit.start, hit.end);
    }
    pass.weak = (hit.tag, hit.end);
}
