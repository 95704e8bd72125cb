//! The answer of a fit in a few lines: may it be believed, what it says to do, how it was tested.

use super::number::number;
use super::style::Style;
use super::text::Text;
use crate::error::{Severity, Warning};
use crate::fit::{Decision, Fit, HeldOut, Reach};
use crate::num::Interval;
use crate::units::short_count;

/// Two to six lines.
///
/// - `warnings`: of the fit and of all that was asked beside it.
#[must_use]
pub fn verdict_text(
    fit: &Fit,
    decisions: &[Decision],
    held_out: Option<&HeldOut>,
    warnings: &[Warning],
) -> Text {
    let mut text = Text::default();
    let mut line = |line: &str| text.paragraph(line, 4);
    line(&format!("{}: {}", subject(fit), belief(fit, warnings)));
    if let Some(a) = &fit.allocation {
        let of = |name: &str| span(fit.intervals.get(name), number);
        line(&format!(
            "  N* grows as C^{}{}, D* as C^{}",
            number(a.n_exponent),
            of("n_exponent"),
            number(a.d_exponent),
        ));
    }
    if let Some(floor) = floor_line(fit) {
        line(&format!("  {floor}"));
    }
    if let Some(decision) = decisions.last() {
        let of = |name: &str| decision.intervals.get(name);
        line(&format!(
            "  at {} FLOPs{}: N* {}{}, D* {}{}, loss {}{}{}",
            decision.c,
            beyond(fit, decision),
            decision.n,
            span(of("params"), short_count),
            decision.d,
            span(of("tokens"), short_count),
            number(decision.loss_nats),
            span(of("new_run"), number),
            if fit.surface.loss_unit.is_per_token() { "" } else { " nats per byte" },
        ));
    }
    if let Some(tested) = tested(fit, held_out) {
        line(&format!("  {tested}"));
    }
    text
}

/// What was fitted to what.
fn subject(fit: &Fit) -> String {
    let sizes = fit.surface.support.n.map_or(String::new(), |n| {
        format!(" of {} to {} parameters", short_count(n.lo), short_count(n.hi))
    });
    let law = match &fit.stack {
        Some(stack) => format!("{} laws weighed, led by {},", stack.members.len(), fit.law),
        None => fit.law.clone(),
    };
    format!("{law} on {} runs{sizes}", fit.n_points)
}

/// Whether the law may be believed, and where.
pub(super) fn belief(fit: &Fit, warnings: &[Warning]) -> String {
    if !fit.certificate.certified {
        return Style::Bad.mark("no minimum was found, so do not use it");
    }
    let wrong = warnings.iter().find(|w| w.severity() == Severity::Wrong);
    if let Some(warning) = wrong {
        let code = warning.code();
        return Style::Bad.mark(&format!("do not believe it before `{code}` below is settled"));
    }
    match fit.extrapolation.as_ref().map(|cost| cost.reach) {
        None => Style::Doubt.mark("believe it within its runs; nothing tests it beyond them"),
        Some(Reach::Holds) => Style::Good.mark("believe it, also beyond its runs"),
        Some(Reach::WithCare) => Style::Doubt.mark("believe it within its runs, with care beyond"),
        Some(Reach::DoNotExtrapolate) => {
            Style::Bad.mark("believe it within its runs, do not extrapolate")
        }
    }
}

/// The fitted floor beside the entropy of the source, where that is known.
fn floor_line(fit: &Fit) -> Option<String> {
    let source = fit.floor_nats?;
    let fitted = fit.coefficients.get("E")?;
    let interval = fit.intervals.get("E");
    let says = match interval {
        _ if fit.config.fixed.contains_key("E") => "is held".to_owned(),
        Some(i) if i.contains(source) => "holds it".to_owned(),
        Some(i) if i.lo > source => format!("lies {:.3} above it", i.lo - source),
        Some(_) => "lies below it".to_owned(),
        None => "has no interval".to_owned(),
    };
    let ends = interval.map_or(String::new(), |i| format!(" ({:.3} to {:.3})", i.lo, i.hi));
    Some(format!("entropy of the source {source:.4}; fitted E {fitted:.3}{ends} {says}"))
}

/// How far a budget lies beyond the runs.
fn beyond(fit: &Fit, decision: &Decision) -> String {
    let largest = fit.surface.support.c.map(|c| c.hi * fit.surface.flops_per_nd / 6.0);
    match largest.map(|largest| decision.c.get() / largest) {
        Some(ratio) if ratio >= 99.5 => format!(" ({ratio:.0}x the runs)"),
        Some(ratio) if ratio > 1.05 => format!(" ({ratio:.1}x the runs)"),
        _ => String::new(),
    }
}

/// The interval behind a number.
fn span(interval: Option<&Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or(String::new(), |i| format!(" ({} to {})", show(i.lo), show(i.hi)))
}

/// How runs that the law had not seen were predicted.
pub(super) fn tested(fit: &Fit, held_out: Option<&HeldOut>) -> Option<String> {
    if let Some(held) = held_out {
        let inside = held
            .covered
            .map_or(String::new(), |inside| format!(", {inside} inside their intervals"));
        return Some(format!(
            "held out {}: {} runs, mean error {:.2} %{inside}",
            held.condition,
            held.n_points,
            100.0 * held.mean_abs_error
        ));
    }
    let cost = fit.extrapolation.as_ref()?;
    let percent = |x: f64| format!("{:.2} %", 100.0 * x);
    let missed = cost.error.map_or(String::new(), |error| {
        let fits = match cost.fits.len() {
            1 => "a fit of the nearer runs".to_owned(),
            n => format!("{n} fits of nearer runs"),
        };
        format!("{fits} missed the farther ones by {} (rms); ", percent(error))
    });
    Some(format!(
        "tested: {missed}ten times the compute gains {} of the loss, give or take {}",
        percent(-(-cost.gain).exp_m1()),
        percent(cost.tenfold.exp_m1())
    ))
}
