//! Sixty-four bytes at a time into bit masks.
//!
//! A mask is a loop without branches over an array of fixed size, which compiles to vector compares
//! on every architecture without a line of `unsafe`. What is driven by set bits pays for what it
//! looks for and hardly for what lies between. It must never branch on a single byte.

/// Bytes per block.
pub const BLOCK: usize = 64;

/// The block that begins at `at`; `None` where fewer bytes are left.
#[inline(always)]
pub fn block(bytes: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    bytes.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>)
}

/// The bytes of a block that pass `test`; bit `i` is byte `i`.
#[inline(always)]
pub fn mask_of(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0u8; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(test(*byte));
    }
    gather(&flags)
}

/// Whether any byte of a block passes `test`.
#[inline(always)]
pub fn any_of(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> bool {
    let mut flag = 0u8;
    for byte in block {
        flag |= u8::from(test(*byte));
    }
    flag != 0
}

/// One bit per byte that is `1`; the others must be `0`.
#[inline(always)]
fn gather(flags: &[u8; BLOCK]) -> u64 {
    let mut mask = 0;
    for (index, chunk) in flags.chunks_exact(8).enumerate() {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        mask |= (word.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (index * 8);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_is_a_byte() {
        let bytes: Vec<u8> = (0..BLOCK as u8 + 1).collect();
        for at in [0, 1] {
            let it = block(&bytes, at).expect("whole");
            for wanted in 0..BLOCK {
                let test = |byte: u8| usize::from(byte) == wanted + at;
                assert_eq!(mask_of(it, test), 1 << wanted);
                assert!(any_of(it, test));
            }
            assert!(!any_of(it, |byte| byte > 200));
        }
        assert!(block(&bytes, 2).is_none());
        assert!(block(&bytes, 200).is_none());
    }
}
