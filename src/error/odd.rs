//! What is odd about numbers that cannot be what their column is called.

/// What is odd about numbers that cannot be what their column is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Odd {
    /// Counts in millions or billions, a loss that is none.
    TooSmall,
    /// A loss above what guessing loses.
    Perplexity,
    /// Compute that is far from 6 N D.
    OffTheRule,
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "they seem to be in another unit; give the factor of the column",
            Self::Perplexity => {
                "guessing among all tokens loses less, so they seem to be perplexities; take their logarithm"
            }
            Self::OffTheRule => {
                "N, D and C do not belong together; give the factor of the column that is in another unit"
            }
        })
    }
}
