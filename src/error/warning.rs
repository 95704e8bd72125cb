use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Some bootstrap draws could not be refitted.
    DrawsFailed {
        /// Failed draws.
        failed: usize,
        /// Draws asked for.
        draws: usize,
    },
    /// An interval spans so much that the coefficient is hardly known.
    FlatProfile {
        /// The coefficient.
        coef: String,
        /// Upper over lower end.
        ratio: f64,
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
    /// A size close to the smallest that can reach the loss.
    NearWall {
        /// N over the wall.
        ratio: f64,
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

impl Warning {
    /// The stable code, as in JSON.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotCertified { .. } => "not-certified",
            Self::StartsDisagree { .. } => "starts-disagree",
            Self::DrawsFailed { .. } => "draws-failed",
            Self::FlatProfile { .. } => "flat-profile",
            Self::ThinPlane { .. } => "thin-plane",
            Self::ResidualTrend { .. } => "residual-trend",
            Self::LackOfFit { .. } => "lack-of-fit",
            Self::RepeatsIgnored { .. } => "repeats-ignored",
            Self::DecayUnseen { .. } => "decay-unseen",
            Self::ApproachesDisagree { .. } => "approaches-disagree",
            Self::OpenProfile { .. } => "open-profile",
            Self::AtBound { .. } => "at-bound",
            Self::FewRuns { .. } => "few-runs",
            Self::NarrowDesign { .. } => "narrow-design",
            Self::Extrapolation { .. } => "extrapolation",
            Self::NearWall { .. } => "near-wall",
            Self::LawsDisagree { .. } => "laws-disagree",
            Self::DecisionDisputed { .. } => "decision-disputed",
            Self::LawsTied { .. } => "laws-tied",
            Self::ReplayDiffers { .. } => "replay-differs",
            Self::FewClusters { .. } => "few-clusters",
            Self::WildUndercovers { .. } => "wild-undercovers",
            Self::RowsSkipped { .. } => "rows-skipped",
            Self::MixedSchedules { .. } => "mixed-schedules",
            Self::MixedFlops { .. } => "mixed-flops",
            Self::FlopsMismatch { .. } => "flops-mismatch",
            Self::DrawsWithoutPlan { .. } => "draws-without-plan",
            Self::ValleyNotBracketed { .. } => "valley-not-bracketed",
            Self::DoubtfulConstants { .. } => "doubtful-constants",
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCertified { gradient_ratio, hessian_min_eigenvalue } => write!(
                f,
                "the minimum is not certified (gradient {gradient_ratio:.1e} of its tolerance, smallest Hessian eigenvalue {hessian_min_eigenvalue:.2e}); do not plan with it: add runs or hold a coefficient"
            ),
            Self::StartsDisagree { agreeing, starts } => write!(
                f,
                "only {agreeing} of {starts} starts reached the lowest minimum found; the others ended in local ones, so look at the residuals"
            ),
            Self::DrawsFailed { failed, draws } => write!(
                f,
                "{failed} of {draws} bootstrap draws have no certified minimum and are left out of the intervals"
            ),
            Self::FlatProfile { coef, ratio } => write!(
                f,
                "{coef} is hardly known: its interval spans a factor {ratio:.1}; add runs that move it"
            ),
            Self::ThinPlane { cells } => write!(
                f,
                "the runs fill {cells} of 16 cells of their (N, D/N) rectangle: outside of those the law is a guess; add runs in the empty corners"
            ),
            Self::ResidualTrend { against, t } => write!(
                f,
                "the residuals follow {against} (t = {t:.1}): the law misses something there; compare it with other laws, or leave out the runs at that end"
            ),
            Self::LackOfFit { p } => write!(
                f,
                "residuals are larger than the scatter of repeated runs (p = {p:.1e}): the law is wrong by more than seed noise; compare it with other laws"
            ),
            Self::RepeatsIgnored { runs, epochs } => write!(
                f,
                "{runs} runs repeat their data, up to {epochs:.0} times; this law counts repeats as new data, so fit a law of repeated data, or leave those runs out"
            ),
            Self::DecayUnseen { seen, ahead } => write!(
                f,
                "the learning rate fell by {:.0} % of its peak in the steps seen and will fall by {:.0} %: the effect of the rest is extrapolated; add a curve that decays to its end",
                100.0 * seen,
                100.0 * ahead
            ),
            Self::ApproachesDisagree { one, other, quantity } => write!(
                f,
                "approaches `{one}` and `{other}` disagree on {quantity} beyond their intervals; look at the residuals of the law at its largest budgets and at the sizes of each isoFLOP profile"
            ),
            Self::OpenProfile { coefs } => write!(
                f,
                "the runs set no limit to {coefs}: the profile never rises beyond chance; hold them, give a prior, or add runs that depend on them"
            ),
            Self::AtBound { coef, bound } => write!(
                f,
                "{coef} is at the end of its range, {bound}: the range decides it, not the runs; widen the range unless there is a reason for it"
            ),
            Self::FewRuns { runs, coefs } => write!(
                f,
                "{runs} runs for {coefs} coefficients: below about 8 runs per coefficient bootstrap intervals are too wide; profile intervals are closer to their level"
            ),
            Self::NarrowDesign { ratio_span } => write!(
                f,
                "tokens per parameter vary only by a factor {ratio_span:.1}; below about 4 the effects of N and D are hard to separate"
            ),
            Self::Extrapolation { quantity, factor } => write!(
                f,
                "{quantity} is a factor {factor:.2} beyond the runs the law was fitted on"
            ),
            Self::NearWall { ratio } => write!(
                f,
                "only {ratio:.2} times the smallest size that can reach this loss: the tokens needed grow without bound here, and the law is least certain"
            ),
            Self::LawsDisagree { quantity, ratio } => write!(
                f,
                "the laws differ by a factor {ratio:.2} in {quantity}: the choice of law decides this number"
            ),
            Self::DecisionDisputed { follow, under, regret, instead, least } => {
                let percent = |x: f64| {
                    if x.is_finite() {
                        format!("{:.1} %", 100.0 * x)
                    } else {
                        "everything".to_owned()
                    }
                };
                write!(
                    f,
                    "the laws disagree enough to change the decision: following {follow} loses {} if {under} is true; {instead} parameters lose {} at most",
                    percent(*regret),
                    percent(*least)
                )
            }
            Self::LawsTied { laws, axis } => write!(
                f,
                "on held-out runs along {axis} these laws are within the noise of each other: {laws}; the first is used, so plan under each of them or add runs farther out"
            ),
            Self::ReplayDiffers { differences } => write!(
                f,
                "the fit was not reproduced: {differences} entries differ; see the list for whether the data, the version or the machine changed"
            ),
            Self::FewClusters { clusters, by } => write!(
                f,
                "only {clusters} groups to resample by {by}: below about 10 groups intervals are too narrow; resample rows, or add groups"
            ),
            Self::WildUndercovers { objective } => write!(
                f,
                "wild resampling under {objective} on this many runs gives intervals that are too narrow (measured in benches/README.md); resample rows, or use least squares on at least ten runs per coefficient"
            ),
            Self::RowsSkipped { skipped, total } => {
                write!(
                    f,
                    "{skipped} of {total} rows, runs or files left out; each is listed with its reason"
                )
            }
            Self::MixedSchedules { constant, decayed } => write!(
                f,
                "{constant} runs end at a constant learning rate and {decayed} decayed: without decay the loss is higher at the same N and D; fit them separately, or decay a copy of each"
            ),
            Self::MixedFlops { runs, run, what } => write!(
                f,
                "the logged FLOPs of {runs} runs ({run} among them) are {what}, those of the others 6 N D; leave the column out, or scale it per file"
            ),
            Self::FlopsMismatch { ratio } => {
                let (lo, hi) = (0.97 * ratio, 1.03 * ratio);
                let guess = match () {
                    () if (lo..hi).contains(&(1.0 / 3.0)) => {
                        "; that is 2 N D, the forward pass alone: multiply the column by 3"
                    }
                    () if (lo..hi).contains(&(4.0 / 3.0)) => {
                        "; that is 8 N D, with activations recomputed: multiply the column by 0.75"
                    }
                    () if (1.0..1.6).contains(ratio) => {
                        "; attention may be counted, or N leaves embeddings out"
                    }
                    () => "",
                };
                write!(
                    f,
                    "logged FLOPs are {ratio:.2} times 6 N D (median){guess}; check which parameters and which factor were counted"
                )
            }
            Self::DrawsWithoutPlan { failed, draws, what } => write!(
                f,
                "{failed} of {draws} draws of the law have no {what}; the interval covers the others"
            ),
            Self::ValleyNotBracketed { flops } => write!(
                f,
                "at {flops:.2e} FLOPs the lowest loss is at the edge of the sizes; add sizes on that side"
            ),
            Self::DoubtfulConstants { law, reason } => write!(f, "{law}: {reason}"),
        }
    }
}
