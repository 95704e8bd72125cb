//! Iso-loss compression curves: training cost against model size at one loss or several.

use serde::{Deserialize, Serialize, Serializer};

use super::law::{AskedLaw, ask_laws};
use super::own::{device_of, model_of};
use super::target::Target;
use crate::cost::{CostModel, Goodput, ReleasedModel, models};
use crate::error::{CostError, Result, StudyError, Warning};
use crate::law::{Ensemble, Point, Surface};
use crate::plan::{BandedCurve, banded_curve, optimum_of_size};
use crate::units::{Flops, Params};

/// What the cost of training is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum CostUnit {
    /// Training FLOPs.
    #[default]
    Flops,
    /// Hours of one device.
    DeviceHours,
    /// Dollars.
    Usd,
}

/// Curves to draw.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `law` | besiroglu | what [`ask_laws`] takes |
/// | `target` | none | the loss of one curve; its fields stand beside in a file |
/// | `family` | none | losses of the compute-optimal models of these sizes, one curve each |
/// | `models` | none | released models to place, by name, or `all` |
/// | `unit` | flops | unit of cost |
/// | `device`, `mfu`, `usd_per_hour` | none, published goodput, newest on record | for device-hours and dollars |
/// | `points` | 60 | sizes along a curve |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CurveRequest {
    /// Laws to ask; a family takes one.
    pub law: String,
    /// Sizes whose compute-optimal losses make a family.
    pub family: Vec<Params>,
    /// Released models to place among the curves.
    pub models: Vec<String>,
    /// Unit of cost.
    pub unit: CostUnit,
    /// Device, for device-hours and dollars.
    pub device: Option<String>,
    /// Share of its dense BF16 peak that does useful work.
    pub mfu: Goodput,
    /// Price of a device-hour, USD.
    pub usd_per_hour: Option<f64>,
    /// Sizes along a curve.
    pub points: u16,
    /// The loss of one curve.
    #[serde(flatten)]
    pub target: Target,
}

impl Default for CurveRequest {
    fn default() -> Self {
        Self {
            law: "besiroglu".to_owned(),
            family: Vec::new(),
            models: Vec::new(),
            unit: CostUnit::Flops,
            device: None,
            mfu: Goodput::Published,
            usd_per_hour: None,
            points: 60,
            target: Target::default(),
        }
    }
}

/// The scale of a cost axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostScale {
    /// Title with unit.
    pub title: String,
    /// Units of it per training FLOP.
    pub per_flop: f64,
}

/// A released model among curves.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlacedModel {
    /// Its name.
    pub name: String,
    /// N.
    pub params: Params,
    /// 6 N D.
    pub train_flops: Flops,
}

/// Curves with their bands.
///
/// Written as the one curve, or as `{"curves": […]}` where there are several or a family was asked for.
#[derive(Clone, Debug)]
pub struct CurveAnswer {
    /// One per law, or one per size of a family by rising optimum.
    pub curves: Vec<BandedCurve>,
    /// The ensemble of each curve.
    pub ensembles: Vec<Ensemble>,
    /// Whether they are a family under one law.
    pub is_family: bool,
    /// Models among them.
    pub placed: Vec<PlacedModel>,
    /// Scale of the cost axis.
    pub cost: CostScale,
    /// Unit of the cost axis.
    pub unit: CostUnit,
    /// Warnings of the laws.
    pub warnings: Vec<Warning>,
}

impl CurveRequest {
    /// The curves.
    ///
    /// # Errors
    /// [`StudyError`] for a family under several laws or a unit without a device;
    /// [`PlanError`](crate::error::PlanError) for a loss no model reaches, [`LawError`](crate::error::LawError) and
    /// [`CostError`](crate::error::CostError) for unknown names.
    pub fn answer(&self) -> Result<CurveAnswer> {
        self.answer_under(&ask_laws(&self.law)?)
    }

