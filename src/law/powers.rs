//! E + A N^-alpha + B D^-beta and what follows from it in closed form.

/// A law that is a sum of powers of N and D in a fixed setting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Powers {
    /// E, nats per token.
    pub e: f64,
    /// A.
    pub a: f64,
    /// B.
    pub b: f64,
    /// alpha.
    pub alpha: f64,
    /// beta.
    pub beta: f64,
}

impl Powers {
    fn capacity(&self, ln_n: f64) -> f64 {
        self.a * (-self.alpha * ln_n).exp()
    }

    fn data(&self, ln_d: f64) -> f64 {
        self.b * (-self.beta * ln_d).exp()
    }

    /// Loss in nats per token.
    #[must_use]
    pub fn loss(&self, ln_n: f64, ln_d: f64) -> f64 {
        self.e + self.capacity(ln_n) + self.data(ln_d)
    }

    /// (dL / d ln N, dL / d ln D).
    #[must_use]
    pub fn slopes(&self, ln_n: f64, ln_d: f64) -> (f64, f64) {
        (-self.alpha * self.capacity(ln_n), -self.beta * self.data(ln_d))
    }

    /// ln N of the lowest loss on ln N + ln D = `ln_nd` (Hoffmann et al. 2022, eq. 4).
    #[must_use]
    pub fn ln_n_optimal(&self, ln_nd: f64) -> f64 {
        let balance = (self.alpha * self.a).ln() - (self.beta * self.b).ln();
        (balance + self.beta * ln_nd) / (self.alpha + self.beta)
    }

    /// ln N of the least compute that reaches `loss`: there the capacity term is the share
    /// beta / (alpha + beta) of what is left above E. NaN at or below E.
    #[must_use]
    pub fn ln_n_for_loss(&self, loss: f64) -> f64 {
        let share = self.beta / (self.alpha + self.beta) * (loss - self.e);
        (self.a.ln() - share.ln()) / self.alpha
    }

    /// (ln N, ln D) of the least compute that reaches `loss`. NaN at or below E.
    #[must_use]
    pub fn ln_optimum_for_loss(&self, loss: f64) -> (f64, f64) {
        let ln_n = self.ln_n_for_loss(loss);
        (ln_n, self.ln_d_for_loss(ln_n, loss))
    }

    /// ln D that brings ln N = `ln_n` to `loss`; infinite below the wall.
    #[must_use]
    pub fn ln_d_for_loss(&self, ln_n: f64, loss: f64) -> f64 {
        let left = loss - self.e - self.capacity(ln_n);
        if left > 0.0 { (self.b.ln() - left.ln()) / self.beta } else { f64::INFINITY }
    }

    /// ln of the smallest N that reaches `loss` with unlimited tokens: the wall. NaN at or below E.
    #[must_use]
    pub fn ln_n_wall(&self, loss: f64) -> f64 {
        (self.a.ln() - (loss - self.e).ln()) / self.alpha
    }
}

/// A law that equals E + A N^-alpha + B D^-beta in every setting, whatever its own coefficients are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Separable {
    /// E.
    pub e: f64,
    /// A.
    pub a: f64,
    /// B.
    pub b: f64,
    /// alpha.
    pub alpha: f64,
    /// beta.
    pub beta: f64,
    /// Derivatives of (ln E, ln A, ln B, alpha, beta) in each coefficient of the law, in its order, those
    /// of [`Scale::Log`](super::Scale::Log) as logarithms. Constant, as the relation is linear in these.
    pub chain: &'static [[f64; 5]],
}

impl Separable {
    /// The powers themselves.
    #[must_use]
    pub fn powers(&self) -> Powers {
        let Self { e, a, b, alpha, beta, .. } = *self;
        Powers { e, a, b, alpha, beta }
    }
}
