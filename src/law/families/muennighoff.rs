//! Muennighoff's data-constrained law: repeated tokens and excess parameters count for less.

use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::{Form, dual_jet};
use crate::law::powers::Powers;
use crate::law::start::start_powers;
use crate::num::Real;
use crate::units::Setting;

/// L(N, D, U) = E + A / N'^alpha + B / D'^beta, in nats per token, with
///
/// D' = U_D (1 + RD (1 - exp(-R_D / RD))),  U_D = min(U, D),  R_D = D / U_D - 1,
/// N' = U_N (1 + RN (1 - exp(-R_N / RN))),  U_N = min(N, N*(U_D)),  R_N = N / U_N - 1,
///
/// where N*(U) is the compute-optimal size for U tokens of E + A / N^alpha + B / D^beta. After RD
/// repetitions a repeated token is worth 1/e of a new one; at most 1 + RD epochs count.
///
/// Source: Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6. Differs from it: nothing; so
/// parameters beyond N*(U_D) are discounted even if no token repeats.
/// Domain: 7M to 9B parameters, 1 to 500 epochs; N counts all parameters, D all tokens seen.
///
/// The sum over runs has several minima in (RD, RN), since few runs repeat often; a fit lists them.
#[derive(Clone, Copy, Debug)]
pub struct Muennighoff;

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;
const RD: usize = 5;
const RN: usize = 6;

/// ln of `unique` (1 + r (1 - exp(-(total / unique - 1) / r))): what `total` is worth when only
/// `unique` of it is new.
fn ln_worth<T: Real>(ln_total: T, ln_unique: T, r: T) -> T {
    let repeats = (ln_total - ln_unique).exp_m1();
    let decayed = -(-repeats / r).exp_m1();
    ln_unique + (r * decayed).ln_1p()
}

/// [`ln_worth`] and its derivative in `ln_total`; that in `ln_unique` is one minus it.
fn ln_worth_and_slope(ln_total: f64, ln_unique: f64, r: f64) -> (f64, f64) {
    let repeats = (ln_total - ln_unique).exp_m1();
    let decayed = -(-repeats / r).exp_m1();
    // Not one minus the decayed share: far out that would be all rounding.
    let slope = (-repeats / r).exp() * (1.0 + repeats) / (1.0 + r * decayed);
    (ln_unique + (r * decayed).ln_1p(), slope)
}

/// ln N*(U): the size for which U tokens are compute-optimal.
fn ln_n_for<T: Real>(theta: &[T], ln_unique: T) -> T {
    let balance = (theta[ALPHA] * theta[A]).ln() - (theta[BETA] * theta[B]).ln();
    (balance + theta[BETA] * ln_unique) / theta[ALPHA]
}

/// The law of tokens that are new and sizes that are not in excess of them.
fn base(theta: &[f64]) -> Powers {
    let [e, a, b, alpha, beta] = [E, A, B, ALPHA, BETA].map(|i| theta[i]);
    Powers { e, a, b, alpha, beta }
}

/// Whether so many tokens are all new.
fn is_fresh(ln_d: f64, setting: &Setting) -> bool {
    setting.unique.is_none_or(|unique| ln_d <= unique.ln())
}

