//! Machines, demand, data, limits and shapes, as several verbs take them.

use isoloss::cost::parse_token_range;
use isoloss::flops::Pattern;
use isoloss::study::{ScenarioRequest, Target, TrainingRequest};
use pyo3::prelude::*;

use crate::keywords::Keywords;

impl Keywords<'_> {
    /// Proportions of a shape.
    pub(crate) fn pattern(&self) -> PyResult<Pattern> {
        let modern = Pattern::MODERN;
        Ok(Pattern {
            aspect: self.of("aspect")?.unwrap_or(modern.aspect),
            kv_heads: self
                .of("kv_heads")?
                .map_or(modern.kv_heads, |heads| (heads > 0).then_some(heads)),
            ffn_ratio: self.of("ffn_ratio")?.unwrap_or(modern.ffn_ratio),
            vocab: self.of("vocab")?.unwrap_or(modern.vocab),
            tied_embeddings: self.flag("tied")?,
            window: self.of("window")?,
            ..modern
        })
    }

    /// A loss, given or implied.
    pub(crate) fn target(&self) -> PyResult<Target> {
        Ok(Target { quality_of: self.of("quality_of")?, loss: self.of("loss")? })
    }

    /// Devices to train a run on.
    pub(crate) fn training(&self) -> PyResult<Option<TrainingRequest>> {
        let Some(device) = self.of("device")? else { return Ok(None) };
        Ok(Some(TrainingRequest {
            device,
            gpus: self.of("gpus")?,
            duration_s: self.days("days")?,
            mfu: self.span("mfu", str::parse)?.unwrap_or_default(),
            fp8: self.flag("fp8_training")?,
            usd_per_hour: self.span("usd_per_hour", str::parse)?,
            usd_per_kwh: self.span("usd_per_kwh", str::parse)?,
            pue: self.of("pue")?.unwrap_or(ScenarioRequest::default().pue),
        }))
    }

    /// Everything a plan is made for besides a law, a target and a budget.
    pub(crate) fn scenario(&self) -> PyResult<ScenarioRequest> {
        let usual = ScenarioRequest::default();
        let experts = self.several("experts")?;
        Ok(ScenarioRequest {
            cost: self.word("cost")?,
            mfu: self.span("mfu", str::parse)?,
            fp8_training: self.flag("fp8_training")?,
            usd_per_hour: self.span("usd_per_hour", str::parse)?,
            usd_per_kwh: self.span("usd_per_kwh", str::parse)?,
            pue: self.of("pue")?.unwrap_or(usual.pue),
            serve_tokens: self.span("serve_tokens", parse_token_range)?,
            requests: self.span("requests", parse_token_range)?,
            prompt: self.of("prompt")?.unwrap_or(usual.prompt),
            answer: self.of("answer")?.unwrap_or(usual.answer),
            serve_device: self.of("serve_device")?,
            serve_gpus: self.of("serve_gpus")?.unwrap_or(usual.serve_gpus),
            serve_usd_per_hour: self.span("serve_usd_per_hour", str::parse)?,
            serve_bits: self.of("serve_bits")?.unwrap_or(usual.serve_bits),
            kv_bits: self.of("kv_bits")?.unwrap_or(usual.kv_bits),
            batch: self.of("batch")?,
            ttft_s: self.seconds("ttft")?,
            tpot_s: self.seconds("tpot")?,
            prefill_apart: self.flag("prefill_apart")?,
            serve_mfu: self.pair("serve_mfu")?,
            serve_peak_flop_per_s: self.of("serve_peak")?,
            unique_tokens: self.of("unique_tokens")?,
            max_epochs: self.of("max_epochs")?,
            repetition: self.pair("repetition")?,
            memory_bytes: self.bytes("memory")?,
            weight_bits: self.of("weight_bits")?.unwrap_or(usual.weight_bits),
            context: self.of("context")?.unwrap_or(usual.context),
            max_params: self.of("max_params")?,
            experts: if experts.is_empty() { usual.experts } else { experts },
            top_k: self.of("top_k")?.unwrap_or(usual.top_k),
            granularity: self.of("granularity")?.unwrap_or(usual.granularity),
            pattern: self.pattern()?,
        })
    }
}
