//! Internet addresses of machines, versions 4 and 6.
//!
//! Four numbers with dots are also a version of software; the ranges, the neighbours and the word
//! before tell. Loopback and the unspecified address name nobody.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::sensitivity::bytes::{after_escape, before, digits_end, get, is_word};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;

/// Words before a version or a section.
pub(in crate::sensitivity) static AGAINST: List = List::new(&[
    "appendix",
    "build",
    "chapter",
    "clause",
    "driver",
    "firmware",
    "oid",
    "paragraph",
    "rel",
    "release",
    "releases",
    "rev",
    "revision",
    "rfc",
    "section",
    "update",
    "v",
    "ver",
    "version",
    "versions",
]);

/// Words that speak for an address.
pub(in crate::sensitivity) static FOR: List = List::new(&[
    "addr",
    "address",
    "addresses",
    "client",
    "dns",
    "from",
    "gateway",
    "host",
    "inet",
    "ip",
    "ips",
    "ipv",
    "login",
    "peer",
    "ping",
    "proxy",
    "remote",
    "route",
    "server",
    "ssh",
    "subnet",
]);

/// Looks at four numbers from `start` on; answers whether an address was found.
pub(in crate::sensitivity) fn find_v4(pass: &mut Pass<'_, '_>, start: usize) -> bool {
    let text = pass.text;
    let last = before(text, start, 1);
    if (is_word(last) && !after_escape(text, start)) || matches!(last, b'.' | b'-') {
        return false;
    }
    let mut octets = [0u8; 4];
    let mut at = start;
    for (index, octet) in octets.iter_mut().enumerate() {
        let end = digits_end(text, at, 4);
        let value = text[at..end]
            .iter()
            .fold(0u32, |sum, byte| sum * 10 + u32::from(byte - b'0'));
        let leading_zero = end - at > 1 && text[at] == b'0';
        let Ok(value) = u8::try_from(value) else {
            return false;
        };
        if end == at || end - at > 3 || leading_zero {
            return false;
        }
        *octet = value;
        at = end;
        if index < 3 {
            if get(text, at) != b'.' {
                return false;
            }
            at += 1;
        }
    }
    *pass.work() += (at - start) as u64;
    let next = get(text, at);
    if is_word(next) || (matches!(next, b'.' | b'-') && is_word(get(text, at + 1))) {
        return false;
    }
    let address = Ipv4Addr::from(octets);
    if address.is_loopback() || address.is_unspecified() || address.is_broadcast() || octets[0] == 0
    {
        return false;
    }
    let named = context::just_before(text, start, 4, &FOR, pass.work());
    // 1.2.3.4 is an address only where a word says so.
    let like_version = octets.iter().all(|it| *it < 20);
    if !named && (like_version || context::just_before(text, start, 2, &AGAINST, pass.work())) {
        return false;
    }
    pass.report_number(Entity::Ip, start, at);
    true
}

/// Looks at the token of hexadecimal digits and colons around `start`; answers whether it is an
/// address.
pub(in crate::sensitivity) fn find_v6(pass: &mut Pass<'_, '_>, start: usize) -> bool {
    const LONGEST: usize = 39;
    let text = pass.text;
    if start < pass.colons {
        return false;
    }
    let inside = |byte: u8| byte.is_ascii_hexdigit() || byte == b':';
    let mut from = start;
    while from > 0 && start - from <= LONGEST && inside(text[from - 1]) {
        from -= 1;
    }
    let mut to = start;
    while to - start <= LONGEST && inside(get(text, to)) {
        to += 1;
    }
    pass.colons = to;
    *pass.work() += (to - from) as u64;
    let token = &text[from..to];
    if token.len() > LONGEST || is_word(before(text, from, 1)) || is_word(get(text, to)) {
        return false;
    }
    let colons = token.iter().filter(|it| **it == b':').count();
    let groups = token.split(|it| *it == b':').filter(|it| !it.is_empty());
    if colons < 3 || groups.clone().count() < 3 || !groups.clone().any(|it| it.len() >= 3) {
        return false;
    }
    let address = std::str::from_utf8(token)
        .ok()
        .and_then(|it| it.parse::<Ipv6Addr>().ok());
    if address.is_none_or(|it| it.is_loopback() || it.is_unspecified()) {
        return false;
    }
    pass.report_number(Entity::Ip, from, to);
    true
}
