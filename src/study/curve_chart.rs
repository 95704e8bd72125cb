//! Curves as a picture and as rows.

use super::curve::{CostUnit, CurveAnswer, PlacedModel, models_near};
use crate::error::{Result, StudyError};
use crate::report::{
    Chart, CostAxis, FamilyMember, compression_chart, curve_csv, family_chart, family_csv,
};
use crate::units::{Flops, Params};

impl CurveAnswer {
    /// The cost axis.
    #[must_use]
    pub fn axis(&self) -> CostAxis {
        let (title, per_flop) = (self.cost.title.clone(), self.cost.per_flop);
        CostAxis { title, per_flop, counts: self.unit != CostUnit::Flops }
    }

    /// The points of the curve; those of a family with the loss before them.
    #[must_use]
    pub fn csv(&self) -> String {
        match self.curves.as_slice() {
            [one] if !self.is_family => curve_csv(&one.curve),
            curves => family_csv(curves.iter().map(|c| &c.curve)),
        }
    }

    /// The curve among the models near it, or the family.
    ///
    /// # Errors
    /// [`StudyError::SeveralLaws`] where curves of several laws are no family.
    pub fn chart(&self) -> Result<Chart> {
        let laws = self.curves.len();
        if laws > 1 && !self.is_family {
            return Err(StudyError::SeveralLaws { what: "one picture of a curve", laws }.into());
        }
        let named = |models: Vec<PlacedModel>| -> Vec<(String, Params, Flops)> {
            models.into_iter().map(|m| (m.name, m.params, m.train_flops)).collect()
        };
        Ok(match self.curves.as_slice() {
            [one] if !self.is_family => {
                let near = models_near(one, &self.ensembles[0]);
                compression_chart(&one.curve, &one.band(), &named(near))
            }
            curves => {
                let members: Vec<FamilyMember> = curves
                    .iter()
                    .map(|c| FamilyMember { curve: &c.curve, band: c.band() })
                    .collect();
                family_chart(&members, &named(self.placed.clone()), &self.axis())
            }
        })
    }
}
