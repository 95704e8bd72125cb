use isoloss::{flops::Shape, sweep::*, train::*, units::*};
use std::{ops::ControlFlow, sync::Arc};
fn main() {
    let a: Vec<f64> = std::env::args().skip(1).map(|x| x.parse().unwrap()).collect();
    let shape = Shape::swiglu(a[0] as u32, a[1] as u32, a[2] as u32, 256);
    let n = shape.params().all.get();
    let c = a[3];
    let recipe = Recipe { peak_lr: a[4], batch_sequences: a[5] as u32, evaluations: 4, ..Recipe::default() };
    let corpus = Arc::new(Corpus::read(&Source::CrateSources { registry: std::path::PathBuf::from(std::env::var("HOME").unwrap() + "/.cargo/registry/src") }).unwrap());
    if a.len() > 6 { println!("train {} val {} sha {}", corpus.train.len(), corpus.validation.len(), corpus.sha256); }
    let spec = RunSpec { id: "p".into(), shape, tokens: Tokens::new(c / 6.0 / n), budget: None, seed: 0, recipe };
    let mut t = BurnTrainer { corpus, threads: 1 };
    let mut evals = vec![];
    let r = t.train(&spec, &mut |e| { if let TrainEvent::Eval(e) = e { evals.push(format!("{:.3}", e.loss_nats)); }
       if let TrainEvent::Step(s) = e { if a.len() > 6 && s.step % 50 == 1 { println!("{} {:.3} gn {:.2} lr {:.4} t {:.1}", s.step, s.loss_nats, s.grad_norm, s.lr, s.elapsed_s) } } ControlFlow::Continue(()) }).unwrap();
    println!("L{} d{} N={:.0} D={:.3e} steps={} tok/s={:.0} GF={:.1} s={:.0} lr={} b={} loss={:.4} {:?}", a[0], a[1], n, r.tokens.get(), spec.steps(), r.tokens.get() / r.elapsed_s, r.flops.get() / r.elapsed_s / 1e9, r.elapsed_s, a[4], a[5], r.loss_nats.unwrap_or(f64::NAN), evals);
}
