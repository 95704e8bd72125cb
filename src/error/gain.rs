use thiserror::Error;

use crate::units::Flops;

/// Two recipes that cannot be compared, with the runs that would change it.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum GainProblem {
    /// No loss was reached by both.
    #[error(
        "no loss was reached by both: `{lower}` begins at {from:.4} nats ({from_flops} FLOPs) and `{higher}` ends at {to:.4} ({to_flops} FLOPs); run `{lower}` at less than {from_flops} FLOPs, or `{higher}` at more than {to_flops}"
    )]
    NoLossInCommon {
        /// The recipe with the lower losses.
        lower: String,
        /// Its highest.
        from: f64,
        /// Where.
        from_flops: Flops,
        /// The other.
        higher: String,
        /// Its lowest.
        to: f64,
        /// Where.
        to_flops: Flops,
    },
    /// A recipe whose loss does not fall.
    #[error(
        "the loss of `{name}` does not fall with compute: {from:.4} nats at {from_flops} FLOPs and {to:.4} at {to_flops}; look at its units, its learning rates and what its columns are"
    )]
    NoFall {
        /// The recipe.
        name: String,
        /// Its lowest loss at the smallest budget.
        from: f64,
        /// That budget.
        from_flops: Flops,
        /// Its lowest at the largest.
        to: f64,
        /// That budget.
        to_flops: Flops,
    },
    /// A recipe that was tried at one budget.
    #[error(
        "`{name}` has runs at one budget only, {flops} FLOPs, so nothing says how its loss falls with compute; add runs at about {smaller} FLOPs, or at {larger}"
    )]
    OneBudget {
        /// The recipe.
        name: String,
        /// The budget.
        flops: Flops,
        /// One that would help.
        smaller: Flops,
        /// Another.
        larger: Flops,
    },
    /// Losses that mean different things.
    #[error(
        "`{a}` and `{b}` differ in {what} ({of_a} and {of_b}), so their losses are not of the same thing; compare losses per byte of one validation text"
    )]
    NotTheSameLoss {
        /// The first recipe.
        a: String,
        /// The other.
        b: String,
        /// In what.
        what: String,
        /// What the first has.
        of_a: String,
        /// What the other has.
        of_b: String,
    },
    /// No way can be taken.
    #[error("nothing compares `{a}` and `{b}`: {}", .reasons.join("; "))]
    NoWay {
        /// The first recipe.
        a: String,
        /// The other.
        b: String,
        /// Why, way by way.
        reasons: Vec<String>,
    },
    /// One recipe alone.
    #[error("a comparison takes two recipes or more; {found} was given")]
    TooFewRecipes {
        /// How many.
        found: usize,
    },
    /// A column that tells no two recipes apart.
    #[error("column `{column}` holds one value only, {value}; a comparison takes two recipes")]
    OneRecipe {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// A recipe that is not there.
    #[error("there is no recipe `{name}`, only {}", .known.join(", "))]
    UnknownRecipe {
        /// The name asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
}
