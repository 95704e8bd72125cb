//! How numbers, intervals and distances are written in every table and sentence.

use std::collections::BTreeMap;

use crate::cost::Uncertain;
use crate::num::Interval;
use crate::units::{Flops, short_count};

/// Four significant digits, or scientific where that is shorter.
pub(super) fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = x.abs().log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        let decimals = (3.0 - magnitude).clamp(0.0, 8.0) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.3e}")
    }
}

/// Seven digits, without trailing zeros: enough for any published constant.
pub(super) fn seven_digits(x: f64) -> String {
    let magnitude = x.abs().max(f64::MIN_POSITIVE).log10().floor();
    if !(-4.0..7.0).contains(&magnitude) {
        return format!("{x:e}");
    }
    let decimals = (6.0 - magnitude).clamp(0.0, 10.0) as usize;
    let text = format!("{x:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A fraction as a signed percentage.
pub(super) fn percent(fraction: f64) -> String {
    let x = 100.0 * fraction;
    if x.abs() < 1000.0 { format!("{x:+.1} %") } else { format!("{x:+.2e} %") }
}

/// A loss in nats with four decimals.
pub(super) fn loss(nats: f64) -> String {
    format!("{nats:.4}")
}

/// A factor in few digits.
pub(super) fn factor(x: f64) -> String {
    if x < 10.0 { format!("{x:.1}") } else { format!("{x:.0}") }
}

/// FLOPs as a power of ten.
pub(super) fn flops(c: f64) -> String {
    Flops::new(c).to_string()
}

/// Dollars with a suffix: `$4.21M`.
#[must_use]
pub fn dollars(usd: f64) -> String {
    if usd.is_finite() { format!("${}", short_count(usd)) } else { "no end".to_owned() }
}

/// Megawatt-hours.
pub(super) fn megawatt_hours(kwh: f64) -> String {
    format!("{} MWh", number(kwh / 1e3))
}

/// A count that is usually whole.
pub(super) fn bare_count(x: f64) -> String {
    if x.fract() == 0.0 && x < 1e3 { format!("{x:.0}") } else { short_count(x) }
}

/// Three digits in milliseconds or seconds.
pub(super) fn seconds(s: f64) -> String {
    let (x, unit) = if s < 1.0 { (1e3 * s, "ms") } else { (s, "s") };
    format!("{} {unit}", short_count(x))
}

/// The header of a column of intervals.
pub(super) fn interval_header(level: f64) -> String {
    format!("{:.0} % interval", 100.0 * level)
}

/// `1.2 to 1.4`, or a dash where there is no interval.
pub(super) fn between(interval: Option<&Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or_else(|| "-".to_owned(), |i| format!("{} to {}", show(i.lo), show(i.hi)))
}

/// `1.3 (1.2 to 1.4)`, or the value alone where its interval adds nothing.
pub(super) fn with_interval(
    x: f64,
    show: impl Fn(f64) -> String,
    interval: Option<&Interval>,
) -> String {
    match interval {
        Some(i) if show(i.lo) != show(i.hi) => {
            format!("{} ({} to {})", show(x), show(i.lo), show(i.hi))
        }
        _ => show(x),
    }
}

/// `30 (25 to 40)`, or the middle alone where both ends read the same.
pub(super) fn with_range(range: &Uncertain, show: impl Fn(f64) -> String) -> String {
    let (low, mid, high) = (show(range.low), show(range.mid), show(range.high));
    if low == high { mid } else { format!("{mid} ({low} to {high})") }
}

/// A value, or a dash where there is none.
pub(super) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A published value, or that it is not published.
pub(super) fn or_not_published(text: Option<String>) -> String {
    text.unwrap_or_else(|| "not published".to_owned())
}

/// By which factor something lies outside the fitted runs, quantity by quantity.
pub(super) fn factors_outside(outside: &BTreeMap<String, f64>) -> Vec<String> {
    outside.iter().map(|(name, factor)| format!("{name} {factor:.1}x")).collect()
}

/// [`factors_outside`] in one cell.
pub(super) fn outside_cell(outside: &BTreeMap<String, f64>) -> String {
    let factors = factors_outside(outside);
    if factors.is_empty() { "inside".to_owned() } else { factors.join(", ") }
}

/// `3 of 8`, or a dash where nothing was counted.
pub(super) fn share_of(covered: Option<usize>, total: usize) -> String {
    or_dash(covered.map(|k| format!("{k} of {total}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits_and_large_ones_an_exponent() {
        assert_eq!([0.0, 1.69, 406.4, 5.76e23].map(number), ["0", "1.690", "406.4", "5.760e23"]);
        assert_eq!([1.69, 5e8].map(seven_digits), ["1.69", "5e8"]);
    }

    #[test]
    fn an_interval_that_reads_like_its_value_is_not_written() {
        let interval = Interval { lo: 1.0, hi: 1.0 };
        assert_eq!(with_interval(1.0, number, Some(&interval)), "1.000");
        assert_eq!(between(None, number), "-");
    }
}
