//! The laws and models the claims are checked with.

use crate::cost::model;
use crate::error::Result;
use crate::flops::Footprint;
use crate::law::Surface;
use crate::units::{Flops, Params, Tokens};

/// Laws every claim about an optimum is checked under.
pub(super) const LAWS: [&str; 4] =
    ["hoffmann-a3-devries", "hoffmann-a3-tex", "besiroglu", "muennighoff-base"];
/// Those that place released models; they disagree most.
pub(super) const RIVALS: [&str; 2] = ["hoffmann-a3-devries", "besiroglu"];
/// Gopher's budget as its paper and Chinchilla's quote it.
pub(super) const GOPHER_BUDGET: Flops = Flops::new(5.76e23);

pub(super) fn laws(names: &[&str]) -> Result<Vec<Surface>> {
    names.iter().map(|name| Ok(Surface::published(name)?)).collect()
}

/// N and D of a released model.
pub(super) fn size_and_tokens(name: &str) -> Result<(Params, Tokens)> {
    Ok(model(name)?.size_and_tokens()?)
}

pub(super) fn size(name: &str) -> Result<Params> {
    Ok(model(name)?.size()?)
}

pub(super) fn footprint(name: &str) -> Result<Footprint> {
    Ok(Footprint::from(&model(name)?.known_shape()?))
}
