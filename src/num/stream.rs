//! Seeded random streams that do not depend on the number of threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The generator behind every random choice of isoloss.
pub type Stream = ChaCha8Rng;

/// Stream `index` of `seed`: draws of one index never overlap those of another.
///
/// ChaCha gives 2^64 independent streams per seed, so work item i takes stream i and the result is
/// the same whatever thread it ran on.
#[must_use]
pub fn stream(seed: u64, index: u64) -> Stream {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}
