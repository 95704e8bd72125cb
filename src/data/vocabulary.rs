//! What people call things in logs: lists of names, the surest first.

/// Names of the number of all parameters.
pub(super) const ALL_PARAMS: &[&str] = &[
    "n_params",
    "num_params",
    "params",
    "parameters",
    "n",
    "model_size",
    "params_total",
    "n_parameters",
    "num_parameters",
    "nparams",
    "n_params_total",
    "num_params_total",
    "total_params",
    "total_parameters",
    "model_params",
    "model_parameters",
    "param_count",
    "parameter_count",
    "num_model_params",
    "trainable_params",
    "num_trainable_params",
];

/// Names of that without embedding and output matrices.
pub(super) const NON_EMBEDDING_PARAMS: &[&str] = &[
    "n_params_non_embedding",
    "params_non_embedding",
    "non_embedding_params",
    "params_no_embed",
    "n_non_embedding",
    "num_non_embedding_params",
    "non_embedding_parameters",
    "num_params_non_embedding",
    "n_params_no_embedding",
    "n_params_nonembedding",
    "non_embed_params",
    BODY_AND_HEAD,
    "params_transformer",
    "transformer_params",
];

/// What tools log in parts: the layers and the head, without the tables that are only looked up.
const BODY_AND_HEAD: &str = "params_transformer+params_lm_head";

/// Columns that are sums of others.
pub(super) const SUMS: &[&str] = &[BODY_AND_HEAD];

/// Names of those a token visits.
pub(super) const ACTIVE_PARAMS: &[&str] = &[
    "active_params",
    "n_active_params",
    "num_active_params",
    "params_active",
    "active_parameters",
    "n_active",
    "n_params_active",
    "params_active_precise",
    "activated_params",
    "params_activated",
];

/// Names of steps, the surest first. W&B's own counter comes last: it counts calls of `log`.
pub(super) const STEP: &[&str] = &[
    "step",
    "global_step",
    "train_step",
    "train_global_step",
    "trainer_global_step",
    "trainer_step",
    "iteration",
    "iter",
    "train_iter",
    "train_iteration",
    "iterations",
    "steps",
    "iters",
    "num_updates",
    "update",
    "update_step",
    "optimizer_step",
    "batch",
    "time_batch",
    "step_num",
    "_step",
];

/// Names of a run's name.
pub(super) const RUN: &[&str] =
    &["run", "run_name", "run_id", "name", "id", "run_uuid", "experiment", "exp_name", "model"];

/// Names of the tokens seen so far.
pub(super) const TOKENS: &[&str] = &[
    "tokens",
    "train_tokens",
    "tokens_seen",
    "training_tokens",
    "train_tokens_seen",
    "num_input_tokens_seen",
    "consumed_tokens",
    "consumed_train_tokens",
    "train_consumed_tokens",
    "total_tokens",
    "total_tokens_seen",
    "train_total_tokens",
    "throughput_total_tokens",
    "tokens_processed",
    "tokens_total",
    "cumulative_tokens",
    "time_token",
    "time_tokens",
    "trainer_tokens",
    "n_tokens",
    "num_tokens",
    "n_tokens_seen",
    "ntokens_seen",
    "token_count",
];

/// Names of the sequences seen so far.
pub(super) const SAMPLES: &[&str] = &[
    "samples",
    "consumed_samples",
    "consumed_train_samples",
    "train_samples",
    "train_consumed_samples",
    "samples_seen",
    "num_samples_seen",
    "time_sample",
    "examples_seen",
    "sequences_seen",
];

/// Names of the training FLOPs so far.
pub(super) const FLOPS: &[&str] = &[
    "flops",
    "train_flops",
    "training_flops",
    "total_flops",
    "total_flos",
    "train_total_flos",
    "cumulative_flops",
    "total_train_flops",
    "flop",
    "training_flop",
];

/// Names of the epoch.
pub(super) const EPOCH: &[&str] =
    &["epoch", "train_epoch", "trainer_epoch", "epochs", "time_epoch"];

/// Words that mark a loss as one of held-out text.
pub(super) const HELD_OUT: &[&str] =
    &["eval", "evaluation", "val", "valid", "validation", "test", "heldout", "holdout", "dev"];

/// Evaluation losses by their whole name, the surest first.
pub(super) const EVAL_LOSS: &[&str] = &[
    "eval_loss",
    "val_loss",
    "validation_loss",
    "valid_loss",
    "loss_val",
    "loss_eval",
    "final_eval_loss",
    "final_val_loss",
    "test_loss",
    "val_ce",
    "eval_ce",
    "lm_loss_validation",
    "eval_languagecrossentropy",
];

/// Training losses by their whole name, the surest first.
pub(super) const TRAIN_LOSS: &[&str] = &[
    "train_loss",
    "training_loss",
    "loss_train",
    "loss",
    "lm_loss",
    "train_lm_loss",
    "loss_metrics_global_avg_loss",
    "global_avg_loss",
    "train_languagecrossentropy",
    "loss_train_total",
    "train_ce_loss",
    "train_crossentropyloss",
    "ce_loss",
    "train_loss_step",
    "nll",
    "l",
];

/// Words that make a name that of a loss.
pub(super) const LOSS_WORDS: &[&str] = &[
    "loss",
    "ce",
    "nll",
    "xent",
    "crossentropy",
    "languagecrossentropy",
    "crossentropyloss",
    "bpb",
    "bpt",
    "ppl",
    "perplexity",
];

/// Words that make a loss another one than that of the next token, or no loss at all.
pub(super) const NOT_THE_LOSS: &[&str] = &[
    "aux",
    "auxiliary",
    "z",
    "zloss",
    "router",
    "routing",
    "balance",
    "balancing",
    "load",
    "scale",
    "scaling",
    "grad",
    "norm",
    "std",
    "var",
    "min",
    "max",
    "best",
    "distill",
    "mtp",
    "ema",
    "smooth",
    "smoothed",
    "time",
    "runtime",
    "spike",
    "count",
    "weight",
];
