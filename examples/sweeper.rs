use isoloss::{sweep::*, train::*};
use std::{ops::ControlFlow, sync::Arc};
struct W;
impl Watcher for W {
    fn on_event(&self, _: &RunSpec, _: &TrainEvent) -> ControlFlow<()> { ControlFlow::Continue(()) }
    fn on_end(&self, s: &RunSpec, r: &RunResult) { println!("{} N={:.0} D={:.3e} loss={:?} s={:.0} GF={:.1}", s.id, r.n_params.get(), r.tokens.get(), r.loss_nats, r.elapsed_s, r.flops.get() / r.elapsed_s / 1e9); }
    fn should_stop(&self) -> bool { false }
}
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let config = SweepConfig::parse(&std::fs::read_to_string(&path).unwrap(), &path).unwrap();
    let corpus = Arc::new(Corpus::read(&Source::CrateSources { registry: std::path::PathBuf::from(std::env::var("HOME").unwrap() + "/.cargo/registry/src") }).unwrap());
    println!("train {} val {} sha {}", corpus.train.len(), corpus.validation.len(), corpus.sha256);
    let new = || BurnTrainer { corpus: corpus.clone(), threads: 1 };
    run_sweep(&SweepFolder::new(config.out_dir()), &config.runs(), 2, &new, &W).unwrap();
}
