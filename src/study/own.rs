//! Devices and models by name, or from a file of one's own.

use std::path::Path;

use crate::cost::{Device, ReleasedModel, add_device, add_model, device, model};
use crate::error::{CostError, Result};

fn read(path: &str) -> Result<String, CostError> {
    let bad =
        |e: std::io::Error| CostError::OwnFile { path: path.to_owned(), reason: e.to_string() };
    std::fs::read_to_string(path).map_err(bad)
}

fn ends_in(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == extension)
}

/// The device of a name, or of a `.toml` file with one `[[device]]`.
pub(super) fn device_of(name: &str) -> Result<&'static Device> {
    if ends_in(name, "toml") {
        add_device(name, &read(name)?)?;
    }
    Ok(device(name)?)
}

/// The model of a name, or of a Hugging Face `config.json`.
pub(super) fn model_of(name: &str) -> Result<&'static ReleasedModel> {
    if ends_in(name, "json") {
        add_model(name, &read(name)?)?;
    }
    Ok(model(name)?)
}
