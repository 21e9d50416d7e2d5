//! Many random numbers out of the one draw that a caller hands in.
//!
//! SplitMix64: one addition and three multiplications per number, every seed is a good seed, and
//! the same draw replays the same decision. Balancing and jitter need no more; nothing here is a
//! secret, and nothing that must be one may be made here.

/// A deterministic sequence of random numbers.
#[derive(Debug, Clone)]
pub struct Draws(u64);

impl Draws {
    /// The sequence that belongs to this draw.
    pub fn new(draw: u64) -> Self {
        Self(draw)
    }

    /// The next number, uniform over all `u64`.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number, uniform over the open interval (0, 1): never 0, so a logarithm is finite.
    pub fn unit(&mut self) -> f64 {
        ((self.word() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// The next number below `bound` (0 when `bound` is 0). The bias of the multiplication is
    /// below 2^-32 for every bound that a list of deployments can have.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.word()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Draws;

    #[test]
    fn the_same_draw_replays() {
        let (mut first, mut second) = (Draws::new(7), Draws::new(7));
        for _ in 0..100 {
            assert_eq!(first.word(), second.word());
        }
    }

    #[test]
    fn bounds_hold_for_extreme_draws() {
        for draw in [0, 1, u64::MAX, u64::MAX / 2] {
            let mut draws = Draws::new(draw);
            for bound in [1, 2, 3, 1000] {
                assert!(draws.below(bound) < bound);
                let unit = draws.unit();
                assert!(unit > 0.0 && unit < 1.0);
            }
        }
        assert_eq!(Draws::new(1).below(0), 0);
    }
}
