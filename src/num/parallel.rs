//! The same work on many items, on all cores if the feature `parallel` is on.

/// `f` of every item, in order.
#[cfg(feature = "parallel")]
pub fn map_all<T: Sync, U: Send>(items: &[T], f: &(impl Fn(&T) -> U + Sync)) -> Vec<U> {
    use rayon::prelude::*;
    items.par_iter().map(f).collect()
}

/// `f` of every item, in order.
#[cfg(not(feature = "parallel"))]
pub fn map_all<T: Sync, U: Send>(items: &[T], f: &(impl Fn(&T) -> U + Sync)) -> Vec<U> {
    items.iter().map(f).collect()
}
