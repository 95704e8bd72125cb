//! Hints for the errors of plans, costs and shapes.

use crate::error::{CostError, FlopsError, PlanError};

pub(super) fn plan(error: &PlanError) -> Option<&'static str> {
    Some(match error {
        PlanError::NoMachineTime { .. } => "use --gpus K --device NAME --days T",
        PlanError::NoServingDevice => "add --serve-device NAME; isoloss devices lists them",
        PlanError::NoTrainingPrice => {
            "add --device NAME, or --usd-per-hour PRICE where no price is on record"
        }
        PlanError::NoServingPrice { .. } => "add --serve-usd-per-hour PRICE",
        PlanError::NoDemand => "add --serve-tokens D or --requests K",
        PlanError::Batch { .. } => "use --batch-tokens, or a shorter --train-context",
        PlanError::FewSteps { .. } => "use --tokens and --batch-tokens",
        PlanError::Deadline { .. } => "change --gpus, --days, --mfu or --tokens",
        PlanError::TooLarge { .. } => "change --days, --tokens or --batch-tokens",
        PlanError::Devices { .. } | PlanError::Memory { .. } => "change --gpus or --train-context",
        PlanError::AllExperts { .. } => "use a smaller --top-k",
        PlanError::OtherExperts { .. } | PlanError::ExpertsOutside { .. } => "change --experts",
        PlanError::GranularityOutside { .. } => "change --granularity",
        PlanError::NoTradeOff { .. } | PlanError::StoredLaw { .. } => {
            "name another --law; isoloss laws lists them"
        }
        PlanError::DenseLaw { .. } => "use --law joint-moe; isoloss laws lists the others",
        PlanError::Epochs { .. } => "use --max-epochs 1 or more",
        _ => return None,
    })
}

pub(super) fn cost(error: &CostError) -> Option<&'static str> {
    Some(match error {
        CostError::AmbiguousDevice { .. } | CostError::UnknownDevice { .. } => {
            "isoloss devices lists the devices"
        }
        CostError::NoPrice { .. } => "add --usd-per-hour PRICE",
        CostError::NoPower { .. } => "leave out --usd-per-kwh",
        CostError::UnknownModel { .. } => {
            "isoloss models lists the names; or use --params N --tokens D"
        }
        CostError::SizeUnknown { .. } => "use --params N",
        CostError::TokensUnknown { .. } => "use --tokens D",
        CostError::ShapeUnknown { .. } => "use --params N with --aspect, --ffn-ratio, --kv-heads",
        _ => return None,
    })
}

pub(super) fn flops(error: &FlopsError) -> Option<&'static str> {
    match error {
        FlopsError::NoShape { .. } => Some("use a smaller --vocab"),
        _ => None,
    }
}
