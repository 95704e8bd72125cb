//! The numbers a law is written in.

/// Numbers a law can be evaluated in: `f64` and every dual number over it.
///
/// A law is written once over `Real`; derivatives then come from the arithmetic itself.
pub trait Real: num_dual::DualNum<Primitive = f64> + Copy {}

impl<T: num_dual::DualNum<Primitive = f64> + Copy> Real for T {}
