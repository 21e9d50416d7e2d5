//! Words with which people mark a text as confidential.
//!
//! As substrings these words are in `agenda`, `boundary` and `standard`; as whole words they still
//! have technical uses (a proprietary format, a confidential client), which the next word tells.

use crate::sensitivity::bytes::get;
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};

/// Stands for itself.
const PLAIN: u8 = 0;
/// Unless a technical word follows.
const CONFIDENTIAL: u8 = 1;
/// Only with a word for information near.
const PROPRIETARY: u8 = 2;
/// In capitals, or behind a word that agreements stand behind.
const NDA: u8 = 3;
/// Behind `do`.
const DISTRIBUTE: u8 = 4;
/// In capitals, or near a word for a document: programs have much that is for internal use only.
const INTERNAL: u8 = 5;

/// The words.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("confidential", CONFIDENTIAL),
    Literal::word("strictly confidential", PLAIN),
    Literal::word("company confidential", PLAIN),
    Literal::word("commercial in confidence", PLAIN),
    Literal::word("proprietary", PROPRIETARY),
    Literal::word("nda", NDA),
    Literal::word("non disclosure", PLAIN),
    Literal::word("nondisclosure", PLAIN),
    Literal::word("trade secret", PLAIN),
    Literal::word("internal use only", INTERNAL),
    Literal::word("company internal", PLAIN),
    Literal::word("not distribute", DISTRIBUTE),
    Literal::word("not circulate", DISTRIBUTE),
    Literal::word("not for distribution", PLAIN),
    Literal::word("not for public release", PLAIN),
    Literal::word("attorney client", PLAIN),
    Literal::word("privileged and confidential", PLAIN),
    Literal::word("eyes only", PLAIN),
    Literal::word("top secret", PLAIN),
    Literal::word("streng geheim", PLAIN),
    Literal::word("vertraulich", PLAIN),
    Literal::word("vertrauliche", PLAIN),
    Literal::word("vertraulichen", PLAIN),
    Literal::word("confidentiel", PLAIN),
    Literal::word("confidentielle", PLAIN),
    Literal::word("confidencial", PLAIN),
    Literal::word("riservato", PLAIN),
    Literal::word("vertrouwelijk", PLAIN),
];

/// What is marked as internal by people.
pub(in crate::sensitivity) static DOCUMENTS: List = List::new(&[
    "classification",
    "classified",
    "company",
    "confidential",
    "corporate",
    "deck",
    "document",
    "draft",
    "email",
    "employee",
    "employees",
    "mail",
    "memo",
    "memorandum",
    "minutes",
    "plan",
    "presentation",
    "proprietary",
    "report",
    "secret",
    "slide",
    "slides",
    "staff",
    "strategy",
    "strictly",
]);

/// What turns a sentence into an order.
static DO: List = List::new(&["do"]);

/// What agreements stand behind.
pub(in crate::sensitivity) static SIGNED: List = List::new(&[
    "an", "mutual", "nda", "our", "sign", "signed", "signing", "the", "under",
]);

/// What follows the technical uses of `confidential`.
pub(in crate::sensitivity) static TECHNICAL: List = List::new(&[
    "client",
    "clients",
    "compute",
    "computing",
    "container",
    "containers",
    "guest",
    "guests",
    "transport",
    "vm",
    "vms",
]);

/// What `proprietary` goes with when it marks a text.
pub(in crate::sensitivity) static MARKED: List = List::new(&[
    "confidential",
    "data",
    "design",
    "document",
    "documents",
    "information",
    "internal",
    "knowledge",
    "material",
    "materials",
    "restricted",
    "secret",
    "secrets",
]);

/// Looks at one of the words.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    let text = pass.text;
    let found = match hit.tag {
        CONFIDENTIAL => !context::just_after(text, hit.end, &TECHNICAL, pass.work()),
        PROPRIETARY => {
            let shouted = text[hit.start..hit.end].iter().all(u8::is_ascii_uppercase);
            shouted || {
                let to = (hit.end + 24).min(text.len());
                let colon = matches!(get(text, hit.end), b':');
                colon || context::any(text, hit.end, to, &MARKED, pass.work())
            }
        }
        NDA => {
            text[hit.start..hit.end].starts_with(b"NDA")
                || context::just_before(text, hit.start, 1, &SIGNED, pass.work())
        }
        INTERNAL => {
            text[hit.start..].starts_with(b"INTERNAL")
                || text[hit.start..].starts_with(b"Internal Use")
                || context::near(text, hit.start, hit.end, &DOCUMENTS, pass.work())
        }
        DISTRIBUTE => context::just_before(text, hit.start, 1, &DO, pass.work()),
        _ => true,
    };
    if found {
        pass.report(Entity::Confidential, hit.start, hit.end);
    }
}
