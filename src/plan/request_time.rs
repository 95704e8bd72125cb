//! Device-seconds of a request against the size of the model, as a table that thousands of draws share.

/// Sizes in the table, and how far below the largest they reach, in ln N.
const SIZES: usize = 600;
const DEPTH: f64 = 10.0;
/// Largest size in the table where nothing limits it.
const LN_UNLIMITED: f64 = 32.0;

/// ln of the device-seconds of a request by ln N, as cubic pieces.
///
/// Times rise steeply where the last sequences leave the memory to weights, so sizes crowd towards the
/// largest that fits: the k-th lies (1 - k / n)^3 of the depth below it.
pub(super) struct RequestTime {
    largest: f64,
    /// ln N, ln of the time and its slope.
    nodes: Vec<(f64, f64, f64)>,
}

impl RequestTime {
    /// Tabulates `device_s` up to ln N = `largest`.
    pub(super) fn new(device_s: &impl Fn(f64) -> Option<f64>, largest: f64) -> Self {
        let largest = largest.min(LN_UNLIMITED);
        let node = |k: usize| {
            let below = 1.0 - k as f64 / SIZES as f64;
            let ln_n = largest - DEPTH * below.powi(3);
            // Halfway to the next node at most, so that a slope never looks past a neighbour.
            let step = (0.5 * DEPTH * below.powi(2) / SIZES as f64).clamp(1e-9, 1e-4);
            let at = |x: f64| device_s(x).map(f64::ln);
            let (here, before) = (at(ln_n)?, at(ln_n - step)?);
            let slope = match at(ln_n + step) {
                Some(after) => (after - before) / (2.0 * step),
                None => (here - before) / step,
            };
            Some((ln_n, here, slope))
        };
        let nodes: Option<Vec<_>> = (0..=SIZES).map(node).collect();
        Self { largest, nodes: nodes.unwrap_or_default() }
    }

    /// Time at ln N and its derivative in ln N; `None` outside the table.
    pub(super) fn at(&self, ln_n: f64) -> Option<(f64, f64)> {
        let below = ((self.largest - ln_n) / DEPTH).cbrt();
        if self.nodes.is_empty() || !(0.0..=1.0).contains(&below) {
            return None;
        }
        let k = (((1.0 - below) * SIZES as f64) as usize).min(SIZES - 1);
        let ((x0, y0, m0), (x1, y1, m1)) = (self.nodes[k], self.nodes[k + 1]);
        let h = x1 - x0;
        let t = (ln_n - x0) / h;
        // Cubic Hermite polynomial and its derivative.
        let (c2, c3) = (3.0 * (y1 - y0) - h * (2.0 * m0 + m1), 2.0 * (y0 - y1) + h * (m0 + m1));
        let ln_s = y0 + t * (h * m0 + t * (c2 + t * c3));
        let slope = (h * m0 + t * (2.0 * c2 + t * 3.0 * c3)) / h;
        let s = ln_s.exp();
        Some((s, s * slope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A time with a pole a little beyond the largest size, as when the weights fill the memory.
    #[test]
    fn the_table_meets_the_function_and_its_slope() {
        let largest = 25.0;
        let full = (largest + 1e-3_f64).exp();
        let device_s = |ln_n: f64| {
            let n = ln_n.exp();
            (ln_n <= largest).then(|| 1e-3 + n / (full - n) * 1e-2)
        };
        let table = RequestTime::new(&device_s, largest);
        for i in 1..4000 {
            let ln_n = largest - 9.9 * f64::from(i) / 4000.0;
            let (s, slope) = table.at(ln_n).expect("inside");
            let n = ln_n.exp();
            let exact = device_s(ln_n).expect("fits");
            let exact_slope = 1e-2 * n * full / (full - n).powi(2);
            assert!((s / exact - 1.0).abs() < 1e-5, "{ln_n}: {s} {exact}");
            assert!((slope - exact_slope).abs() < 2e-3 * exact_slope + 1e-8, "{ln_n}");
        }
        assert!(table.at(largest + 0.1).is_none() && table.at(largest - 11.0).is_none());
    }
}
