//! The multi-power law: each lowering of the rate lowers the loss by a power law of its own.

use super::form::CurveForm;
use super::rates::LearningRates;
use super::sublinear::ConstantRate;
use crate::law::coef::Coef;
use crate::law::start::{LinearPart, grid, ranked_starts};

/// L(t) = L0 + A S(t)^-alpha - LD(t), in nats per token, with S(t) the sum of the rates up to t,
/// warm-up included, and
/// LD(t) = sum over k up to t of B (eta_(k-1) - eta_k) G(eta_k^-gamma S_k(t)), S_k(t) the sum of the
/// rates from step k to t, G(x) = 1 - (1 + C x)^-beta.
///
/// Source: Luo et al. 2025, arXiv:2503.12811, eq. 1 and 2. Differs from it: changes of the rate are
/// taken together in at most 128 bins of equal length after the warm-up, each at its middle step;
/// on cosine schedules this moves the loss by less than 1e-4 nats. A rate below a millionth of the
/// peak counts as that in eta^-gamma, which has no value at zero. The rise of the rate in warm-up does
/// not count as a negative drop.
/// Domain: one N and batch size, a schedule that does not rise after its warm-up.
#[derive(Clone, Copy, Debug)]
pub struct MultiPower;

const L0: usize = 0;
const A: usize = 1;
const ALPHA: usize = 2;
const B: usize = 3;
const C: usize = 4;
const BETA: usize = 5;
const GAMMA: usize = 6;

/// Bins of rate changes.
const BINS: usize = 128;

/// Numbers per bin in the features: drop of the rate, its logarithm, the sum of rates since.
const WIDTH: usize = 3;

/// What the drops of a row sum to, with derivatives in C, beta and gamma.
#[derive(Clone, Copy, Default)]
struct Drops {
    value: f64,
    first: [f64; 3],
    second: [[f64; 3]; 3],
}

impl Drops {
    fn of(theta: &[f64], features: &[f64]) -> Self {
        let (c, beta, gamma) = (theta[C], theta[BETA], theta[GAMMA]);
        let mut sums = Self::default();
        for bin in features[1..].chunks_exact(WIDTH) {
            let (drop, ln_rate, since) = (bin[0], bin[1], bin[2]);
            let x = since * (-gamma * ln_rate).exp();
            let u = 1.0 + c * x;
            let ln_u = (c * x).ln_1p();
            let w = drop * (-beta * ln_u).exp();
            let (x1, x2) = (-ln_rate * x, ln_rate * ln_rate * x);
            sums.value += drop - w;
            sums.first[0] += beta * w * x / u;
            sums.first[1] += w * ln_u;
            sums.first[2] += beta * w * c * x1 / u;
            let s = &mut sums.second;
            s[0][0] -= beta * (beta + 1.0) * w * x * x / (u * u);
            s[0][1] += w * x / u * (1.0 - beta * ln_u);
            s[0][2] += beta * w * (x1 / u - (beta + 1.0) * c * x * x1 / (u * u));
            s[1][1] -= w * ln_u * ln_u;
            s[1][2] += w * c * x1 / u * (1.0 - beta * ln_u);
            s[2][2] += beta * c * w * (x2 / u - (beta + 1.0) * c * x1 * x1 / (u * u));
        }
        sums
    }
}

