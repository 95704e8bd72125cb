//! Where an axis is marked, and how.

use super::{Axis, Scale};
use crate::units::short_count;

/// Positions and labels of the ticks of an axis, low to high.
pub(super) fn ticks(axis: &Axis) -> Vec<(f64, String)> {
    match axis.scale {
        Scale::Linear => linear(axis.lo, axis.hi),
        Scale::Count => logarithmic(axis.lo, axis.hi).into_iter().map(|x| (x, count(x))).collect(),
        Scale::Power => logarithmic(axis.lo, axis.hi).into_iter().map(|x| (x, power(x))).collect(),
    }
}

/// `100k`, not `100k` with trailing zeros: 3.00B reads 3B on an axis.
fn count(x: f64) -> String {
    let text = short_count(x);
    match text.find(|c: char| c.is_alphabetic()) {
        Some(at) if text.contains('.') && !text.contains('e') => {
            let (digits, suffix) = text.split_at(at);
            format!("{}{suffix}", digits.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// `1e12`, `2e12`.
fn power(x: f64) -> String {
    let exponent = x.log10().floor();
    let mantissa = x / 10_f64.powf(exponent);
    format!("{mantissa:.0}e{exponent:.0}")
}

fn linear(lo: f64, hi: f64) -> Vec<(f64, String)> {
    let rough = (hi - lo) / 6.0;
    let unit = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|s| *s >= rough);
    let step = step.unwrap_or(unit);
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let first = (lo / step).ceil() as i64;
    let last = (hi / step).floor() as i64;
    (first..=last).map(|i| i as f64 * step).map(|x| (x, format!("{x:.decimals$}"))).collect()
}

/// Decades, with 2 and 5 or with 3 between them where there is room.
fn logarithmic(lo: f64, hi: f64) -> Vec<f64> {
    let decades = (hi / lo).log10();
    let within: &[f64] = if decades < 1.6 {
        &[1.0, 2.0, 5.0]
    } else if decades < 3.2 {
        &[1.0, 3.0]
    } else {
        &[1.0]
    };
    // Past eight decades every second one, past sixteen every third.
    let stride = (decades / 8.0).ceil().max(1.0) as i64;
    let (first, last) = (lo.log10().floor() as i64, hi.log10().ceil() as i64);
    (first..=last)
        .filter(|e| e.rem_euclid(stride) == 0)
        .flat_map(|e| within.iter().map(move |m| m * 10_f64.powi(e as i32)))
        .filter(|x| (lo..=hi).contains(x))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, lo: f64, hi: f64) -> Vec<String> {
        let axis = Axis { title: String::new(), scale, lo, hi };
        ticks(&axis).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_read_as_people_write() {
        assert_eq!(labels(Scale::Count, 9e4, 2.1e6), ["100k", "200k", "500k", "1M", "2M"]);
        assert_eq!(labels(Scale::Count, 5e7, 2e12), ["100M", "1B", "10B", "100B", "1T"]);
        assert_eq!(labels(Scale::Power, 4e11, 2e13), ["1e12", "3e12", "1e13"]);
        assert_eq!(labels(Scale::Linear, 1.18, 1.52), ["1.2", "1.3", "1.4", "1.5"]);
    }

    #[test]
    fn any_range_has_a_readable_number_of_ticks() {
        for (lo, hi) in [(1.0, 1.5), (1e3, 1e30), (3e11, 1.2e12), (1e-5, 2e-5)] {
            for scale in [Scale::Linear, Scale::Count, Scale::Power] {
                let count = labels(scale, lo, hi).len();
                assert!((1..=13).contains(&count), "{scale:?} {lo} {hi}: {count}");
            }
        }
    }
}
