//! A family of shapes a plan may choose.

use serde::{Deserialize, Serialize};

use crate::flops::Pattern;

/// A family of shapes to consider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Name in tables, e.g. `dense` or `8 experts, top 2`.
    pub name: String,
    /// Its proportions.
    pub pattern: Pattern,
    /// Granularity G: small experts that replace one of full size, for laws of fine-grained experts; 1 for
    /// experts of full size.
    pub granularity: f64,
}

impl Design {
    /// A dense design, or one of `experts` of which a token visits `top_k`.
    #[must_use]
    pub fn of(pattern: Pattern, experts: u32, top_k: u32) -> Self {
        let name = if experts > 1 {
            format!("{experts} experts, top {top_k}")
        } else {
            "dense".to_owned()
        };
        Self { name, pattern: pattern.with_experts(experts, top_k), granularity: 1.0 }
    }

    /// The same design of finer experts: each is cut into `granularity` smaller ones, of which a token
    /// visits as many more.
    #[must_use]
    pub fn fine_grained(self, granularity: f64) -> Self {
        if granularity == 1.0 {
            return self;
        }
        Self { name: format!("{}, granularity {granularity}", self.name), granularity, ..self }
    }

    /// Experts a token visits.
    pub(super) fn top_k(&self) -> f64 {
        self.pattern.experts.map_or(1.0, |e| f64::from(e.top_k))
    }

    pub(super) fn experts(&self) -> f64 {
        self.pattern.experts.map_or(1.0, |e| f64::from(e.count))
    }
}
