//! The charts of a study, by the section of the page that shows them.

use super::answer::{StudyCurve, StudyReport};
use crate::error::Result;
use crate::fit::valleys;
use crate::report::{self, Block, Chart, Figure, HeldOutError, Picture, Size};
use crate::study::curve::models_near;
use crate::study::pictures::{FitPicture, PlanPicture};
use crate::units::{Flops, Params};

/// Where on the page a chart belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// With the first plan of the study's own law.
    Plan,
    /// With the fit.
    Fit,
    /// With the measured isoFLOP profiles.
    Profiles,
    /// With the test on the largest budget.
    Backtest,
    /// With the iso-loss curve.
    Curve,
    /// With what serving costs in a plan, by its place in the study.
    Served(usize),
    /// With the held-out tests.
    Tests,
    /// With the runs.
    Runs,
    /// With recipes compared, by their place in the study.
    Gain(usize),
    /// With models served, by their place in the study.
    Serving(usize),
}

/// A chart and where it belongs.
pub(super) struct Placed {
    pub(super) place: Place,
    /// Name of its files, without ending.
    pub(super) name: String,
    pub(super) chart: Chart,
}

impl Placed {
    fn new(place: Place, chart: Chart) -> Self {
        Self { place, name: chart.name.to_owned(), chart }
    }

    /// The sizes it is drawn in for the page, and the width of the page each is for.
    const SIZES: [(u32, Size); 2] = [(390, Size::PHONE), (800, Size::PAGE)];

    pub(super) fn figure(&self) -> Result<Figure> {
        let drawn = |(width, size): (u32, Size)| {
            Ok(Picture { width, svg: report::render_svg(&self.chart, size)? })
        };
        Ok(Figure {
            name: self.name.clone(),
            pictures: Self::SIZES.into_iter().map(drawn).collect::<Result<_>>()?,
            description: self.chart.title.clone(),
            caption: self.chart.caption.clone(),
            files: vec![format!("{}.svg", self.name), format!("{}.png", self.name)],
        })
    }
}

/// The figures of a place, as blocks of its section.
pub(super) fn figures_of(figures: &[(Place, Figure)], place: Place) -> Vec<Block> {
    let there = figures.iter().filter(|(at, _)| *at == place);
    there.map(|(_, figure)| Block::Figure(figure.clone())).collect()
}

impl StudyReport {
    pub(super) fn charts(&self) -> Result<Vec<Placed>> {
        let ensemble = self.fit.fit.ensemble();
        let own_plans: Vec<_> = self
            .plans
            .iter()
            .flat_map(|p| p.answer.rows())
            .filter(|row| row.law == ensemble.best.label)
            .cloned()
            .collect();
        let measured = valleys(&self.table);
        let surface = Some(&self.fit.fit.surface);
        let mut charts = vec![
            Placed::new(Place::Profiles, report::valleys_chart(&self.table, &measured, surface)?),
            Placed::new(Place::Fit, report::frontier_chart(&self.table, &ensemble, None)?),
            Placed::new(
                Place::Plan,
                report::plane_chart(Some(&self.table), &ensemble, &own_plans)?,
            ),
        ];
        for (i, plan) in self.plans.iter().enumerate() {
            let served = plan.answer.laws.iter().any(|law| !law.recommended.frontier.is_empty());
            for picture in [PlanPicture::Frontier, PlanPicture::Cost].into_iter().filter(|_| served)
            {
                let chart = plan.answer.chart(picture, &[])?;
                let name = format!("plan-{}-{}", i + 1, chart.name);
                charts.push(Placed { place: Place::Served(i), name, chart });
            }
        }
        // At one distance there is nothing to see that the text does not say.
        if self.fit.held_out_errors().is_some_and(|(errors, ..)| HeldOutError::are_spread(&errors))
        {
            let errors = self.fit.chart(FitPicture::Errors, &self.table)?;
            charts.push(Placed::new(Place::Tests, errors));
        }
        if !self.table.curves.is_empty() {
            let curves = self.fit.chart(FitPicture::Curves, &self.table)?;
            charts.push(Placed::new(Place::Runs, curves));
        }
        if let Some(StudyCurve { banded, .. }) = &self.curve {
            let near = models_near(banded, &ensemble)
                .into_iter()
                .map(|m| (m.name, m.params, m.train_flops))
                .collect::<Vec<(String, Params, Flops)>>();
            let compression = report::compression_chart(&banded.curve, &banded.band(), &near);
            charts.push(Placed::new(Place::Curve, compression));
            // From training alone to a demand that dwarfs it.
            let d = banded.curve.optimum.d;
            let served = [0.0, 10.0, 100.0, 1000.0].map(|times| d * times);
            let trade_off = report::trade_off_chart(&banded.curve, &served);
            charts.push(Placed::new(Place::Curve, trade_off));
        }
        let unit = self.table.loss_unit();
        if let Some(test) = &self.backtest {
            let validation = report::validation_chart(&test.runs, unit);
            charts.push(Placed::new(Place::Backtest, validation));
        }
        for (i, serving) in self.serving.iter().enumerate() {
            let devices = on(serving.report.devices, &serving.report.device);
            let chart = report::serving_chart(&serving.lines, &devices);
            let name = format!("{}-{}", chart.name, i + 1);
            charts.push(Placed { place: Place::Serving(i), name, chart });
        }
        for (i, gain) in self.gains.iter().enumerate() {
            // Without a measured frontier there is nothing to draw, and the words say so.
            if let Some(chart) = report::gain_chart(&gain.report.gain, gain.unit) {
                let name = format!("{}-{}", chart.name, i + 1);
                charts.push(Placed { place: Place::Gain(i), name, chart });
            }
        }
        Ok(charts)
    }
}

/// `1 x H100 SXM`.
pub(super) fn on(devices: f64, device: &str) -> String {
    format!("{devices} x {device}")
}
