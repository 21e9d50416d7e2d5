//! Lines of Ollama's two conversations.
//!
//! Clients parse every line into a model that demands `message` or `response`, and take `done` for the
//! end; a line that is neither is none.

use super::members::{quoted, Members, Object};
use super::{Given, Said};
use crate::json::{Kind, Raw};
use crate::stream::options::Identity;

const REASONS: [&str; 4] = ["stop", "length", "load", "unload"];

/// The writer of one stream.
pub(in crate::stream) struct Ollama {
    identity: Identity,
    /// What the last line said, in JSON.
    created: Vec<u8>,
}

impl Ollama {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            created: b"\"1970-01-01T00:00:00Z\"".to_vec(),
        }
    }

    pub(super) fn take(&mut self, given: &Given<'_>) -> Said {
        let line = Members::of(given.data);
        let done = line.get("done").and_then(|done| done.as_bool());
        let message = line.object("message");
        let response = line.get("response").filter(|it| it.kind() == Kind::String);
        if message.is_none() && response.is_none() && done != Some(true) {
            return Said::Events(Vec::new());
        }
        let is_text = |it: &Raw<'_>| it.kind() == Kind::String;
        let created = line.get("created_at").filter(is_text);
        if let Some(created) =
            created.filter(|_| created.map(|it| it.bytes()) != Some(&self.created))
        {
            self.created = created.bytes().to_vec();
        }
        let mut out = Object::new(line.repeated);
        for (key, value) in &line.all {
            match &**key {
                "model" if !is_text(value) => {}
                "created_at" if !is_text(value) => {}
                "message" => match message {
                    Some(message) => {
                        let (message, changed) = said(message);
                        out.changed |= changed;
                        out.key(key);
                        out.bytes.extend_from_slice(&message);
                    }
                    None => out.changed = true,
                },
                "response" if response.is_none() => out.changed = true,
                "done" if done.is_none() => {}
                "done_reason" => {
                    let known = value.as_str().is_some_and(|it| REASONS.contains(&&*it));
                    match (known, done) {
                        (true, _) => out.keep(key, *value),
                        (false, Some(true)) => out.set(key, Some(*value), b"\"stop\""),
                        (false, _) => out.changed |= !value.is_null(),
                    }
                }
                "error" => out.changed = true,
                _ => out.keep(key, *value),
            }
        }
        if line.get("model").filter(is_text).is_none() {
            out.set("model", None, &quoted(&self.identity.model));
        }
        if created.is_none() {
            out.set("created_at", None, &self.created);
        }
        if done.is_none() {
            out.set("done", None, b"false");
        }
        let (bytes, changed) = out.end();
        if !changed && given.framed {
            return Said::Same;
        }
        Said::Events(as_line(if changed { &bytes } else { given.data.bytes() }))
    }
}

/// A message, with the two members that clients demand.
fn said(message: Raw<'_>) -> (Vec<u8>, bool) {
    let members = Members::of(message);
    let mut out = Object::new(members.repeated);
    if members.text("role").is_none() {
        out.set("role", None, b"\"assistant\"");
    }
    let is_content = |it: &Raw<'_>| matches!(it.kind(), Kind::String | Kind::Null);
    for (key, value) in &members.all {
        match &**key {
            "role" if members.text("role").is_none() => {}
            "content" | "thinking" if !is_content(value) => {
                out.set(
                    key,
                    Some(*value),
                    &quoted(&String::from_utf8_lossy(value.bytes())),
                );
            }
            _ => out.keep(key, *value),
        }
    }
    if members.get("content").is_none() {
        out.set("content", None, b"\"\"");
    }
    let (bytes, changed) = out.end();
    if changed {
        (bytes, true)
    } else {
        (message.bytes().to_vec(), false)
    }
}

/// An error is one text.
pub(super) fn error(given: &Given<'_>) -> Said {
    let line = Members::of(given.data);
    let error = line.get("error");
    let text = match error {
        Some(error) if error.kind() == Kind::Object => {
            error.get("message").and_then(|it| it.as_str())
        }
        Some(error) => error.as_str(),
        None => None,
    };
    if given.framed && line.all.len() == 1 && error.is_some_and(|it| it.kind() == Kind::String) {
        return Said::Same;
    }
    let text = text.unwrap_or("the upstream reported an error".into());
    Said::Events(as_line(
        &[b"{\"error\":", &quoted(&text)[..], b"}"].concat(),
    ))
}

fn as_line(data: &[u8]) -> Vec<u8> {
    let mut line: Vec<u8> = data
        .iter()
        .map(|byte| {
            if matches!(byte, b'\n' | b'\r') {
                b' '
            } else {
                *byte
            }
        })
        .collect();
    line.push(b'\n');
    line
}
