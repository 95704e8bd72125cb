//! Captions of the charts: what is drawn, in words.

/// Of [`Valleys`](super::Valleys).
pub const VALLEYS: &str = "IsoFLOP valleys. Each colour is one training budget; dots are runs, lines the fitted law along that budget, diamonds its compute-optimal size.";
/// Of [`Frontier`](super::Frontier).
pub const FRONTIER: &str = "Loss against training compute. Dots are runs; the line is the fitted compute-optimal frontier with its bootstrap interval, dashed beyond the dearest run.";
/// Of [`Compression`](super::Compression).
pub const COMPRESSION: &str = "Compression curve: every model size that reaches the same loss and the training compute it needs. The tangent is horizontal at the compute-optimal (Chinchilla) point; left of it compute buys a smaller model, up to the wall that no number of tokens passes.";
/// Of [`Predicted`](super::Predicted).
pub const PREDICTED: &str = "The dearest budget, which the fit never saw: what the law fitted on the cheaper budgets says of each run (diamonds, with the interval in which a new run is expected) and what came (dots).";
