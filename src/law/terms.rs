//! Laws that are sums of exponentials: loss, gradient and Hessian term by term.

/// A loss with its gradient and Hessian, to which terms are added.
///
/// Most terms of laws, A N^-alpha and the like, are e^u where u and its derivatives are simple and few.
/// One exponential per term and row takes the place of one per pair of coefficients.
pub(super) struct Terms<'a> {
    loss: f64,
    gradient: &'a mut [f64],
    hessian: &'a mut [f64],
}

impl<'a> Terms<'a> {
    /// No terms yet.
    pub(super) fn new(gradient: &'a mut [f64], hessian: &'a mut [f64]) -> Self {
        gradient.fill(0.0);
        hessian.fill(0.0);
        Self { loss: 0.0, gradient, hessian }
    }

    /// Adds coefficient `i` itself, of value `x`.
    pub(super) fn constant(mut self, i: usize, x: f64) -> Self {
        self.loss += x;
        self.gradient[i] += 1.0;
        self
    }

    /// Adds e^u.
    ///
    /// - `slopes`: du / d theta_i by i.
    /// - `bends`: d²u / d theta_i d theta_j by (i, j), each pair once.
    pub(super) fn exponential(
        mut self,
        u: f64,
        slopes: &[(usize, f64)],
        bends: &[(usize, usize, f64)],
    ) -> Self {
        let term = u.exp();
        self.loss += term;
        for (k, &(i, by_i)) in slopes.iter().enumerate() {
            self.gradient[i] += term * by_i;
            for &(j, by_j) in &slopes[k..] {
                self.bend(i, j, term * by_i * by_j);
            }
        }
        for &(i, j, bend) in bends {
            self.bend(i, j, term * bend);
        }
        self
    }

    /// Adds A e^v for the coefficient A = `scale.1` of index `scale.0`, on which v does not depend.
    pub(super) fn scaled(
        mut self,
        scale: (usize, f64),
        v: f64,
        slopes: &[(usize, f64)],
        bends: &[(usize, usize, f64)],
    ) -> Self {
        let power = v.exp();
        self.gradient[scale.0] += power;
        for &(i, by_i) in slopes {
            self.bend(scale.0, i, power * by_i);
        }
        self.exponential(scale.1.ln() + v, slopes, bends)
    }

    /// The loss.
    pub(super) fn loss(self) -> f64 {
        self.loss
    }

    fn bend(&mut self, i: usize, j: usize, x: f64) {
        let p = self.gradient.len();
        self.hessian[i * p + j] += x;
        if i != j {
            self.hessian[j * p + i] += x;
        }
    }
}