    /// As [`answer`](Self::answer), under laws at hand instead of those named.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_under(&self, laws: &[AskedLaw]) -> Result<CurveAnswer> {
        let points = usize::from(self.points);
        // Models are placed among the curves of several laws as well.
        let of_one = !self.models.is_empty() && laws.len() == 1;
        let is_family = !self.family.is_empty() || of_one || self.unit != CostUnit::Flops;
        let warnings = laws.iter().flat_map(|law| law.warnings.iter().cloned()).collect();
        let (mut curves, mut ensembles) = (Vec::new(), Vec::new());
        if is_family {
            let [law] = laws else {
                let what = "a family of curves";
                return Err(StudyError::SeveralLaws { what, laws: laws.len() }.into());
            };
            let best = &law.ensemble.best;
            let losses = if self.family.is_empty() {
                vec![self.target.loss_under(best)?]
            } else {
                let loss = |n: &Params| Ok(optimum_of_size(best, *n)?.loss_nats);
                self.family.iter().map(loss).collect::<Result<Vec<f64>>>()?
            };
            for loss in losses {
                curves.push(banded_curve(&law.ensemble, loss, points)?);
            }
            let size = |c: &BandedCurve| c.curve.optimum.n.get();
            curves.sort_by(|a, b| size(a).total_cmp(&size(b)));
            ensembles = vec![law.ensemble.clone(); curves.len()];
        } else {
            for law in laws {
                let loss = self.target.loss_under(&law.ensemble.best)?;
                curves.push(banded_curve(&law.ensemble, loss, points)?);
                ensembles.push(law.ensemble.clone());
            }
        }
        Ok(CurveAnswer {
            curves,
            is_family,
            placed: ensembles.first().map_or(Ok(Vec::new()), |law| self.placed(&law.best))?,
            ensembles,
            cost: self.cost()?,
            unit: self.unit,
            warnings,
        })
    }

    fn placed(&self, law: &Surface) -> Result<Vec<PlacedModel>> {
        if self.models.iter().any(|m| m == "all") {
            // A law of dense models has no place for the others.
            let dense = models()?.iter().filter(|m| m.active_params.is_none());
            return Ok(dense.filter_map(|model| place(model, law)).collect());
        }
        let named = self.models.iter().map(|name| {
            let model = model_of(name)?;
            place(model, law)
                .ok_or_else(|| CostError::TokensUnknown { name: model.name.clone() }.into())
        });
        named.collect()
    }

    fn cost(&self) -> Result<CostScale> {
        let what = match self.unit {
            CostUnit::Flops => {
                let title = "Training compute C (FLOPs)".to_owned();
                return Ok(CostScale { title, per_flop: 1.0 });
            }
            CostUnit::DeviceHours => "device-hours",
            CostUnit::Usd => "dollars",
        };
        let name = self.device.as_deref().ok_or(StudyError::NoTrainingDevice { what })?;
        let device = device_of(name)?;
        let mfu = self.mfu.range()?.mid;
        let hourly = |usd| CostModel::usd_per_flop(usd, device.peak_flop_per_s()?, mfu);
        let name = &device.name;
        let mfu = (1e3 * mfu).round() / 1e3;
        if self.unit == CostUnit::DeviceHours {
            let title = format!("Training, device-hours of {name} at MFU {mfu}");
            return Ok(CostScale { title, per_flop: hourly(1.0)? });
        }
        let price = match self.usd_per_hour {
            Some(price) => price,
            None => device.latest_price()?.typical(),
        };
        let title = format!("Training, USD at {price} per hour of {name}, MFU {mfu}");
        Ok(CostScale { title, per_flop: hourly(price)? })
    }
}

/// A model beside a curve: its compute is counted as the law counts that of the curve.
fn place(m: &ReleasedModel, law: &Surface) -> Option<PlacedModel> {
    let (n, d) = (m.n()?, m.tokens?);
    Some(PlacedModel { name: m.name.clone(), params: n, train_flops: law.train_flops(n, d) })
}

/// Released dense models whose loss under `ensemble` is within 0.02 nats of the curve's.
#[must_use]
pub fn models_near(curve: &BandedCurve, ensemble: &Ensemble) -> Vec<PlacedModel> {
    // A law of dense runs says nothing about sparse ones.
    let named = models().unwrap_or_default().iter().filter_map(|m| {
        let (n, d) = (m.params?, m.tokens.filter(|_| m.active_params.is_none())?);
        let loss = ensemble.best.loss(&Point::new(n, d));
        let near = (loss - curve.curve.loss_nats).abs() < 0.02;
        let train_flops = ensemble.best.train_flops(n, d);
        near.then(|| PlacedModel { name: m.name.clone(), params: n, train_flops })
    });
    named.collect()
}

impl Serialize for CurveAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Several<'a> {
            curves: &'a [BandedCurve],
        }
        match self.curves.as_slice() {
            [one] if !self.is_family => one.serialize(serializer),
            curves => Several { curves }.serialize(serializer),
        }
    }
}
