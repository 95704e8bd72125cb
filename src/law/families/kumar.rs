//! Kumar's precision law: low-precision training shrinks N, quantising afterwards costs loss.

use crate::law::at::{At, Factor};
use crate::law::coef::Coef;
use crate::law::form::Form;
use crate::law::start::{LinearPart, grid, ranked_starts};
use crate::law::terms::Terms;
use crate::num::Real;
use crate::units::Setting;

/// L(N, D, P) = E + A / N_eff^alpha + B / D^beta + CT D^gD / N^gN exp(-P_served / gpost), in nats per
/// token, with N_eff = N (1 - exp(-P_w / gw)) (1 - exp(-P_a / ga)) (1 - exp(-P_kv / gkv)).
///
/// P_w, P_a and P_kv are the bits of weights, activations and cached keys and values in training,
/// P_served those of the weights afterwards; a precision that is absent counts as full and its
/// factor as one. The last term grows with D: overtrained models lose more when quantised.
///
/// Source: Kumar et al. 2024, arXiv:2411.04330, eq. 1 to 4. Differs from it: nothing. No published
/// constants are shipped; they come from the user's fit.
/// Domain: 3 to 16 bits, up to 1.7B parameters and 26B tokens.
#[derive(Clone, Copy, Debug)]
pub struct KumarPrecision;

const E: usize = 0;
const A: usize = 1;
const B: usize = 2;
const ALPHA: usize = 3;
const BETA: usize = 4;
const WEIGHTS: usize = 5;
const ACTIVATIONS: usize = 6;
const KV: usize = 7;
const CT: usize = 8;
const BY_D: usize = 9;
const BY_N: usize = 10;
const SERVED: usize = 11;

/// ln (1 - exp(-bits / gamma)), 0 in full precision.
fn ln_share<T: Real>(bits: Option<f64>, gamma: T) -> T {
    bits.map_or(T::from(0.0), |bits| (-(-gamma.recip() * T::from(bits)).exp_m1()).ln())
}

/// [`ln_share`] with its first and second derivative in gamma.
fn ln_share_jet(bits: Option<f64>, gamma: f64) -> [f64; 3] {
    let Some(bits) = bits else { return [0.0; 3] };
    let z = bits / gamma;
    // q / (1 - q) with q = exp(-z).
    let odds = 1.0 / z.exp_m1();
    let by = z / gamma;
    let second = by * odds * (2.0 / gamma - (1.0 + odds) * by);
    [ln_share(Some(bits), gamma), -odds * by, second]
}

