//! The operations burn is slow at on a CPU, written by hand with their gradients.
//!
//! Each has a plain twin in [`super::plain`] made of burn's own operations: the reference it is
//! tested against, and what runs on every other device.

mod activation;
mod adamw;
mod attention;
mod dispatch;
mod entropy;
mod norm;
mod simd;

pub(super) use activation::Activation;
pub(super) use adamw::Update;
pub(super) use attention::Heads;
pub(super) use dispatch::{activation, adamw, attention, entropy, norm, squares};
