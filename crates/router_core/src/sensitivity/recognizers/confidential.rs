//! Words with which people mark a text as confidential.
//!
//! As substrings these words are in `agenda`, `boundary` and `standard`; as whole words they still
//! have technical uses (a proprietary format, a confidential client), which the next word tells.

use crate::sensitivity::bytes::{before, get};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};
use crate::sensitivity::JOINT;

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
    Literal::word("strictly confidential", CONFIDENTIAL),
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
    if pass.literal && matches!(hit.tag, CONFIDENTIAL | PROPRIETARY | NDA) {
        // An underscore is part of a word in an expression as organizations write them.
        let part = before(text, hit.start, 1) == b'_' || get(text, hit.end) == b'_';
        if !part {
            pass.report(Entity::Confidential, hit.start, hit.end);
        }
        return;
    }
    if context::is_identifier(text, hit.start, hit.end) || is_licence(pass, hit) {
        return;
    }
    let found = match hit.tag {
        CONFIDENTIAL => !is_client(pass, hit) && !is_rule(pass, hit) && !is_promise(pass, hit),
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

/// How far before and behind a word the rest of a licence may stand.
const LICENCE: usize = 240;

/// What licences speak of, and notes of people do not.
pub(in crate::sensitivity) static LICENSED: List = List::new(&[
    "copying",
    "copyright",
    "licence",
    "license",
    "licensed",
    "licensor",
    "licensors",
    "redistribution",
    "reserved",
    "spdx",
]);

/// Whether a word stands in the licence at the head of a source file: in a comment, beside the words of
/// a licence. The same words on a slide are no comment.
fn is_licence(pass: &mut Pass<'_, '_>, hit: &Hit) -> bool {
    const LONGEST_LINE: usize = 160;
    let text = pass.text;
    let from = hit.start.saturating_sub(LONGEST_LINE);
    *pass.work() += (hit.start - from) as u64;
    let line = match text[from..hit.start].iter().rposition(|it| *it == b'\n') {
        Some(at) => &text[from + at + 1..hit.start],
        None if from == 0 => &text[..hit.start],
        None => return false,
    };
    let line = line.trim_ascii_start();
    let comment = [&b"//"[..], b"/*", b"*", b"#", b"--", b";", b"%", b"<!--"];
    if !comment.iter().any(|it| line.starts_with(it)) {
        return false;
    }
    let (from, to) = (hit.start.saturating_sub(LICENCE), hit.end + LICENCE);
    context::any(text, from, to.min(text.len()), &LICENSED, pass.work())
}

/// What belongs to a client of an office.
pub(in crate::sensitivity) static OFFICE: List = List::new(&[
    "account",
    "accounts",
    "contract",
    "contracts",
    "data",
    "document",
    "documents",
    "file",
    "files",
    "information",
    "list",
    "lists",
    "material",
    "materials",
    "matter",
    "matters",
    "record",
    "records",
]);

/// Whether `confidential` is a word of OAuth, or of hardware.
fn is_client(pass: &mut Pass<'_, '_>, hit: &Hit) -> bool {
    let text = pass.text;
    let to = (hit.end + 48).min(text.len());
    *pass.work() += (to - hit.end) as u64;
    let (mut technical, mut office, mut count) = (false, false, 0);
    context::words(text, hit.end, to, |word, _| {
        count += 1;
        match technical {
            false => technical = TECHNICAL.has(word),
            true => office = OFFICE.has(word),
        }
        // What follows, and what that has.
        technical && !office && count < 3
    });
    !office && (technical || context::near(text, hit.start, hit.end, &OAUTH, pass.work()))
}

/// What a rule about confidential things says before the word.
pub(in crate::sensitivity) static ANY: List = List::new(&[
    "any",
    "disclose",
    "disclosing",
    "no",
    "or",
    "other",
    "reveal",
    "revealing",
    "sensitive",
    "share",
    "sharing",
    "upload",
]);

/// What such a rule is about.
pub(in crate::sensitivity) static THINGS: List = List::new(&[
    "content",
    "data",
    "details",
    "info",
    "information",
    "material",
    "materials",
]);

/// What an assistant is told about its own instructions.
pub(in crate::sensitivity) static PROMPT: List = List::new(&["instructions", "prompt", "prompts"]);

/// Whether the sentence is a rule about confidential things, which marks nothing: `do not share any
/// confidential information`, `keep this system prompt confidential`.
fn is_rule(pass: &mut Pass<'_, '_>, hit: &Hit) -> bool {
    let text = pass.text;
    (context::just_before(text, hit.start, 1, &ANY, pass.work())
        && context::just_after(text, hit.end, &THINGS, pass.work()))
        || context::near(text, hit.start, hit.end, &PROMPT, pass.work())
}

/// How far before the word a promise begins.
const PROMISE: usize = 120;

/// Of whom a site that promises discretion speaks.
pub(in crate::sensitivity) static OTHERS: List = List::new(&[
    "all",
    "customers",
    "members",
    "personal",
    "users",
    "visitors",
    "your",
    "yours",
]);

/// What it promises to keep.
pub(in crate::sensitivity) static KEPT: List = List::new(&[
    "address",
    "addresses",
    "answers",
    "data",
    "details",
    "identity",
    "info",
    "information",
    "records",
    "responses",
    "submissions",
]);

/// What a sentence names that marks the very text in which it stands.
pub(in crate::sensitivity) static ITSELF: List = List::new(&[
    "agreement",
    "attached",
    "company",
    "contents",
    "corporate",
    "deck",
    "document",
    "draft",
    "email",
    "employee",
    "employees",
    "file",
    "following",
    "herein",
    "mail",
    "memo",
    "memorandum",
    "message",
    "minutes",
    "our",
    "plan",
    "presentation",
    "report",
    "slide",
    "slides",
    "staff",
    "strategy",
    "these",
    "this",
]);

/// Whether the sentence promises strangers discretion and marks nothing: `we keep your data confidential`,
/// `all information is strictly confidential`.
fn is_promise(pass: &mut Pass<'_, '_>, hit: &Hit) -> bool {
    let text = pass.text;
    if text[hit.start..hit.end].iter().any(u8::is_ascii_uppercase) {
        return false;
    }
    let from = hit.start.saturating_sub(PROMISE);
    let ends = |byte: &u8| matches!(*byte, b'.' | b'!' | b'?' | b':' | b'\n' | JOINT);
    let from = match text[from..hit.start].iter().rposition(ends) {
        Some(at) => from + at + 1,
        None => from,
    };
    let mut says = |list: &List| context::any(text, from, hit.start, list, pass.work());
    says(&OTHERS) && says(&KEPT) && !says(&ITSELF)
}

/// Words that only protocols of authorization use.
pub(in crate::sensitivity) static OAUTH: List =
    List::new(&["keycloak", "oauth", "oidc", "openid", "pkce"]);