impl CurveForm for MultiPower {
    fn id(&self) -> &'static str {
        "multi-power"
    }

    fn equation(&self) -> &'static str {
        "L(t) = L0 + A·S^-alpha - sum B·(eta_(k-1) - eta_k)·(1 - (1 + C·eta_k^-gamma·S_k)^-beta)"
    }

    fn source(&self) -> &'static str {
        "Luo et al. 2025, arXiv:2503.12811, eq. 1 and 2"
    }

    fn coefs(&self) -> &'static [Coef] {
        const {
            &[
                Coef::positive("L0", "nats per token"),
                Coef::positive("A", "nats · rate^alpha"),
                Coef::exponent("alpha"),
                Coef::positive("B", "nats per rate"),
                Coef::positive("C", "rate^(gamma - 1)"),
                Coef::positive("beta", ""),
                Coef::linear("gamma", "", -5.0, 5.0),
            ]
        }
    }

    fn example(&self) -> &'static [f64] {
        &[2.6, 0.9, 0.5, 500.0, 1.2, 0.5, 0.6]
    }

    fn without_decay(&self) -> &'static dyn CurveForm {
        &ConstantRate
    }

    fn features(&self, rates: &LearningRates, steps: &[usize]) -> Vec<Vec<f64>> {
        let warm = rates.warmup();
        let least = 1e-6 * rates.rate(warm);
        let width = (rates.steps() - warm).div_ceil(BINS).max(1);
        steps
            .iter()
            .map(|&step| {
                let mut features = vec![rates.area(step).ln()];
                // Steps (from, to] change the rate from that of `from` to that of `to`.
                let mut from = warm;
                while from < step {
                    let to = (from + width).min(step);
                    let drop = rates.rate(from) - rates.rate(to);
                    if drop != 0.0 {
                        let middle = (from + to).div_ceil(2);
                        let rate = rates.rate(middle).max(least);
                        // The mean of the first steps k - 1 summed from: half a step on for an even
                        // number of changes.
                        let even = (to - from).is_multiple_of(2);
                        let before = rates.area(middle - 1);
                        let half = if even { 0.5 * rates.rate(middle) } else { 0.0 };
                        features.extend([drop, rate.ln(), rates.area(step) - before - half]);
                    }
                    from = to;
                }
                features
            })
            .collect()
    }

    fn loss(&self, theta: &[f64], features: &[f64]) -> f64 {
        let drops: f64 = features[1..]
            .chunks_exact(WIDTH)
            .map(|bin| {
                let x = bin[2] * (-theta[GAMMA] * bin[1]).exp();
                bin[0] * -(-theta[BETA] * (theta[C] * x).ln_1p()).exp_m1()
            })
            .sum();
        theta[L0] + theta[A] * (-theta[ALPHA] * features[0]).exp() - theta[B] * drops
    }

    fn jet(
        &self,
        theta: &[f64],
        features: &[f64],
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> f64 {
        let p = theta.len();
        let ln_s = features[0];
        let power = (-theta[ALPHA] * ln_s).exp();
        let drops = Drops::of(theta, features);
        let b = theta[B];
        gradient[L0] = 1.0;
        gradient[A] = power;
        gradient[ALPHA] = -theta[A] * ln_s * power;
        gradient[B] = -drops.value;
        hessian.fill(0.0);
        let mut set = |i: usize, j: usize, x: f64| {
            hessian[i * p + j] = x;
            hessian[j * p + i] = x;
        };
        set(A, ALPHA, -ln_s * power);
        set(ALPHA, ALPHA, theta[A] * ln_s * ln_s * power);
        for i in 0..3 {
            gradient[C + i] = -b * drops.first[i];
            set(B, C + i, -drops.first[i]);
            for j in i..3 {
                set(C + i, C + j, -b * drops.second[i][j]);
            }
        }
        theta[L0] + theta[A] * power - b * drops.value
    }

    fn starts(&self, features: &[Vec<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        // C scales eta^-gamma S_k, which is near this where the rate begins to fall.
        let typical = |gamma: f64| {
            let bins = features.iter().flat_map(|f| f[1..].chunks_exact(WIDTH));
            let (sum, count) = bins.fold((0.0, 0), |(sum, count), bin| {
                (sum + bin[2] * (-gamma * bin[1]).exp(), count + 1)
            });
            sum / f64::from(count.max(1))
        };
        let tuples = grid([&[0.3, 0.6], &[2.0, 20.0], &[0.3, 0.7], &[0.2, 0.6]]);
        let scale = |reach: f64, gamma: f64| reach / typical(gamma);
        let part = |[alpha, reach, beta, gamma]: &[f64; 4]| {
            let theta = [0.0, 0.0, *alpha, 1.0, scale(*reach, *gamma), *beta, *gamma];
            LinearPart::of_loss(loss)
                .with(features.iter().map(|_| 1.0))
                .with(features.iter().map(|f| (-alpha * f[0]).exp()))
                .with(features.iter().map(|f| -Drops::of(&theta, f).value))
        };
        ranked_starts(&tuples, loss, part)
            .into_iter()
            .map(|([alpha, reach, beta, gamma], x)| {
                vec![x[0], x[1], alpha, x[2], scale(reach, gamma), beta, gamma]
            })
            .collect()
    }
}
