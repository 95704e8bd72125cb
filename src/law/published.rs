//! Published constants, from the shipped table `data/laws.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::benchmark::benchmark_by_id;
use super::families::{forms, law_by_id};
use super::point::Support;
use super::surface::Surface;
use crate::error::{LawError, nearest_name};
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

const TABLE: &str = "data/laws.toml";
const TEXT: &str = include_str!("../../data/laws.toml");

/// How a constant was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checked {
    /// In the paper or its code.
    Primary,
    /// Where another work quotes it.
    Secondary,
}

/// One row of the table of published laws.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Short name, as [`Surface::published`] takes it.
    pub name: String,
    /// Family id.
    pub form: String,
    /// What it is, in words.
    pub title: String,
    /// Year of publication.
    pub year: u16,
    /// Paper and place in it.
    pub source: String,
    /// How it was read.
    pub checked: Checked,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// The training data.
    pub text: String,
    /// The runs behind it, in words.
    pub fitted_on: String,
    /// The runs behind it, as ranges.
    #[serde(default)]
    pub range: Support,
    /// The setting of a plan in N and D alone, for families that depend on more.
    #[serde(default)]
    pub setting: Setting,
    /// Coefficients by name; `ln_X` is the logarithm of X.
    pub coefs: BTreeMap<String, f64>,
    /// Published standard errors by name.
    #[serde(default)]
    pub std_errors: BTreeMap<String, f64>,
    /// Other values of some coefficients that the same runs allow as well.
    #[serde(default)]
    pub rival: BTreeMap<String, f64>,
    /// What to be careful about, if anything.
    #[serde(default)]
    pub caution: Option<String>,
}

impl Published {
    /// The surface of this row.
    ///
    /// # Errors
    /// [`LawError`] when the family is unknown or a coefficient is missing.
    pub fn surface(&self) -> Result<Surface, LawError> {
        let law = law_by_id(&self.form)?;
        let value = |name: &str| {
            let logged = || self.coefs.get(&format!("ln_{name}")).map(|x| x.exp());
            self.coefs.get(name).copied().or_else(logged)
        };
        let theta = law.coefs().iter().map_while(|c| value(c.name)).collect();
        Ok(Surface::new(law, theta, &self.name, self.params, self.range)?.within(self.setting))
    }
}

/// An allocation published as a power of compute, without a loss.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allocation {
    /// Name.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// Paper and place in it.
    pub source: String,
    /// How it was read.
    pub checked: Checked,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// N at one PF-day of C_min.
    pub n_coefficient: f64,
    /// Exponent of N in compute.
    pub n_exponent: f64,
    /// Exponent of D in compute.
    pub d_exponent: f64,
    /// FLOPs of one PF-day.
    pub pf_day_flops: f64,
    /// C_min over the compute actually spent.
    pub c_min_share: f64,
}

impl Allocation {
    /// N for `c` training FLOPs: coefficient · (C_min in PF-days)^exponent.
    #[must_use]
    pub fn params_for(&self, c: Flops) -> Params {
        let pf_days = c.get() * self.c_min_share / self.pf_day_flops;
        Params::new(self.n_coefficient * pf_days.powf(self.n_exponent))
    }
}

/// Tokens published as a power of compute, without a loss: D = coefficient · C^exponent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenAllocation {
    /// Name.
    pub name: String,
    /// What it is, in words.
    pub title: String,
    /// Paper and place in it.
    pub source: String,
    /// How it was read.
    pub checked: Checked,
    /// D at one FLOP.
    pub d_coefficient: f64,
    /// Exponent of D in compute.
    pub d_exponent: f64,
    /// FLOPs per token at one FLOP, if the source counts size so.
    #[serde(default)]
    pub m_coefficient: Option<f64>,
    /// Exponent of that size in compute.
    #[serde(default)]
    pub m_exponent: Option<f64>,
    /// What to be careful about, if anything.
    #[serde(default)]
    pub caution: Option<String>,
}

impl TokenAllocation {
    /// D for `c` training FLOPs.
    #[must_use]
    pub fn tokens_for(&self, c: Flops) -> Tokens {
        Tokens::new(self.d_coefficient * c.get().powf(self.d_exponent))
    }

    /// N for `c` training FLOPs under C = 6 N D.
    #[must_use]
    pub fn params_for(&self, c: Flops) -> Params {
        Params::new(c.get() / (6.0 * self.tokens_for(c).get()))
    }

    /// Model FLOPs per token for `c`, if the source counts size so.
    #[must_use]
    pub fn flops_per_token_for(&self, c: Flops) -> Option<f64> {
        Some(self.m_coefficient? * c.get().powf(self.m_exponent?))
    }
}

/// Published constants of a benchmark law.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedBenchmark {
    /// Name.
    pub name: String,
    /// Family id.
    pub form: String,
    /// What it is, in words.
    pub title: String,
    /// Paper and place in it.
    pub source: String,
    /// How it was read.
    pub checked: Checked,
    /// Coefficients by name.
    pub coefs: BTreeMap<String, f64>,
}

impl PublishedBenchmark {
    /// Coefficients in the order of the family.
    ///
    /// # Errors
    /// [`LawError::UnknownForm`] when the family is unknown.
    pub fn theta(&self) -> Result<Vec<f64>, LawError> {
        let coefs = benchmark_by_id(&self.form)?.coefs();
        Ok(coefs.iter().map_while(|c| self.coefs.get(c.name).copied()).collect())
    }
}

