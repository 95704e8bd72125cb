//! Two published laws at one budget: what they choose, and what half the size costs at the same loss.
//!
//! `cargo run --example published_law`

#![allow(clippy::print_stdout, reason = "an example prints")]

use isoloss::law::Surface;
use isoloss::plan::{compute_optimal, iso_loss_curve, smallest_params, tokens_for_loss};
use isoloss::units::Flops;

fn main() -> isoloss::Result<()> {
    for name in ["besiroglu", "hoffmann-a3-devries"] {
        let surface = Surface::published(name)?;
        let best = compute_optimal(&surface, Flops::new(1e24))?;
        let loss = best.loss_nats;
        let wall = smallest_params(&surface, loss)?;
        println!("{name}: N {}, D {}, loss {loss:.4}, wall {wall}", best.n, best.d);

        let tokens = tokens_for_loss(&surface, best.n * 0.5, loss)?;
        println!("  the same loss at half the size takes {tokens} tokens");

        for point in iso_loss_curve(&surface, loss, 5)?.points {
            let more = 100.0 * point.overhead;
            println!("  {} on {}: {more:+.1} % compute", point.n, point.d);
        }
    }
    Ok(())
}
