//! A thin shelf over well-kept crates: dual numbers, roots, quantiles, small dense algebra, and
//! the one solver that is ours, the trust-region Newton method of [`minimise`].

mod dense;
mod newton;
mod parallel;
mod quantile;
mod root;
mod stream;

pub use dense::{
    dot, nonnegative_least_squares, nonnegative_least_squares_of, smallest_eigenvalue,
};
pub use newton::{Jet, NewtonConfig, NewtonEnd, Quadratic, minimise};
pub use parallel::map_all;
pub use quantile::{Interval, mean, median, quantile, standard_deviation};
pub use root::{find_root, find_root_upward};
pub use stream::{Stream, stream};

/// Numbers a law can be evaluated in: `f64` and every dual number over it.
///
/// A law is written once over `Real`; derivatives then come from the arithmetic itself.
pub trait Real: num_dual::DualNum<Primitive = f64> + Copy {}

impl<T: num_dual::DualNum<Primitive = f64> + Copy> Real for T {}
