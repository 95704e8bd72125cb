//! Curves as a picture and as rows.

use super::curve::{CostUnit, CurveAnswer, PlacedModel, models_near};
use crate::report::{
    Chart, CostAxis, FamilyMember, compression_chart, compression_of_laws_chart, curve_csv,
    family_chart, family_csv,
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

    /// The curve among the models near it, the curves of several laws, or the family of one.
    #[must_use]
    pub fn chart(&self) -> Chart {
        match self.curves.as_slice() {
            [one] if !self.is_family => {
                let near = models_near(one, &self.ensembles[0]);
                compression_chart(&one.curve, &one.band(), &named(near))
            }
            _ if !self.is_family => compression_of_laws_chart(&self.members(), &self.beside()),
            _ => family_chart(&self.members(), &named(self.placed.clone()), &self.axis()),
        }
    }

    fn members(&self) -> Vec<FamilyMember<'_>> {
        self.curves.iter().map(|c| FamilyMember { curve: &c.curve, band: c.band() }).collect()
    }

    /// Models beside curves of several laws: those asked for, else those near any of the curves.
    fn beside(&self) -> Vec<(String, Params, Flops)> {
        if !self.placed.is_empty() {
            return named(self.placed.clone());
        }
        let near = self.curves.iter().zip(&self.ensembles);
        let mut models: Vec<PlacedModel> = Vec::new();
        for model in near.flat_map(|(curve, law)| models_near(curve, law)) {
            if models.iter().all(|known| known.name != model.name) {
                models.push(model);
            }
        }
        named(models)
    }
}

/// Models as charts take them: name, N, training FLOPs.
pub(super) fn named(models: Vec<PlacedModel>) -> Vec<(String, Params, Flops)> {
    models.into_iter().map(|m| (m.name, m.params, m.train_flops)).collect()
}
