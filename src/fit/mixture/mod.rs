//! Mixtures of domains: the law of a loss over shares, the best mixture within limits, and whether fewer
//! runs would have chosen it.

mod answer;
mod best;
mod decide;
mod design;
mod held_out;
mod law;
mod request;

pub use answer::{
    BesideRun, DomainShare, DomainTokens, FewerRuns, FormTest, MixtureAnswer, MixtureTest,
    TargetLaw,
};
pub use decide::best_mixture;
pub use design::mixture_design;
pub use law::{MixtureForm, MixtureLaw};
pub use request::MixtureConfig;
