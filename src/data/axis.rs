//! What the positions of a log count.

/// What the positions of a log count, the surest first. A log of another axis than steps keeps it
/// until the facts are known that turn it into steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Axis {
    /// Optimiser steps.
    #[default]
    Step,
    /// Tokens seen.
    Tokens,
    /// Sequences seen.
    Samples,
    /// Passes over the data.
    Epoch,
}

impl Axis {
    pub(super) const ALL: [Self; 4] = [Self::Step, Self::Tokens, Self::Samples, Self::Epoch];
}