impl Form for Muennighoff {
    const ID: &'static str = "muennighoff";
    const TITLE: &'static str = "Muennighoff data-constrained";
    const EQUATION: &'static str = "L = E + A/N'^alpha + B/D'^beta, D' = U + U·RD·(1 - exp(-(D/U - 1)/RD)), N' likewise from U_N = min(N, N*(U))";
    const SOURCE: &'static str = "Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6";
    const COEFS: &'static [Coef] = &[
        Coef::floor("E"),
        Coef::positive("A", "nats · parameters^alpha"),
        Coef::positive("B", "nats · tokens^beta"),
        Coef::exponent("alpha"),
        Coef::exponent("beta"),
        Coef::positive("RD", "repetitions"),
        Coef::positive("RN", "multiples of U_N"),
    ];
    const EXAMPLE: &'static [f64] = &[1.85, 500.0, 1500.0, 0.35, 0.36, 15.0, 5.0];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens, Factor::UniqueTokens];
    const RUGGED: bool = true;

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let new = at.setting.unique.map(|u| T::from(u.ln())).filter(|u| u.re() < at.ln_d.re());
        let ln_unique = new.unwrap_or(at.ln_d);
        let ln_data = ln_worth(at.ln_d, ln_unique, theta[RD]);
        let wanted = ln_n_for(theta, ln_unique);
        let ln_size =
            if at.ln_n.re() > wanted.re() { ln_worth(at.ln_n, wanted, theta[RN]) } else { at.ln_n };
        let capacity = theta[A] * (-theta[ALPHA] * ln_size).exp();
        let data = theta[B] * (-theta[BETA] * ln_data).exp();
        theta[E] + capacity + data
    }

    fn floor(&self, theta: &[f64], setting: &Setting) -> f64 {
        let Some(unique) = setting.unique else { return theta[E] };
        let ln_data = unique.ln() + theta[RD].ln_1p();
        let ln_size = ln_n_for(theta, unique.ln()) + theta[RN].ln_1p();
        let capacity = theta[A] * (-theta[ALPHA] * ln_size).exp();
        theta[E] + capacity + theta[B] * (-theta[BETA] * ln_data).exp()
    }

    /// Ratios of tokens to unique tokens do not depend on the centre, and N*(U) keeps its form, so only
    /// A and B change.
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[BETA] * ln_d0).exp();
    }

    /// Closed where the optimum repeats no token: there N = N*(D), the law is its base, and everywhere
    /// else it lies above its base.
    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64, setting: &Setting) -> Option<f64> {
        let ln_n = base(theta).ln_n_optimal(ln_nd);
        is_fresh(ln_nd - ln_n, setting).then_some(ln_n)
    }

    /// Closed as [`Form::ln_n_optimal`] is.
    fn ln_optimum_for_loss(
        &self,
        theta: &[f64],
        loss: f64,
        setting: &Setting,
    ) -> Option<(f64, f64)> {
        let (ln_n, ln_d) = base(theta).ln_optimum_for_loss(loss);
        is_fresh(ln_d, setting).then_some((ln_n, ln_d))
    }

    /// Closed: plans in thousands of draws ask for little else.
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64) {
        let (alpha, beta) = (theta[ALPHA], theta[BETA]);
        let new = at.setting.unique.map(|u| u.ln()).filter(|u| *u < at.ln_d);
        let (ln_data, data_slope) =
            new.map_or((at.ln_d, 1.0), |u| ln_worth_and_slope(at.ln_d, u, theta[RD]));
        let wanted = ln_n_for(theta, new.unwrap_or(at.ln_d));
        let (ln_size, size_slope) = if at.ln_n > wanted {
            ln_worth_and_slope(at.ln_n, wanted, theta[RN])
        } else {
            (at.ln_n, 1.0)
        };
        let by_size = -alpha * theta[A] * (-alpha * ln_size).exp();
        let by_data = -beta * theta[B] * (-beta * ln_data).exp();
        // While no token repeats, more of them make room for more parameters.
        let room = if new.is_none() { (1.0 - size_slope) * beta / alpha } else { 0.0 };
        (by_size * size_slope, by_data * data_slope + by_size * room)
    }

    /// By the chain rule over three small parts, each by dual numbers: D', N'
    /// and N*(U). All seven coefficients at once would cost twenty-eight evaluations.
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let p = Self::COEFS.len();
        let (a, b, alpha, beta) = (theta[A], theta[B], theta[ALPHA], theta[BETA]);
        let new = at.setting.unique.map(|u| u.ln()).filter(|u| *u < at.ln_d);
        let ln_unique = new.unwrap_or(at.ln_d);
        gradient.fill(0.0);
        hessian.fill(0.0);
        gradient[E] = 1.0;

        // Q = B exp(-beta t), t = ln D'(RD).
        let (mut t1, mut t2) = ([0.0], [0.0]);
        let t = dual_jet(
            |x| ln_worth(at.ln_d.into(), ln_unique.into(), x[0]),
            &[theta[RD]],
            &mut t1,
            &mut t2,
        );
        let (t_r, t_rr) = (t1[0], t2[0]);
        let data = b * (-beta * t).exp();
        gradient[B] = data / b;
        gradient[BETA] = -t * data;
        gradient[RD] = -beta * t_r * data;
        let upper = [
            (B, BETA, -t * data / b),
            (B, RD, -beta * t_r * data / b),
            (BETA, BETA, t * t * data),
            (BETA, RD, (beta * t - 1.0) * t_r * data),
            (RD, RD, (beta * beta * t_r * t_r - beta * t_rr) * data),
        ];
        for (i, j, x) in upper {
            hessian[i * p + j] = x;
            hessian[j * p + i] = x;
        }

        // P = exp(ln A - alpha s), s = ln N'(w, RN) where N exceeds w = ln N*(U).
        let w = ln_n_for(theta, ln_unique);
        let excess = at.ln_n > w;
        let (mut s1, mut s2) = ([0.0; 2], [0.0; 4]);
        let s = if excess {
            let worth = |x: &[num_dual::HyperDual64]| ln_worth(at.ln_n.into(), x[0], x[1]);
            dual_jet(worth, &[w, theta[RN]], &mut s1, &mut s2)
        } else {
            at.ln_n
        };
        let w_alpha = (1.0 / alpha - w) / alpha;
        let w_beta = (ln_unique - 1.0 / beta) / alpha;
        const MOVING: [usize; 5] = [A, B, ALPHA, BETA, RN];
        let w1 = [1.0 / (alpha * a), -1.0 / (alpha * b), w_alpha, w_beta, 0.0];
        let mut w2 = [[0.0; 5]; 5];
        w2[0][0] = -1.0 / (alpha * a * a);
        w2[1][1] = 1.0 / (alpha * b * b);
        w2[0][2] = -1.0 / (alpha * alpha * a);
        w2[1][2] = 1.0 / (alpha * alpha * b);
        w2[2][2] = (-1.0 / (alpha * alpha) - 2.0 * w_alpha) / alpha;
        w2[2][3] = -w_beta / alpha;
        w2[3][3] = 1.0 / (alpha * beta * beta);
        let capacity = a * (-alpha * s).exp();
        let is = |i: usize, coef: usize| f64::from(MOVING[i] == coef);
        let slope = |i: usize| s1[0] * w1[i] + s1[1] * is(i, RN);
        let first = |i: usize| is(i, A) / a - alpha * slope(i) - s * is(i, ALPHA);
        for i in 0..MOVING.len() {
            gradient[MOVING[i]] += capacity * first(i);
            for j in i..MOVING.len() {
                let bend = s2[0] * w1[i] * w1[j]
                    + s1[0] * w2[i][j]
                    + s2[1] * (w1[i] * is(j, RN) + w1[j] * is(i, RN))
                    + s2[3] * is(i, RN) * is(j, RN);
                let second = -alpha * bend
                    - is(i, ALPHA) * slope(j)
                    - is(j, ALPHA) * slope(i)
                    - is(i, A) * is(j, A) / (a * a);
                let x = capacity * (second + first(i) * first(j));
                hessian[MOVING[i] * p + MOVING[j]] += x;
                if i != j {
                    hessian[MOVING[j] * p + MOVING[i]] += x;
                }
            }
        }
        theta[E] + capacity + data
    }

    /// Closed if tokens repeat, or if the size is not in excess of its data; else `None`.
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, setting: &Setting) -> Option<f64> {
        let (a, b, alpha, beta) = (theta[A], theta[B], theta[ALPHA], theta[BETA]);
        let data_for = |ln_size: f64| {
            let left = loss - theta[E] - a * (-alpha * ln_size).exp();
            if left > 0.0 { (b.ln() - left.ln()) / beta } else { f64::INFINITY }
        };
        let ln_unique = setting.unique.map_or(f64::INFINITY, |u| u.ln());
        // Not repeated: N' is N unless N exceeds N*(D).
        let fresh = data_for(ln_n);
        if fresh <= ln_unique && ln_n <= ln_n_for(theta, fresh) {
            return Some(fresh);
        }
        let wanted = ln_n_for(theta, ln_unique);
        let ln_size = if ln_n > wanted { ln_worth(ln_n, wanted, theta[RN]) } else { ln_n };
        let ln_data = data_for(ln_size);
        if ln_data < ln_unique {
            return None;
        }
        let repeats = -theta[RD] * (-((ln_data - ln_unique).exp_m1()) / theta[RD]).ln_1p();
        let worth_it = repeats.is_finite();
        Some(if worth_it { ln_unique + repeats.ln_1p() } else { f64::INFINITY })
    }

    /// The base by least squares as if all tokens were new; RD and RN over the decades in which
    /// repetition can matter.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let mut starts = Vec::new();
        for exponent in [0.25, 0.35, 0.5] {
            let Some([e, a, b]) = start_powers(at, loss, exponent, exponent) else { continue };
            for rd in [1.0, 3.0, 8.0, 15.0, 25.0, 50.0, 100.0, 160.0, 300.0, 1000.0] {
                for rn in [0.5, 1.5, 2.5, 5.0, 15.0] {
                    starts.push(vec![e, a, b, exponent, exponent, rd, rn]);
                }
            }
        }
        starts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::form::slopes_by_duals;
    use crate::num::find_root;
    use crate::units::Tokens;

    fn repeating(unique: f64) -> Setting {
        Setting { unique: Some(Tokens::new(unique)), ..Setting::PLAIN }
    }

    /// Fresh and repeated tokens, sizes within and in excess of their data.
    #[test]
    fn closed_slopes_are_those_of_dual_numbers() {
        let theta = Muennighoff::EXAMPLE;
        let mut kinds = [0; 4];
        for setting in [Setting::PLAIN, repeating(1e9), repeating(3e10), repeating(1e13)] {
            for ln_n in (14..28).map(f64::from) {
                for ln_d in (18..34).map(f64::from) {
                    let at = At { ln_n, ln_d, setting };
                    let (closed, duals) =
                        (Muennighoff.slopes(theta, &at), slopes_by_duals(&Muennighoff, theta, &at));
                    for (a, b) in [(closed.0, duals.0), (closed.1, duals.1)] {
                        assert!((a - b).abs() <= 1e-12 * b.abs() + 1e-300, "{at:?}: {a} {b}");
                    }
                    let new = setting.unique.map_or(ln_d, |u| u.ln().min(ln_d));
                    let is_excess = usize::from(ln_n > ln_n_for(theta, new));
                    kinds[2 * usize::from(new < ln_d) + is_excess] += 1;
                }
            }
        }
        assert!(kinds.iter().all(|count| *count > 20), "{kinds:?}");
    }

    /// The closed optimum of a budget is where the slopes of dual numbers agree, and exists as long as it
    /// repeats nothing; the optimum of its loss is the same point.
    #[test]
    fn the_closed_optimum_is_where_the_slopes_agree() {
        let theta = Muennighoff::EXAMPLE;
        let (mut closed, mut solved) = (0, 0);
        for setting in [Setting::PLAIN, repeating(1e10), repeating(1e12)] {
            for ln_nd in (38..60).map(f64::from) {
                let at = |ln_n: f64| At { ln_n, ln_d: ln_nd - ln_n, setting };
                let imbalance = |ln_n: f64| {
                    let (by_n, by_d) = slopes_by_duals(&Muennighoff, theta, &at(ln_n));
                    by_n - by_d
                };
                let root = find_root("balance", imbalance, 0.0, ln_nd).expect("bracketed");
                let Some(ln_n) = Muennighoff.ln_n_optimal(theta, ln_nd, &setting) else {
                    assert!(ln_nd - root > setting.unique.expect("limited").ln() - 1e-9);
                    solved += 1;
                    continue;
                };
                assert!((ln_n - root).abs() < 1e-9, "{setting:?} {ln_nd}: {ln_n} {root}");
                let loss = Muennighoff.loss(theta, &at(ln_n));
                let point = Muennighoff.ln_optimum_for_loss(theta, loss, &setting);
                let (n, d) = point.expect("closed");
                assert!((n - ln_n).abs() < 1e-9 && (n + d - ln_nd).abs() < 1e-9);
                closed += 1;
            }
        }
        assert!(closed > 30 && solved > 5, "{closed} {solved}");
    }
}
