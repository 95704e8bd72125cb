//! The code and the sentence of every warning.

use std::fmt;

use super::warning::Warning;

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
            Self::WarmupGuessed { .. } => "warmup-guessed",
            Self::ApproachesDisagree { .. } => "approaches-disagree",
            Self::OpenProfile { .. } => "open-profile",
            Self::AtBound { .. } => "at-bound",
            Self::NoFloor { .. } => "no-floor",
            Self::LossRises { .. } => "loss-rises",
            Self::Outliers { .. } => "outliers",
            Self::NotSeeds { .. } => "not-seeds",
            Self::SeveralKinds { .. } => "several-kinds",
            Self::MixedRecipes { .. } => "mixed-recipes",
            Self::FewRuns { .. } => "few-runs",
            Self::NarrowDesign { .. } => "narrow-design",
            Self::Extrapolation { .. } => "extrapolation",
            Self::DoNotExtrapolate { .. } => "do-not-extrapolate",
            Self::NoRange { .. } => "no-range",
            Self::NearWall { .. } => "near-wall",
            Self::CheaperNeighbour { .. } => "cheaper-neighbour",
            Self::ComputeWasted { .. } => "compute-wasted",
            Self::RepetitionUnpriced { .. } => "repetition-unpriced",
            Self::LawsDisagree { .. } => "laws-disagree",
            Self::DecisionDisputed { .. } => "decision-disputed",
            Self::LawsTied { .. } => "laws-tied",
            Self::ReplayDiffers { .. } => "replay-differs",
            Self::FewClusters { .. } => "few-clusters",
            Self::WildUndercovers { .. } => "wild-undercovers",
            Self::RowsSkipped { .. } => "rows-skipped",
            Self::UnknownRun { .. } => "unknown-run",
            Self::MixedSchedules { .. } => "mixed-schedules",
            Self::MixedFlops { .. } => "mixed-flops",
            Self::FlopsDrift { .. } => "flops-drift",
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
            Self::DrawsFailed { failed, draws } if 4 * failed > *draws => write!(
                f,
                "{failed} of {draws} bootstrap draws have no certified minimum: above a quarter no interval is given; add runs, hold a coefficient, or take a law with fewer"
            ),
            Self::DrawsFailed { failed, draws } => write!(
                f,
                "{failed} of {draws} bootstrap draws have no certified minimum and are left out of the intervals"
            ),
            Self::FlatProfile { coef, ratio } => {
                let spans = match ratio {
                    Some(ratio) => format!("an interval spans a factor {ratio:.1}"),
                    None => "an interval reaches zero".to_owned(),
                };
                write!(f, "hardly known: {coef} ({spans}); add runs that move them")
            }
            Self::ThinPlane { cells } => write!(
                f,
                "the runs fill {cells} of 16 cells of their (N, D/N) rectangle: outside of those the law is a guess; add runs in the empty corners"
            ),
            Self::ResidualTrend { against, t, size, moves } => write!(
                f,
                "the residuals follow {against} by up to {:.1} % of the loss (t = {t:.1}): with it in the law N* at the largest budget is {:+.0} %; compare it with other laws",
                100.0 * size,
                100.0 * (moves - 1.0)
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
            Self::WarmupGuessed { run, first, ramp } => write!(
                f,
                "`{run}` begins at step {first}: its learning rate before that is taken to {}; say how many steps of warm-up were not logged",
                if *ramp {
                    "rise in a straight line from zero"
                } else {
                    "be that of its first row"
                }
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
            Self::NoFloor { coef, up_to } => {
                let up_to = up_to.map_or(String::new(), |hi| format!(", at most {hi:.3}"));
                write!(
                    f,
                    "no floor is visible: {coef} is zero at the minimum{up_to}; losses that the law extrapolates far down are a guess, so add larger runs or hold {coef}"
                )
            }
            Self::LossRises { sizes, of, at, from, to, share } => write!(
                f,
                "at {sizes} of {of} sizes more tokens end at a higher loss ({at}: {:+.1} % from {from} to {to}): no law of N and D does that, so look at repeated data, learning rates that came down too far, or unfinished runs",
                100.0 * share
            ),
            Self::Outliers { runs, names, flops, with, without, .. } => {
                const SHOWN: usize = 6;
                let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
                let more = names.len().saturating_sub(SHOWN);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                write!(
                    f,
                    "{} off the law of the others ({}{more}): at {flops} FLOPs N* is {with} with them, {without} without",
                    if *runs == 1 { "1 run lies".to_owned() } else { format!("{runs} runs lie") },
                    shown.join(", ")
                )
            }
            Self::NotSeeds { sd, cells } => write!(
                f,
                "runs at one N and D differ by {:.1} % in {cells} places, more than seeds do: they differ in something else (learning rate, text, tokenizer), so keep one kind or the best of each place",
                100.0 * sd
            ),
            Self::SeveralKinds { column, values, share, tries } => {
                const SHOWN: usize = 4;
                let shown: Vec<&str> = values.iter().take(SHOWN).map(String::as_str).collect();
                let more = if values.len() > SHOWN { ", …" } else { "" };
                let (share, what) = (100.0 * share, format!("{}{more}", shown.join(", ")));
                match tries {
                    true => write!(
                        f,
                        "`{column}` ({what}) explains {share:.0} % of the squared residuals: the runs are tries of the same sizes, of which only the best says what a size can reach"
                    ),
                    false => write!(
                        f,
                        "`{column}` ({what}) explains {share:.0} % of the squared residuals: the table holds several kinds of runs, and one law for all of them is none of theirs"
                    ),
                }
            }
            Self::MixedRecipes { column, part, groups } => {
                const SHOWN: usize = 4;
                let shown: Vec<String> = groups
                    .iter()
                    .take(SHOWN)
                    .map(|(value, runs)| format!("{value} ({runs} runs)"))
                    .collect();
                let more = groups.len().saturating_sub(SHOWN);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                write!(
                    f,
                    "runs of several recipes are fitted as one: by {part}, `{column}` says {}{more}; fit each apart, or those of one",
                    shown.join(", ")
                )
            }
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
                "{quantity} is a factor {} beyond the runs the law was fitted on",
                ratio_text(*factor)
            ),
            Self::DoNotExtrapolate { cost, gain, fits, better } => {
                let measured = match fits {
                    0 => "no fit of nearer runs could be tested on farther ones".to_owned(),
                    1 => "measured by a fit of the nearer runs".to_owned(),
                    n => format!("measured by {n} fits of nearer runs"),
                };
                let instead = better.as_ref().map_or_else(
                    || "compare other laws, or add runs of more compute".to_owned(),
                    |law| format!("`{law}` missed them by less"),
                );
                write!(
                    f,
                    "do not extrapolate: at ten times the compute of the runs the loss is uncertain by {:.0} % and the law promises {:.1} % less ({measured}); {instead}",
                    100.0 * cost,
                    100.0 * gain
                )
            }
            Self::CheaperNeighbour { params, tokens, cost_ratio, more_nats, loss_share } => write!(
                f,
                "{params} on {tokens} tokens cost {:.0} % of this plan for {more_nats:.4} nats more ({:.2} % of the loss above the floor)",
                100.0 * cost_ratio,
                100.0 * loss_share
            ),
            Self::ComputeWasted { epochs, lost, needed } => write!(
                f,
                "{:.0} % of the compute goes into repeating the same tokens {epochs:.1} times: on unlimited data {needed} FLOPs reach the same loss",
                100.0 * lost
            ),
            Self::RepetitionUnpriced { law } => write!(
                f,
                "`{law}` cannot price repeated tokens, so each is shown once; a law of the Chinchilla form can"
            ),
            Self::NoRange { law } => {
                write!(f, "no range of runs is on record for `{law}`: nothing says where it holds")
            }
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
            Self::UnknownRun { run, near } => {
                write!(f, "no run is called `{run}`, so what was given for it has no effect")?;
                match near.as_slice() {
                    [] => Ok(()),
                    names => write!(f, "; there is {}", names.join(", ")),
                }
            }
            Self::MixedSchedules { constant, decayed } => write!(
                f,
                "{constant} runs end at a constant learning rate and {decayed} decayed: without decay the loss is higher at the same N and D; fit them separately, or decay a copy of each"
            ),
            Self::MixedFlops { runs, run, what } => write!(
                f,
                "the logged FLOPs of {runs} runs ({run} among them) are {what}, those of the others 6 N D; leave the column out, or scale it per file"
            ),
            Self::FlopsDrift { low, high, used } => write!(
                f,
                "logged FLOPs run from {low:.2} to {high:.2} of 6 N D over the table; plans spend budgets at the {used:.2} of the largest runs"
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
                    "logged FLOPs are {ratio:.2} times 6 N D (median){guess}; plans spend budgets as they were logged, so check which parameters and which factor were counted"
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

/// A ratio with three digits; above a hundred whole, above a million as a power of ten.
fn ratio_text(ratio: f64) -> String {
    match ratio {
        x if x < 10.0 => format!("{x:.2}"),
        x if x < 100.0 => format!("{x:.1}"),
        x if x < 1e6 => format!("{x:.0}"),
        x => format!("{x:.1e}"),
    }
}
