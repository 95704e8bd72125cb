//! `isoloss laws`, `models` and `devices`: what is on record, with sources.

use super::output::Output;
use crate::error::Result;
use crate::study::{devices_json, devices_text, laws_json, laws_text, models_json, models_text};

pub(super) fn laws() -> Result<Output> {
    Output::new(laws_text()?, &laws_json()?, Vec::new())
}

pub(super) fn models() -> Result<Output> {
    Output::new(models_text()?, &models_json()?, Vec::new())
}

pub(super) fn devices() -> Result<Output> {
    Output::new(devices_text()?, &devices_json()?, Vec::new())
}
