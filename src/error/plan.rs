use thiserror::Error;

/// A plan that does not exist.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The loss cannot be reached by any model under this law.
    #[error(
        "a loss of {loss:.4} nats per token is out of reach under `{law}`: its floor E is {floor:.4}"
    )]
    LossBelowFloor {
        /// The law.
        law: String,
        /// Loss asked for.
        loss: f64,
        /// Irreducible loss.
        floor: f64,
    },
    /// This N cannot reach the loss with any number of tokens.
    #[error(
        "{params} parameters are past the wall under `{law}`: no number of tokens reaches {loss:.4} nats; the smallest size that can is above {wall}"
    )]
    PastTheWall {
        /// The law.
        law: String,
        /// N asked for.
        params: String,
        /// Loss asked for.
        loss: f64,
        /// Infimum of the sizes that can.
        wall: String,
    },
    /// Limits that leave no plan.
    #[error(
        "under `{law}` no plan reaches {loss:.4} nats within the limits: the one on {limit} stands in the way; relax it, or aim at a higher loss"
    )]
    Infeasible {
        /// The law.
        law: String,
        /// Loss asked for.
        loss: f64,
        /// The limit.
        limit: &'static str,
    },
    /// Serving costs more than there is.
    #[error(
        "under `{law}` serving alone takes the whole budget at any size; lower the demand or raise the budget"
    )]
    PurseEmpty {
        /// The law.
        law: String,
    },
    /// No interior minimum.
    #[error("`{law}` has no optimum between {lo} and {hi} parameters at C = {flops} FLOPs")]
    NoOptimum {
        /// The law.
        law: String,
        /// The budget.
        flops: String,
        /// Smallest N tried.
        lo: String,
        /// Largest N tried.
        hi: String,
    },
    /// The budget or loss makes no sense here.
    #[error("{what} {found} is outside what a plan can mean: {wanted}")]
    Absurd {
        /// Which input.
        what: &'static str,
        /// Its value.
        found: String,
        /// The range.
        wanted: &'static str,
    },
    /// Inputs that exclude each other, or none at all.
    #[error("{problem}; {mend}")]
    Inputs {
        /// What is wrong.
        problem: String,
        /// How to mend it.
        mend: &'static str,
    },
    /// Not a known model.
    #[error("unknown model `{name}`{}; `isoloss models` lists them, or give --params and --tokens", .nearest.as_ref().map(|n| format!(" (did you mean `{n}`?)")).unwrap_or_default())]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The closest name.
        nearest: Option<String>,
    },
    /// A model whose size is not published.
    #[error("`{name}`: its size is not published; give --params to explain it")]
    SizeUnknown {
        /// The model.
        name: String,
    },
    /// A model whose training tokens are not published.
    #[error("`{name}`: its training tokens are not published; give --tokens to explain it")]
    TokensUnknown {
        /// The model.
        name: String,
    },
}
