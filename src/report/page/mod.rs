//! A study as one page that opens offline, and the same page as Markdown and as JSON.
//!
//! A [`Page`] is a card with the answer and sections of [`Block`]s. All three forms are written from it,
//! so that they say the same in the same order.

mod block;
mod card;
mod document;
mod html;
mod markdown;
mod sentence;
mod source;
mod warnings;

pub use block::{Block, Cell, Fact, Figure, Picture, Section, Sheet};
pub use card::{Card, CardOf, Measure, Other, Tone};
pub use document::{PAGE_SCHEMA, Page};
pub use sentence::sentence;
pub use source::{Link, Source};
pub use warnings::{WarningGroup, warning_groups};
