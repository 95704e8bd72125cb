//! A family behind a reference, as fits and plans use it.

use super::at::{At, Factor};
use super::coef::Coef;
use super::form::{Form, jet_by_duals, slopes_by_duals};
use super::powers::{Powers, Separable};
use crate::units::Setting;

/// A family behind a reference, as fits and plans use it. Implemented for every [`Form`].
pub trait Law: Send + Sync {
    /// Stable id.
    fn id(&self) -> &'static str;
    /// Name for people.
    fn title(&self) -> &'static str;
    /// The equation in plain text.
    fn equation(&self) -> &'static str;
    /// Paper and equation number.
    fn source(&self) -> &'static str;
    /// Coefficients in order.
    fn coefs(&self) -> &'static [Coef];
    /// See [`Form::EXAMPLE`].
    fn example(&self) -> &'static [f64];
    /// See [`Form::FACTORS`].
    fn factors(&self) -> &'static [Factor];
    /// Whether the law looks at N and at D, so that a budget has a best split.
    fn has_optimum(&self) -> bool {
        [Factor::Params, Factor::Tokens].iter().all(|f| self.factors().contains(f))
    }
    /// See [`Form::CENTRES_TOKENS`].
    fn centres_tokens(&self) -> bool;
    /// See [`Form::RUGGED`].
    fn is_rugged(&self) -> bool;
    /// Loss in nats per token.
    fn loss(&self, theta: &[f64], at: &At<f64>) -> f64;
    /// See [`Form::jet`].
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64;
    /// As [`Law::jet`], by dual numbers even where the family overrides it: what its own derivatives
    /// are tested against.
    fn jet_by_duals(
        &self,
        theta: &[f64],
        at: &At<f64>,
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> f64;
    /// As [`Law::slopes`], by dual numbers even where the family has a closed form.
    fn slopes_by_duals(&self, theta: &[f64], at: &At<f64>) -> (f64, f64);
    /// See [`Form::separable`].
    fn separable(&self, theta: &[f64]) -> Option<Separable>;
    /// See [`Form::slopes`].
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64);
    /// See [`Form::floor`].
    fn floor(&self, theta: &[f64], setting: &Setting) -> f64;
    /// See [`Form::recentre`].
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64);
    /// See [`Form::starts`].
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>>;
    /// See [`Form::powers`].
    fn powers(&self, theta: &[f64], setting: &Setting) -> Option<Powers>;
    /// See [`Form::ln_n_optimal`].
    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64, setting: &Setting) -> Option<f64>;
    /// See [`Form::ln_optimum_for_loss`].
    fn ln_optimum_for_loss(
        &self,
        theta: &[f64],
        loss: f64,
        setting: &Setting,
    ) -> Option<(f64, f64)>;
    /// See [`Form::ln_n_wall`].
    fn ln_n_wall(&self, theta: &[f64], loss: f64, setting: &Setting) -> Option<f64>;
    /// See [`Form::ln_d_most_useful`].
    fn ln_d_most_useful(&self, theta: &[f64], ln_n: f64, setting: &Setting) -> f64;
    /// See [`Form::ln_d_for_loss`].
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, setting: &Setting) -> Option<f64>;
}

impl<F: Form> Law for F {
    fn id(&self) -> &'static str {
        F::ID
    }
    fn title(&self) -> &'static str {
        F::TITLE
    }
    fn equation(&self) -> &'static str {
        F::EQUATION
    }
    fn source(&self) -> &'static str {
        F::SOURCE
    }
    fn coefs(&self) -> &'static [Coef] {
        F::COEFS
    }
    fn example(&self) -> &'static [f64] {
        F::EXAMPLE
    }
    fn factors(&self) -> &'static [Factor] {
        F::FACTORS
    }
    fn centres_tokens(&self) -> bool {
        F::CENTRES_TOKENS
    }
    fn is_rugged(&self) -> bool {
        F::RUGGED
    }
    fn loss(&self, theta: &[f64], at: &At<f64>) -> f64 {
        Form::loss(self, theta, at)
    }
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        Form::jet(self, theta, at, gradient, hessian)
    }
    fn jet_by_duals(
        &self,
        theta: &[f64],
        at: &At<f64>,
        gradient: &mut [f64],
        hessian: &mut [f64],
    ) -> f64 {
        jet_by_duals(self, theta, at, gradient, hessian)
    }
    fn slopes_by_duals(&self, theta: &[f64], at: &At<f64>) -> (f64, f64) {
        slopes_by_duals(self, theta, at)
    }
    fn separable(&self, theta: &[f64]) -> Option<Separable> {
        Form::separable(self, theta)
    }
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64) {
        Form::slopes(self, theta, at)
    }
    fn floor(&self, theta: &[f64], setting: &Setting) -> f64 {
        Form::floor(self, theta, setting)
    }
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        Form::recentre(self, theta, ln_n0, ln_d0);
    }
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        Form::starts(self, at, loss)
    }
    fn powers(&self, theta: &[f64], setting: &Setting) -> Option<Powers> {
        Form::powers(self, theta, setting)
    }
    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64, setting: &Setting) -> Option<f64> {
        Form::ln_n_optimal(self, theta, ln_nd, setting)
    }
    fn ln_optimum_for_loss(
        &self,
        theta: &[f64],
        loss: f64,
        setting: &Setting,
    ) -> Option<(f64, f64)> {
        Form::ln_optimum_for_loss(self, theta, loss, setting)
    }
    fn ln_n_wall(&self, theta: &[f64], loss: f64, setting: &Setting) -> Option<f64> {
        Form::ln_n_wall(self, theta, loss, setting)
    }
    fn ln_d_most_useful(&self, theta: &[f64], ln_n: f64, setting: &Setting) -> f64 {
        Form::ln_d_most_useful(self, theta, ln_n, setting)
    }
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, setting: &Setting) -> Option<f64> {
        Form::ln_d_for_loss(self, theta, ln_n, loss, setting)
    }
}
