use serde::{Deserialize, Serialize};

use crate::units::{Flops, Params, Tokens};

/// What is doubtful about a value that is still worth having.
///
/// Codes are stable, in JSON and in files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Warning {
    /// The optimiser's end point does not pass the certificate.
    NotCertified {
        /// Gradient norm over its tolerance.
        gradient_ratio: f64,
        /// Smallest eigenvalue of the Hessian.
        hessian_min_eigenvalue: f64,
    },
    /// Some starts ended in another minimum.
    StartsDisagree {
        /// Starts that reached the best one.
        agreeing: usize,
        /// Starts tried.
        starts: usize,
    },
    /// Some bootstrap draws could not be refitted; above a quarter there are no intervals.
    DrawsFailed {
        /// Failed draws.
        failed: usize,
        /// Draws made.
        draws: usize,
    },
    /// An interval spans so much that the coefficient is hardly known.
    FlatProfile {
        /// The coefficient.
        coef: String,
        /// Upper over lower end; absent where the interval reaches zero.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ratio: Option<f64>,
    },
    /// Runs in a corner or on a line of the (N, D/N) plane.
    ThinPlane {
        /// Filled cells of sixteen.
        cells: usize,
    },
    /// Residuals that follow a quantity.
    ResidualTrend {
        /// The quantity.
        against: String,
        /// Student t of its coefficient.
        t: f64,
        /// How far it takes the runs from the law, as a share of the loss.
        size: f64,
        /// N* at the largest budget of the runs with the quantity in the law, over that without.
        moves: f64,
    },
    /// Residuals larger than repeats scatter.
    LackOfFit {
        /// Probability under the law.
        p: f64,
    },
    /// Runs that repeat their data under a law that does not know it.
    RepeatsIgnored {
        /// Runs with more tokens than unique ones.
        runs: usize,
        /// Most epochs.
        epochs: f64,
    },
    /// A schedule that goes lower than any learning rate that was seen.
    DecayUnseen {
        /// Largest decay seen, as a share of the peak.
        seen: f64,
        /// Decay at the end of the forecast.
        ahead: f64,
    },
    /// A curve whose rows leave out its first steps, with nothing said of the rate in them.
    WarmupGuessed {
        /// The curve.
        run: String,
        /// Its first logged step.
        first: usize,
        /// Whether a straight line from zero is assumed, rather than the rate of the first row.
        ramp: bool,
    },
    /// Two of Hoffmann's approaches whose intervals do not meet.
    ApproachesDisagree {
        /// One.
        one: String,
        /// The other.
        other: String,
        /// What they disagree on.
        quantity: String,
    },
    /// Coefficients that the runs bound on one side only, or on none.
    OpenProfile {
        /// The coefficients, each with its open side.
        coefs: String,
    },
    /// A coefficient that would leave its range if it could.
    AtBound {
        /// The coefficient.
        coef: String,
        /// The end of the range it stands at.
        bound: f64,
    },
    /// The best fit has no floor: the entropy of the text stands at zero.
    NoFloor {
        /// The coefficient.
        coef: String,
        /// Upper end of its interval, nats per token, where there are draws.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_to: Option<f64>,
    },
    /// Sizes at which more tokens end at a higher loss.
    LossRises {
        /// Such sizes.
        sizes: usize,
        /// Sizes with at least three token counts.
        of: usize,
        /// The size at which the rise is largest.
        at: Params,
        /// Tokens of its lowest loss.
        from: Tokens,
        /// Its most tokens.
        to: Tokens,
        /// The rise between them, as a share of the loss.
        share: f64,
    },
    /// Few runs that decide how much compute to spend on size.
    Outliers {
        /// How many.
        runs: usize,
        /// Their names or rows, the farthest first.
        names: Vec<String>,
        /// Their 0-based data rows, where all runs come from one file.
        rows: Vec<usize>,
        /// The budget of the decision below.
        flops: Flops,
        /// N* of all runs there.
        with: Params,
        /// N* without them.
        without: Params,
    },
    /// Runs at one N and D that differ by more than seeds do.
    NotSeeds {
        /// Standard deviation of ln loss within a cell.
        sd: f64,
        /// Cells with several runs.
        cells: usize,
    },
    /// A column that explains the residuals: the table holds several kinds of runs.
    SeveralKinds {
        /// The column.
        column: String,
        /// Its values, the most frequent first.
        values: Vec<String>,
        /// Share of the squared residuals that it explains, 0 to 1.
        share: f64,
        /// Whether the kinds are tries of the same run, of which the best counts.
        tries: bool,
    },
    /// Runs of several recipes fitted as one.
    MixedRecipes {
        /// The column that tells them apart.
        column: String,
        /// The part of the recipe.
        part: String,
        /// What it says, with its runs, the most frequent first.
        groups: Vec<(String, usize)>,
    },
    /// Few runs per coefficient.
    FewRuns {
        /// Runs.
        runs: usize,
        /// Coefficients.
        coefs: usize,
    },
    /// The runs cover tokens per parameter too narrowly to separate N from D.
    NarrowDesign {
        /// Largest over smallest D/N.
        ratio_span: f64,
    },
    /// A prediction outside the range of the runs.
    Extrapolation {
        /// N, D, C or D/N.
        quantity: String,
        /// Factor beyond the nearest run.
        factor: f64,
    },
    /// Beyond its runs a law is worth nothing: fits of the nearer ones missed those farther out by too much.
    DoNotExtrapolate {
        /// What ten times the compute adds to an interval, as a fraction of the loss.
        cost: f64,
        /// By which fraction the law says that it lowers the loss.
        gain: f64,
        /// Fits of nearer runs that were tested on farther ones.
        fits: usize,
        /// A law that missed them by less.
        better: Option<String>,
    },
    /// No range of runs is on record, so nothing says where the law holds.
    NoRange {
        /// The law.
        law: String,
    },
    /// A size close to the smallest that can reach the loss.
    NearWall {
        /// N over the wall.
        ratio: f64,
    },
    /// A plan nearly as good costs far less: the recommended one is pressed against a limit.
    CheaperNeighbour {
        /// Its size.
        params: Params,
        /// Its training tokens.
        tokens: Tokens,
        /// Its cost over that of the plan.
        cost_ratio: f64,
        /// Its loss above that of the plan, nats per token.
        more_nats: f64,
        /// The same as a share of the plan's loss above the floor.
        loss_share: f64,
    },
    /// Most of the compute goes into tokens that were seen before.
    ComputeWasted {
        /// Times the unique tokens are shown.
        epochs: f64,
        /// Share of the compute that unlimited data would not need for the same loss.
        lost: f64,
        /// Compute that would reach the loss on unlimited data.
        needed: Flops,
    },
    /// A law has no term for repeated tokens and can borrow none.
    RepetitionUnpriced {
        /// The law.
        law: String,
    },
    /// Laws disagree enough to change the decision.
    LawsDisagree {
        /// What they disagree on.
        quantity: String,
        /// Largest over smallest.
        ratio: f64,
    },
    /// Following one law costs much when another is true.
    DecisionDisputed {
        /// The law followed.
        follow: String,
        /// The law that is true.
        under: String,
        /// Excess cost or wasted compute, a fraction; infinite when there is no such plan.
        regret: f64,
        /// The size of least regret.
        instead: String,
        /// Its largest regret.
        least: f64,
    },
    /// Held-out errors cannot tell the best law from others.
    LawsTied {
        /// The laws, best first.
        laws: String,
        /// The quantity along which runs were held out.
        axis: String,
    },
    /// A fit made again is not the stored one.
    ReplayDiffers {
        /// Entries that differ.
        differences: usize,
    },
    /// Too few groups for a bootstrap over them.
    FewClusters {
        /// Groups.
        clusters: usize,
        /// What they are groups of.
        by: String,
    },
    /// Random signs under an objective with a band or a kink, or on few runs.
    WildUndercovers {
        /// The objective.
        objective: String,
    },
    /// Rows left out on request.
    RowsSkipped {
        /// Rows left out.
        skipped: usize,
        /// Rows there were.
        total: usize,
    },
    /// Something was given for a run that no file has.
    UnknownRun {
        /// The run named.
        run: String,
        /// The names that it may have been meant for.
        near: Vec<String>,
    },
    /// Runs whose learning rate came down beside runs whose did not.
    MixedSchedules {
        /// Runs at a constant rate.
        constant: usize,
        /// Runs that decayed.
        decayed: usize,
    },
    /// Logged FLOPs that follow two rules in one table.
    MixedFlops {
        /// Runs that follow the other rule.
        runs: usize,
        /// One of them.
        run: String,
        /// The other rule.
        what: String,
    },
    /// Logged FLOPs over 6 N D change over the table.
    FlopsDrift {
        /// Smallest logged C over 6 N D.
        low: f64,
        /// Largest.
        high: f64,
        /// That of the runs with most compute, which plans use.
        used: f64,
    },
    /// Logged FLOPs are not near 6 N D.
    FlopsMismatch {
        /// Median of logged C over 6 N D.
        ratio: f64,
    },
    /// A draw of the ensemble has no such plan.
    DrawsWithoutPlan {
        /// Draws without a plan.
        failed: usize,
        /// Draws tried.
        draws: usize,
        /// What they lack.
        what: String,
    },
    /// An isoFLOP profile whose lowest run is its smallest or largest model.
    ValleyNotBracketed {
        /// The budget.
        flops: f64,
    },
    /// Constants that their own source does not support.
    DoubtfulConstants {
        /// The law.
        law: String,
        /// Why.
        reason: String,
    },
}

/// Serialises warnings as `{code, message, …}`, the form scripts read.
///
/// # Errors
/// Those of the serializer.
pub fn with_messages<S: serde::Serializer>(
    warnings: &[Warning],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct WithMessage<'a> {
        #[serde(flatten)]
        warning: &'a Warning,
        message: String,
    }
    serializer.collect_seq(
        warnings.iter().map(|warning| WithMessage { warning, message: warning.to_string() }),
    )
}