impl Form for KumarPrecision {
    const ID: &'static str = "kumar";
    const TITLE: &'static str = "Kumar precision";
    const EQUATION: &'static str = "L = E + A/Neff^alpha + B/D^beta + CT·D^gD/N^gN·exp(-Pserved/gpost), Neff = N·(1 - exp(-Pw/gw))·(1 - exp(-Pa/ga))·(1 - exp(-Pkv/gkv))";
    const SOURCE: &'static str = "Kumar et al. 2024, arXiv:2411.04330, eq. 1 to 4";
    const COEFS: &'static [Coef] = &[
        Coef::floor("E"),
        Coef::positive("A", "nats · parameters^alpha"),
        Coef::positive("B", "nats · tokens^beta"),
        Coef::exponent("alpha"),
        Coef::exponent("beta"),
        Coef::positive("gw", "bits"),
        Coef::positive("ga", "bits"),
        Coef::positive("gkv", "bits"),
        Coef::positive("CT", "nats"),
        Coef::linear("gD", "", -5.0, 5.0),
        Coef::linear("gN", "", -5.0, 5.0),
        Coef::positive("gpost", "bits"),
    ];
    const EXAMPLE: &'static [f64] =
        &[1.8, 480.0, 2000.0, 0.35, 0.37, 2.6, 2.2, 0.95, 0.02, 0.3, 0.25, 1.2];
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens, Factor::Precision];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let bits = &at.setting;
        let ln_effective = at.ln_n
            + ln_share(bits.weight_bits, theta[WEIGHTS])
            + ln_share(bits.activation_bits, theta[ACTIVATIONS])
            + ln_share(bits.kv_bits, theta[KV]);
        let capacity = theta[A] * (-theta[ALPHA] * ln_effective).exp();
        let data = theta[B] * (-theta[BETA] * at.ln_d).exp();
        let quantised = bits.served_bits.map_or(T::from(0.0), |served| {
            let rate = theta[BY_D] * at.ln_d - theta[BY_N] * at.ln_n;
            theta[CT] * (rate - theta[SERVED].recip() * T::from(served)).exp()
        });
        theta[E] + capacity + data + quantised
    }

    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (bits, alpha) = (&at.setting, theta[ALPHA]);
        let shares =
            [(WEIGHTS, bits.weight_bits), (ACTIVATIONS, bits.activation_bits), (KV, bits.kv_bits)]
                .map(|(i, bits)| (i, ln_share_jet(bits, theta[i])));
        let ln_effective = at.ln_n + shares.iter().map(|(_, s)| s[0]).sum::<f64>();
        let [w, a, kv] = shares.map(|(i, s)| (i, -alpha * s[1]));
        let [w_alpha, a_alpha, kv_alpha] = shares.map(|(i, s)| (i, ALPHA, -s[1]));
        let [w_w, a_a, kv_kv] = shares.map(|(i, s)| (i, i, -alpha * s[2]));
        let slopes = [(ALPHA, -ln_effective), w, a, kv];
        let bends = [w_alpha, a_alpha, kv_alpha, w_w, a_a, kv_kv];
        let sum = Terms::new(gradient, hessian)
            .constant(E, theta[E])
            .scaled((A, theta[A]), -alpha * ln_effective, &slopes, &bends)
            .scaled((B, theta[B]), -theta[BETA] * at.ln_d, &[(BETA, -at.ln_d)], &[]);
        let Some(served) = bits.served_bits else { return sum.loss() };
        let post = theta[SERVED];
        let v = theta[BY_D] * at.ln_d - theta[BY_N] * at.ln_n - served / post;
        let slopes = [(BY_D, at.ln_d), (BY_N, -at.ln_n), (SERVED, served / (post * post))];
        let bends = [(SERVED, SERVED, -2.0 * served / (post * post * post))];
        sum.scaled((CT, theta[CT]), v, &slopes, &bends).loss()
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[E]
    }

    /// The D at which what more tokens gain in the data term equals what they lose by quantising.
    fn ln_d_most_useful(&self, theta: &[f64], ln_n: f64, setting: &Setting) -> f64 {
        let Some(served) = setting.served_bits.filter(|_| theta[BY_D] > 0.0) else {
            return f64::INFINITY;
        };
        let gain = (theta[BETA] * theta[B]).ln();
        let loss = (theta[BY_D] * theta[CT]).ln() - theta[BY_N] * ln_n - served / theta[SERVED];
        (gain - loss) / (theta[BETA] + theta[BY_D])
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[A] *= (-theta[ALPHA] * ln_n0).exp();
        theta[B] *= (-theta[BETA] * ln_d0).exp();
        theta[CT] *= (theta[BY_D] * ln_d0 - theta[BY_N] * ln_n0).exp();
    }

    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        const EXPONENTS: &[f64] = &[0.2, 0.35, 0.55];
        let tuples = grid([EXPONENTS, EXPONENTS, &[1.5, 3.0], &[0.5, 1.0], &[0.4]]);
        let any_served = at.iter().any(|x| x.setting.served_bits.is_some());
        let part = |[alpha, beta, bits, served, rate]: &[f64; 5]| {
            let shares = |x: &At<f64>| {
                let s = &x.setting;
                [s.weight_bits, s.activation_bits, s.kv_bits]
                    .into_iter()
                    .map(|b| ln_share(b, *bits))
                    .sum::<f64>()
            };
            let quantised = |x: &At<f64>| {
                x.setting.served_bits.map_or(0.0, |b| (rate * (x.ln_d - x.ln_n) - b / served).exp())
            };
            let part = LinearPart::of_loss(loss)
                .with(at.iter().map(|_| 1.0))
                .with(at.iter().map(|x| (-alpha * (x.ln_n + shares(x))).exp()))
                .with(at.iter().map(|x| (-beta * x.ln_d).exp()));
            if any_served { part.with(at.iter().map(quantised)) } else { part }
        };
        ranked_starts(&tuples, loss, part)
            .into_iter()
            .map(|([alpha, beta, bits, post, rate], x)| {
                let ct = x.get(3).copied().unwrap_or(1.0);
                vec![x[0], x[1], x[2], alpha, beta, bits, bits, bits, ct, rate, rate, post]
            })
            .collect()
    }
}