/// Every published benchmark law.
///
/// # Errors
/// [`LawError::Table`] when the shipped table does not parse.
pub fn published_benchmarks() -> Result<&'static [PublishedBenchmark], LawError> {
    Ok(&table()?.benchmark)
}

/// The published benchmark law of this name.
///
/// # Errors
/// [`LawError::UnknownLaw`] with the nearest name.
pub fn published_benchmark(name: &str) -> Result<&'static PublishedBenchmark, LawError> {
    let all = &table()?.benchmark;
    let missing = || unknown(name, all.iter().map(|b| b.name.as_str()));
    all.iter().find(|b| b.name == name).ok_or_else(missing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    benchmark: Vec<PublishedBenchmark>,
    law: Vec<Published>,
    allocation: Vec<Allocation>,
    tokens: Vec<TokenAllocation>,
}

static PUBLISHED: LazyLock<Result<Table, LawError>> = LazyLock::new(|| {
    toml::from_str(TEXT)
        .map_err(|e| LawError::Table { table: TABLE, reason: e.message().to_owned() })
});

fn table() -> Result<&'static Table, LawError> {
    PUBLISHED.as_ref().map_err(Clone::clone)
}

/// Every published law, in the order of the table.
///
/// ```
/// use isoloss::law::published_laws;
///
/// let kaplan = published_laws()?.iter().find(|law| law.name == "kaplan-nd").unwrap();
/// assert_eq!((kaplan.year, kaplan.form.as_str()), (2020, "kaplan-joint"));
/// assert!(kaplan.caution.is_some());
/// # Ok::<(), isoloss::error::Error>(())
/// ```
///
/// # Errors
/// [`LawError::Table`] when the shipped table does not parse.
pub fn published_laws() -> Result<&'static [Published], LawError> {
    Ok(&table()?.law)
}

/// Kaplan's allocation N ∝ C^0.73 (arXiv:2001.08361, App. A).
///
/// # Errors
/// [`LawError::MissingRow`] when the shipped table does not hold it.
pub fn kaplan_allocation() -> Result<&'static Allocation, LawError> {
    let name = "kaplan-alloc";
    table()?
        .allocation
        .iter()
        .find(|a| a.name == name)
        .ok_or(LawError::MissingRow { table: TABLE, name })
}

/// The published allocation of tokens of this name.
///
/// # Errors
/// [`LawError::UnknownLaw`] when the shipped table does not hold it.
pub fn token_allocation(name: &str) -> Result<&'static TokenAllocation, LawError> {
    let all = &table()?.tokens;
    let missing = || unknown(name, all.iter().map(|a| a.name.as_str()));
    all.iter().find(|a| a.name == name).ok_or_else(missing)
}

// Here and not beside the other methods of `Surface`, so that the table needs surfaces and surfaces
// do not need the table.
impl Surface {
    /// The published surface of this name; [`published_laws`] lists them.
    ///
    /// ```
    /// use isoloss::law::Surface;
    ///
    /// let surface = Surface::published("hoffmann-a3-devries")?;
    /// assert_eq!(surface.law().id(), "chinchilla");
    /// assert_eq!(surface.coef("E"), Some(1.69));
    /// let error = Surface::published("besiroglou").unwrap_err();
    /// assert!(error.to_string().contains("did you mean `besiroglu`?"));
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LawError::UnknownLaw`] with the nearest name, [`LawError::FamilyForLaw`] for a family.
    pub fn published(name: &str) -> Result<Self, LawError> {
        let laws = published_laws()?;
        if let Some(law) = laws.iter().find(|l| l.name == name) {
            return law.surface();
        }
        let of_family = laws.iter().filter(|l| l.form == name).map(|l| l.name.clone());
        let of_family: Vec<String> = of_family.collect();
        if let Ok(family) = law_by_id(name) {
            let coefs = family.coefs().iter().map(|c| c.name).collect();
            let family = family.id();
            return Err(LawError::FamilyForLaw { family, published: of_family, coefs });
        }
        let families = forms().iter().map(|form| form.id());
        Err(unknown(name, laws.iter().map(|l| l.name.as_str()).chain(families)))
    }
}

fn unknown<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> LawError {
    LawError::UnknownLaw { name: name.to_owned(), nearest: nearest_name(name, known) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_law_makes_a_surface() {
        let laws = published_laws().expect("shipped table parses");
        assert!(laws.len() >= 13);
        for law in laws {
            law.surface().unwrap_or_else(|e| panic!("{}: {e}", law.name));
        }
    }

    #[test]
    fn a_misspelt_name_gets_the_nearest_one() {
        let error = Surface::published("besiroglou").expect_err("no such law");
        assert!(error.to_string().contains("did you mean `besiroglu`?"), "{error}");
    }

    #[test]
    fn golden_kaplan_gives_the_size_chinchilla_quotes() {
        // Chinchilla App. D.4: 4.68B at 1e21 FLOPs.
        let n = kaplan_allocation().expect("shipped").params_for(Flops::new(1e21));
        assert!((n.get() / 4.68e9 - 1.0).abs() < 2e-3, "{n}");
    }
}
