//! Muennighoff's data-constrained law: repeated tokens and excess parameters are worth less.

use super::chinchilla::start;
use super::form::{At, Coef, Factor, Form, Scale};
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
/// Source: Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6. Differs from it: nothing, and so
/// parameters beyond N*(U_D) are discounted even where no token repeats.
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

/// ln N*(U): the size for which U tokens are compute-optimal.
fn ln_n_for<T: Real>(theta: &[T], ln_unique: T) -> T {
    let balance = (theta[ALPHA] * theta[A]).ln() - (theta[BETA] * theta[B]).ln();
    (balance + theta[BETA] * ln_unique) / theta[ALPHA]
}

impl Form for Muennighoff {
    const ID: &'static str = "muennighoff";
    const TITLE: &'static str = "Muennighoff data-constrained";
    const EQUATION: &'static str = "L = E + A/N'^alpha + B/D'^beta, D' = U + U·RD·(1 - exp(-(D/U - 1)/RD)), N' alike from U_N = min(N, N*(U))";
    const SOURCE: &'static str = "Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6";
    const COEFS: &'static [Coef] = &[
        Coef { name: "E", unit: "nats per token", scale: Scale::Log, domain: (0.0, f64::INFINITY) },
        Coef {
            name: "A",
            unit: "nats · parameters^alpha",
            scale: Scale::Log,
            domain: (0.0, f64::INFINITY),
        },
        Coef {
            name: "B",
            unit: "nats · tokens^beta",
            scale: Scale::Log,
            domain: (0.0, f64::INFINITY),
        },
        Coef { name: "alpha", unit: "", scale: Scale::Linear, domain: (0.0, 5.0) },
        Coef { name: "beta", unit: "", scale: Scale::Linear, domain: (0.0, 5.0) },
        Coef { name: "RD", unit: "repetitions", scale: Scale::Log, domain: (0.0, f64::INFINITY) },
        Coef {
            name: "RN",
            unit: "multiples of U_N",
            scale: Scale::Log,
            domain: (0.0, f64::INFINITY),
        },
    ];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens, Factor::UniqueTokens];
    const RUGGED: bool = true;

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let new = at.setting.unique.map(|u| T::from(u.ln())).filter(|u| u.re() < at.ln_d.re());
        let ln_unique = new.unwrap_or(at.ln_d);
        let ln_data = ln_worth(at.ln_d, ln_unique, theta[RD]);
        let wanted = ln_n_for(theta, ln_unique);
        let ln_size = if at.ln_n.re() > wanted.re() {
            ln_worth(at.ln_n, wanted, theta[RN])
        } else {
            at.ln_n
        };
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

    /// Ratios of tokens to unique tokens do not move with the centre, and N*(U) is the same relation
    /// around any, so the recentring of A and B is all there is.
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[BETA] * ln_d0).exp();
    }

    /// The base by least squares as if all tokens were new, RD and RN over the decades at which
    /// repetition can show.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let mut starts = Vec::new();
        for exponent in [0.25, 0.35, 0.5] {
            let Some([e, a, b]) = start(at, loss, exponent, exponent) else { continue };
            for rd in [1.0, 3.0, 8.0, 15.0, 25.0, 50.0, 100.0, 160.0, 300.0, 1000.0] {
                for rn in [0.5, 1.5, 2.5, 5.0, 15.0] {
                    starts.push(vec![e, a, b, exponent, exponent, rd, rn]);
                }
            }
        }
        starts
    }
}
