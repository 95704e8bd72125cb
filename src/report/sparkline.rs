//! A curve in one line of characters.

/// Heights from the lowest.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Values as bars between the least and the largest of them, at most `most` bars: each is the mean of
/// neighbours. A value that is no number leaves a gap.
///
/// ```
/// use isoloss::report::sparkline;
///
/// assert_eq!(sparkline(&[1.0, 2.0, f64::NAN, 8.0], 40), "▁▂ █");
/// ```
#[must_use]
pub fn sparkline(values: &[f64], most: usize) -> String {
    let bars = values.len().min(most);
    let means: Vec<f64> = (0..bars)
        .map(|i| {
            let piece = &values[i * values.len() / bars..(i + 1) * values.len() / bars];
            let (sum, n) = piece
                .iter()
                .filter(|x| x.is_finite())
                .fold((0.0, 0.0), |(sum, n), x| (sum + x, n + 1.0));
            sum / n
        })
        .collect();
    let (low, high) = means
        .iter()
        .filter(|x| x.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    let bar = |x: &f64| match x {
        x if !x.is_finite() => ' ',
        _ if high <= low => BARS[0],
        x => {
            let height = (x - low) / (high - low) * (BARS.len() - 1) as f64;
            BARS[height.round() as usize]
        }
    };
    means.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotone_values_give_monotone_bars_from_the_lowest_to_the_highest() {
        for n in [2, 7, 8, 40, 41, 1000] {
            let rising: Vec<f64> = (0..n).map(|i| f64::from(i).powi(2)).collect();
            let line: Vec<char> = sparkline(&rising, 40).chars().collect();
            assert!(line.is_sorted() && line.len() == rising.len().min(40), "{line:?}");
            assert_eq!((line[0], line[line.len() - 1]), ('▁', '█'));
            let falling: Vec<f64> = rising.iter().map(|x| -x).collect();
            let mut line: Vec<char> = sparkline(&falling, 40).chars().collect();
            line.reverse();
            assert!(line.is_sorted(), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_a_gap() {
        assert_eq!(sparkline(&[f64::NAN, 0.0, f64::INFINITY, 1.0], 9), " ▁ █");
        assert_eq!(sparkline(&[f64::NAN; 3], 9), "   ");
        // Beside numbers of the same bar it is left out of their mean.
        assert_eq!(sparkline(&[1.0, f64::NAN, 3.0, 3.0], 2), "▁█");
    }

    #[test]
    fn a_constant_is_flat_and_nothing_is_nothing() {
        assert_eq!(sparkline(&[2.0; 3], 9), "▁▁▁");
        assert_eq!(sparkline(&[], 9), "");
        assert_eq!(sparkline(&[1.0], 0), "");
    }
}
