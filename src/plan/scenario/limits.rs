//! Limits: the data there is, and the memory of a deployed copy.

use serde::{Deserialize, Serialize};

use crate::cost::stored_bits;
use crate::error::LawError;
use crate::law::published_laws;
use crate::units::Tokens;

/// The data there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataLimit {
    /// Unique tokens U.
    pub unique: Tokens,
    /// Most times they may be shown.
    pub max_epochs: f64,
    /// R_D and R_N of Muennighoff et al. 2023, for laws without repetition;
    /// [`published_repetition`] are those of C4.
    pub repetition: (f64, f64),
    /// Other constants that the same runs allow; the truth may lie anywhere between. Absent where the
    /// constants are known.
    pub rival: Option<(f64, f64)>,
}

impl DataLimit {
    /// `unique` tokens, shown at most `max_epochs` times; repetition as published for C4, with its doubt.
    ///
    /// # Errors
    /// Those of the shipped table of laws.
    pub fn new(unique: Tokens, max_epochs: f64) -> Result<Self, LawError> {
        let (repetition, rival) = (published_repetition()?, rival_repetition()?);
        Ok(Self { unique, max_epochs, repetition, rival })
    }

    /// The constants this far from the published ones towards their rivals, geometrically.
    pub(super) fn repetition_at(&self, towards_rival: f64) -> (f64, f64) {
        let (rd, rn) = self.repetition;
        let between = |from: f64, to: f64| from * (to / from).powf(towards_rival);
        self.rival
            .map_or((rd, rn), |(other_rd, other_rn)| (between(rd, other_rd), between(rn, other_rn)))
    }
}

/// Other R_D and R_N that the runs behind [`published_repetition`] allow: the lowest minimum of their
/// objective, from which the published one differs within the noise of the runs.
///
/// # Errors
/// [`LawError`] when the shipped table does not parse.
pub fn rival_repetition() -> Result<Option<(f64, f64)>, LawError> {
    let row = published_laws()?.iter().find(|law| law.name == "muennighoff-repeat");
    let coef = |name| row.and_then(|law| law.rival.get(name)).copied();
    Ok(coef("RD").zip(coef("RN")))
}

/// R_D and R_N as published for C4: the row `muennighoff-repeat` of the table of laws.
///
/// Source: Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6.
///
/// # Errors
/// [`LawError`] when the shipped table does not parse.
pub fn published_repetition() -> Result<(f64, f64), LawError> {
    let row = published_laws()?.iter().find(|law| law.name == "muennighoff-repeat");
    let coef = |name| row.and_then(|law| law.coefs.get(name)).copied();
    Ok(coef("RD").zip(coef("RN")).expect("the shipped row has both constants"))
}

/// The memory of a deployed copy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryLimit {
    /// Bytes for weights and cache.
    pub bytes: f64,
    /// Bits per weight without scales.
    pub weight_bits: f64,
    /// Weights that share one 16-bit scale; absent for none.
    pub scale_group: Option<f64>,
    /// Bits per cache entry.
    pub kv_bits: f64,
    /// Tokens kept in the cache.
    pub context: f64,
}

impl MemoryLimit {
    /// Bits a stored weight takes, its part of the scale included.
    #[must_use]
    pub fn stored_bits(&self) -> f64 {
        stored_bits(self.weight_bits, self.scale_group)
    }
}
