//! A thin layer over established crates: dual numbers, roots, quantiles, small dense algebra; and one
//! solver of our own, the trust-region Newton method of [`minimise`].

mod dense;
mod newton;
mod parallel;
mod quantile;
mod real;
mod root;
mod stream;

pub use dense::{
    dot, nonnegative_least_squares, nonnegative_least_squares_of, smallest_eigenvalue,
};
pub use newton::{Jet, NewtonConfig, NewtonEnd, Quadratic, minimise};
pub use parallel::map_all;
pub use quantile::{Interval, mean, median, quantile, standard_deviation};
pub use real::Real;
pub use root::{find_rising_root, find_root, find_root_upward};
pub use stream::{Stream, stream};
