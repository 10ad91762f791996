//! SUMMARY    Randomness arrives as a trait, so that a seed replays a run.
//! INVARIANTS `SystemRng` is for ids and jitter. Keys, salts and tokens come from the cryptographic provider, not from here.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::atomic::{AtomicU64, Ordering},
};

/// Uniform 64-bit numbers.
pub trait Rng: Send + Sync + 'static {
    fn next_u64(&self) -> u64;

    /// Uniform in `0..bound` (bias below 2^-32 for the small bounds used here); 0 for a bound of 0.
    fn below(&self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64 }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): deterministic for a seed; lock-free.
#[derive(Debug)]
pub struct SeededRng(AtomicU64);

impl SeededRng {
    pub fn new(seed: u64) -> Self {
        SeededRng(AtomicU64::new(seed))
    }
}

impl Rng for SeededRng {
    fn next_u64(&self) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GOLDEN, Ordering::Relaxed).wrapping_add(GOLDEN);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// `SeededRng` seeded from the operating system's entropy (through the standard library's hash keys).
#[derive(Debug)]
pub struct SystemRng(SeededRng);

impl Default for SystemRng {
    fn default() -> Self {
        SystemRng(SeededRng::new(RandomState::new().build_hasher().finish()))
    }
}

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_replays() {
        let (a, b) = (SeededRng::new(7), SeededRng::new(7));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert!((0..1000).all(|_| a.below(10) < 10));
        assert_eq!(a.below(0), 0);
    }
}
