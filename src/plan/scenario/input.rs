//! The uncertain inputs of a scenario, and one outcome of them.

use serde::{Deserialize, Serialize};

use super::machines::{Serving, Training};
use super::question::Scenario;
use crate::cost::Uncertain;

/// One outcome of all uncertain inputs, besides the law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Share of the training peak.
    pub utilisation: f64,
    /// USD per device-hour of training.
    pub train_usd_per_hour: f64,
    /// USD per kWh.
    pub usd_per_kwh: f64,
    /// USD per device-hour of serving.
    pub serve_usd_per_hour: f64,
    /// Measured speed of serving over modelled speed.
    pub serve_speed: f64,
    /// Requests over the model's life.
    pub requests: f64,
    /// How far the constants of repetition lie from the published ones towards their rivals, 0 to 1.
    pub repetition: f64,
}

/// An uncertain input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// The coefficients of the law, or which law.
    Law,
    /// How much will be served.
    Demand,
    /// Utilisation of the training devices.
    Utilisation,
    /// Price of the device that trains and serves.
    DevicePrice,
    /// Price of training.
    TrainPrice,
    /// Price of energy.
    EnergyPrice,
    /// Price of serving.
    ServePrice,
    /// Speed of serving.
    ServeSpeed,
    /// What repeated tokens are worth.
    Repetition,
}

impl Input {
    /// All of them, in the order of tables.
    pub const ALL: [Self; 9] = [
        Self::Law,
        Self::Demand,
        Self::Utilisation,
        Self::DevicePrice,
        Self::TrainPrice,
        Self::EnergyPrice,
        Self::ServePrice,
        Self::ServeSpeed,
        Self::Repetition,
    ];
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Law => "law",
            Self::Demand => "demand",
            Self::Utilisation => "training utilisation",
            Self::DevicePrice => "device price",
            Self::TrainPrice => "training price",
            Self::EnergyPrice => "energy price",
            Self::ServePrice => "serving price",
            Self::ServeSpeed => "serving speed",
            Self::Repetition => "repetition",
        })
    }
}

impl Scenario {
    /// The uncertain inputs that can change this plan or what it costs, besides the law.
    ///
    /// One device that trains and serves at one price has one price: it is drawn once.
    #[must_use]
    pub fn inputs(&self) -> Vec<Input> {
        let uncertain = |x: Option<Uncertain>| x.is_some_and(|x| !x.is_known());
        let t = self.training.as_ref();
        let train_price = uncertain(t.and_then(|t| t.usd_per_hour));
        let (price, speed) = self.serving_inputs();
        let serves = self.demand.is_some() && (self.currency.counts_serving() || price.is_some());
        let shared = self.shares_price();
        let repeats = self.data.is_some_and(|d| d.max_epochs > 1.0 && d.rival.is_some());
        Input::ALL
            .into_iter()
            .filter(|input| match input {
                Input::Law => false,
                Input::Demand => serves && uncertain(self.demand.map(|d| d.requests)),
                Input::Utilisation => uncertain(t.map(|t| t.utilisation)),
                Input::DevicePrice => shared && train_price,
                Input::TrainPrice => !shared && train_price,
                Input::EnergyPrice => uncertain(t.and_then(|t| t.usd_per_kwh)),
                Input::ServePrice => !shared && serves && uncertain(price),
                Input::ServeSpeed => serves && price.is_some() && uncertain(speed),
                Input::Repetition => repeats,
            })
            .collect()
    }

    /// Whether serving a demand has a price.
    pub(in crate::plan) fn prices_serving(&self) -> bool {
        self.demand.is_some() && self.serving_inputs().0.is_some()
    }

    /// Price and speed of serving.
    fn serving_inputs(&self) -> (Option<Uncertain>, Option<Uncertain>) {
        match &self.serving {
            Some(Serving::Utilisation { usd_per_hour, .. }) => (Some(*usd_per_hour), None),
            Some(Serving::Physics { usd_per_hour, speed, .. }) => (*usd_per_hour, Some(*speed)),
            None => (None, None),
        }
    }

    /// Whether training and serving pay one and the same price.
    fn shares_price(&self) -> bool {
        let (Some(t), Some(Serving::Physics { deployment, usd_per_hour, .. })) =
            (&self.training, &self.serving)
        else {
            return false;
        };
        t.device.name == deployment.device.name && t.usd_per_hour == *usd_per_hour
    }

    /// The outcome at these quantiles, one per input; the median where none is given.
    #[must_use]
    pub fn circumstances(&self, quantile: impl Fn(Input) -> f64) -> Circumstances {
        let at =
            |range: Option<Uncertain>, input| range.map_or(1.0, |r| r.quantile(quantile(input)));
        let t = self.training.as_ref();
        let (price, speed) = self.serving_inputs();
        let (train, serve) = if self.shares_price() {
            (Input::DevicePrice, Input::DevicePrice)
        } else {
            (Input::TrainPrice, Input::ServePrice)
        };
        Circumstances {
            utilisation: at(t.map(|t| t.utilisation), Input::Utilisation),
            train_usd_per_hour: at(t.and_then(|t| t.usd_per_hour), train),
            usd_per_kwh: t
                .and_then(|t| t.usd_per_kwh)
                .map_or(0.0, |r| r.quantile(quantile(Input::EnergyPrice))),
            serve_usd_per_hour: at(price, serve),
            serve_speed: at(speed, Input::ServeSpeed),
            requests: self.demand.map_or(0.0, |d| d.requests.quantile(quantile(Input::Demand))),
            // Half of the probability stays at the published constants, as for any median.
            repetition: (2.0 * quantile(Input::Repetition) - 1.0).max(0.0),
        }
    }

    /// The medians of everything.
    #[must_use]
    pub fn typical(&self) -> Circumstances {
        self.circumstances(|_| 0.5)
    }
}

impl Training {
    /// USD of one useful training FLOP: device-hours and, where it has a price, energy.
    #[must_use]
    pub fn usd_per_flop(&self, now: &Circumstances) -> f64 {
        let peak = self.device.bf16_dense_tflop_per_s.map_or(f64::NAN, |t| t * 1e12);
        let hour = self.usd_per_hour.map_or(0.0, |_| now.train_usd_per_hour)
            + self.kilowatt().unwrap_or(0.0) * now.usd_per_kwh;
        hour / (3600.0 * peak * now.utilisation)
    }
}
