//! How a model compares with the optimum of its loss, and why it can be smaller than another.

use std::collections::BTreeMap;

use super::number::{number, percent};
use crate::num::Interval;
use crate::plan::{Continued, Decomposition, Explanation, OUT_OF_REACH};

/// A model beside the optimum of its loss, line by line.
#[must_use]
pub fn explanation_text(e: &Explanation) -> String {
    format!(
        "under {}: {} times the compute-optimal size for its loss, for {} training compute\n\
         \x20 loss                        {:.4} {}, {} tokens per parameter\n\
         \x20 optimal at its loss         {} parameters on {} tokens, {} FLOPs\n\
         \x20 overtraining ratio          {} (D/N over the optimal D/N at the same compute)\n\
         \x20 tokens over optimal         {} (D over the D at which this N is compute-optimal)\n\
         \x20 implied demand              {} served tokens (at which this choice needs the least compute)\n\
         \x20 wall of this loss           {} parameters\n\
         \x20 gain of the next doubling   {:.4} nats by N, {:.4} by D, {:.4} by C in the best split\n",
        e.law,
        number(e.size_ratio),
        percent(e.overhead),
        e.model.loss_nats,
        e.model.loss_unit,
        number(e.model.tokens_per_param),
        e.optimum.n,
        e.optimum.d,
        e.optimum.train_flops,
        number(e.overtraining_ratio),
        number(e.tokens_over_optimal),
        e.implied_serve_tokens,
        e.wall_params,
        e.next_doubling.params,
        e.next_doubling.tokens,
        e.next_doubling.compute,
    )
}

/// Intervals of an explanation's figures over the draws of a fit, a line each.
#[must_use]
pub fn explanation_intervals_text(intervals: &BTreeMap<String, Interval>, level: f64) -> String {
    let line = |(name, i): (&String, &Interval)| {
        format!("  {:.0} % interval of {name}: {:.4} to {:.4}\n", 100.0 * level, i.lo, i.hi)
    };
    intervals.iter().map(line).collect()
}

/// Why a model can be smaller than its reference, line by line.
#[must_use]
pub fn decomposition_text(d: &Decomposition) -> String {
    let tokens = match d.tokens_needed {
        Some(tokens) if tokens > OUT_OF_REACH => {
            format!("out of reach of tokens alone: it would take more than {OUT_OF_REACH}")
        }
        Some(tokens) => format!("{tokens} tokens reach that loss"),
        None => "below the wall: no number of tokens reaches that loss".to_owned(),
    };
    let residual = if d.residual > 1.0 + 1e-9 {
        "better data or method, or lower quality"
    } else {
        "nothing left to explain"
    };
    format!(
        "against {} under {}: {:.4} {}, {:.3} times the size\n\
         \x20 allocation                  {:.3} (optimum {} on {}, {:.2} of its compute)\n\
         \x20 compression                 {:.3} ({:.2} times the optimum's compute, {:.2} of the reference's)\n\
         \x20 residual                    {:.3} ({residual})\n\
         \x20 the model                   {tokens}\n",
        d.reference,
        d.law,
        d.reference_plan.loss_nats,
        d.reference_plan.loss_unit,
        d.size_ratio,
        d.allocation,
        d.optimum.n,
        d.optimum.d,
        d.allocation_compute,
        d.compression,
        d.compression_compute,
        d.compute_over_reference,
        d.residual,
    )
}

/// What further tokens do for a model, line by line.
#[must_use]
pub fn continued_text(c: &Continued) -> String {
    let (all, added) = (&c.scratch_for_all, &c.scratch_for_added);
    format!(
        "trained on to {} tokens: loss {:.4}, {:.4} nats less, for {} FLOPs more\n\
         \x20 from scratch for those FLOPs {} parameters on {} tokens: {:.4}\n\
         \x20 from scratch for all FLOPs   {} parameters on {} tokens: {:.4}\n\
         \x20 the law speaks of whole runs with a decayed rate: a new warm-up gets there later\n",
        c.model.d,
        c.model.loss_nats,
        c.saved_nats,
        c.added_flops,
        added.n,
        added.d,
        added.loss_nats,
        all.n,
        all.d,
        all.loss_nats,
    )
}
