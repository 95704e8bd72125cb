//! The page as a value: what it says, in its order.

use serde::Serialize;
use serde_json::Value;

use super::block::Section;
use super::card::Card;
use super::source::Source;
use super::warnings::WarningGroup;
use crate::error::Result;
use crate::report::save::json_text;

/// The schema that the JSON form of a page names.
pub const PAGE_SCHEMA: &str = "isoloss-report-1";

/// A study as one page: the answer, the evidence, warnings, sources, and the command that makes it again.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// Title.
    pub title: String,
    /// What was run, as the study's author wrote it.
    pub about: String,
    /// The answer.
    #[serde(rename = "answer")]
    pub card: Card,
    /// The evidence.
    pub sections: Vec<Section>,
    /// Warnings by weight.
    pub warnings: Vec<WarningGroup>,
    /// Where each constant comes from.
    pub provenance: Vec<Source>,
    /// The command that makes it again.
    pub command: String,
}

impl Page {
    /// The page as JSON: the same in the same order, and `values` behind it in full precision.
    ///
    /// # Errors
    /// [`ReportError::Json`](crate::error::ReportError::Json) for a value that JSON cannot hold.
    pub fn json(&self, values: &Value) -> Result<String> {
        #[derive(Serialize)]
        struct Written<'a> {
            schema: &'static str,
            isoloss_version: &'static str,
            #[serde(flatten)]
            page: &'a Page,
            values: &'a Value,
        }
        let isoloss_version = env!("CARGO_PKG_VERSION");
        json_text(&Written { schema: PAGE_SCHEMA, isoloss_version, page: self, values })
    }
}
