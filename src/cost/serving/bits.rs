//! Bits of a stored weight.

/// Weights that usually share one 16-bit scale: 32 below eight bits, none from there on.
#[must_use]
pub fn usual_scale_group(bits: f64) -> Option<f64> {
    (bits < 8.0).then_some(32.0)
}

/// Bits a stored weight takes, its part of a 16-bit scale included.
#[must_use]
pub fn stored_bits(bits: f64, scale_group: Option<f64>) -> f64 {
    bits + scale_group.map_or(0.0, |group| 16.0 / group)
}
