//! Fixed windows of text in a seeded order.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;

use crate::sweep::{Stream, stream};

/// Inputs and the tokens that follow them.
pub(super) struct Batch {
    /// [batch · context].
    pub(super) inputs: Tensor<1, Int>,
    /// [batch · context].
    pub(super) targets: Tensor<1, Int>,
    pub(super) sequences: usize,
}

/// Non-overlapping windows of one text; every window is used once before any is used again.
pub(super) struct Windows<'a> {
    text: &'a [u8],
    context: usize,
    order: Vec<usize>,
    next: usize,
    rng: Stream,
}

impl<'a> Windows<'a> {
    /// Windows of `context` inputs and as many targets, shuffled by `seed`.
    pub(super) fn shuffled(text: &'a [u8], context: usize, seed: u64) -> Self {
        let mut rng = stream(seed, 1);
        let mut order: Vec<usize> = (0..window_count(text, context)).collect();
        order.shuffle(&mut rng);
        Self { text, context, order, next: 0, rng }
    }

    /// At most `tokens` tokens in windows spread evenly over the text.
    pub(super) fn spread(text: &'a [u8], context: usize, tokens: usize) -> Self {
        let available = window_count(text, context);
        let wanted = (tokens / context).clamp(1, available.max(1));
        let order = (0..wanted.min(available)).map(|i| i * available / wanted).collect();
        Self { text, context, order, next: 0, rng: stream(0, 0) }
    }

    /// The next windows of an endless training stream; shuffles anew after each epoch.
    pub(super) fn draw(&mut self, sequences: usize, device: &Device) -> Batch {
        let mut chosen = Vec::with_capacity(sequences);
        while chosen.len() < sequences {
            if self.next == self.order.len() {
                self.order.shuffle(&mut self.rng);
                self.next = 0;
            }
            chosen.push(self.order[self.next]);
            self.next += 1;
        }
        self.batch(&chosen, device)
    }

    /// All windows once, `sequences` at a time.
    pub(super) fn pass(&self, sequences: usize, device: &Device) -> impl Iterator<Item = Batch> {
        self.order.chunks(sequences).map(move |chunk| self.batch(chunk, device))
    }

    fn batch(&self, windows: &[usize], device: &Device) -> Batch {
        let collect = |shift: usize| {
            let tokens: Vec<i32> = windows
                .iter()
                .flat_map(|w| {
                    let start = w * self.context + shift;
                    self.text[start..start + self.context].iter().map(|b| i32::from(*b))
                })
                .collect();
            let length = tokens.len();
            Tensor::<1, Int>::from_data(TensorData::new(tokens, [length]), device)
        };
        Batch { inputs: collect(0), targets: collect(1), sequences: windows.len() }
    }
}

/// How many windows a text has.
pub(super) fn window_count(text: &[u8], context: usize) -> usize {
    text.len().saturating_sub(1) / context
}
