//! Numbers that the gateway acts on, read from their text without floating point.

/// A whole number, negative ones as 0, too large ones as `u64::MAX`. `None` when the value has a
/// fraction (`1.0` and `1e3` are whole, `1.5` is not). `text` must be a number that the scanner
/// has accepted.
pub(crate) fn integer(text: &[u8]) -> Option<u64> {
    if text.first() == Some(&b'-') {
        return integer(&text[1..]).map(|_| 0);
    }
    if text.iter().all(u8::is_ascii_digit) {
        let mut value = 0u64;
        for &digit in text {
            value = value
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'));
        }
        return Some(value);
    }
    let (scaled, exact) = decimal(text, 0);
    exact.then_some(scaled)
}

/// A non-negative decimal in units of 10^-9, rounded half up, saturating at `i64::MAX`; negative
/// values are 0. Money arrives as decimal text and must not pass through binary fractions.
pub(crate) fn decimal_nanos(text: &[u8]) -> i64 {
    if text.first() == Some(&b'-') {
        return 0;
    }
    let (scaled, _) = decimal(text, 9);
    i64::try_from(scaled).unwrap_or(i64::MAX)
}

/// `text` times 10^`scale`, rounded half up and saturating, and whether nothing was rounded off.
/// Digits beyond the 36th count only for exactness.
fn decimal(text: &[u8], scale: i64) -> (u64, bool) {
    let mut digits: u128 = 0;
    let mut shift: i64 = scale;
    let mut exact = true;
    let mut fraction = false;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'0'..=b'9' => {
                if digits < 10u128.pow(36) {
                    digits = digits * 10 + u128::from(byte - b'0');
                    shift -= i64::from(fraction);
                } else {
                    exact &= byte == b'0';
                    shift += i64::from(!fraction);
                }
            }
            b'.' => fraction = true,
            _ => break,
        }
        at += 1;
    }
    if at < text.len() {
        shift = shift.saturating_add(exponent(&text[at + 1..]));
    }
    if digits == 0 {
        return (0, exact);
    }
    while shift > 0 && digits <= u128::from(u64::MAX) {
        digits *= 10;
        shift -= 1;
    }
    let mut rest = 0;
    while shift < 0 && digits > 0 {
        exact &= rest == 0;
        rest = digits % 10;
        digits /= 10;
        shift += 1;
    }
    if shift < 0 {
        // Ran out of digits before the scale: less than half of a unit.
        return (0, false);
    }
    exact &= rest == 0;
    (
        u64::try_from(digits + u128::from(rest >= 5)).unwrap_or(u64::MAX),
        exact,
    )
}

fn exponent(text: &[u8]) -> i64 {
    let (negative, text) = match text.first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let mut value = 0i64;
    for &digit in text {
        value = value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'));
    }
    if negative {
        -value
    } else {
        value
    }
}
