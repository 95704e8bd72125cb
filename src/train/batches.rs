//! Fixed windows of a corpus in a seeded order.

use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::seq::SliceRandom;

use super::token_data::TokenData;
use crate::sweep::stream;

/// Inputs and the tokens that follow them.
pub(super) struct TokenBatch {
    /// [batch · context].
    pub(super) inputs: Tensor<1, Int>,
    /// [batch · context].
    pub(super) targets: Tensor<1, Int>,
    pub(super) sequences: usize,
}

/// Non-overlapping windows of the training or validation tokens.
///
/// Every window is used once before any is used again; the order of an epoch is drawn from the seed
/// and the number of the epoch alone, so that a position in the stream is all a checkpoint has to keep.
pub(super) struct Windows {
    data: TokenData,
    context: usize,
    seed: u64,
    epoch: Option<u64>,
    order: Vec<usize>,
}

impl Windows {
    /// Windows of `context` inputs and as many targets, shuffled by `seed`.
    pub(super) fn shuffled(data: TokenData, context: usize, seed: u64) -> Self {
        Self { data, context, seed, epoch: None, order: Vec::new() }
    }

    /// At most `tokens` tokens in windows spread evenly over the data.
    pub(super) fn spread(data: TokenData, context: usize, tokens: usize) -> Self {
        let available = window_count(&data, context);
        let count = (tokens / context).clamp(1, available.max(1));
        let order = (0..count.min(available)).map(|i| i * available / count).collect();
        Self { data, context, seed: 0, epoch: None, order }
    }

    /// Windows `position..position + sequences` of the endless training stream.
    pub(super) fn at(&mut self, position: u64, sequences: usize, device: &Device) -> TokenBatch {
        let per_epoch = window_count(&self.data, self.context) as u64;
        let chosen: Vec<usize> = (position..position + sequences as u64)
            .map(|at| self.window(at / per_epoch, (at % per_epoch) as usize, per_epoch as usize))
            .collect();
        self.batch(&chosen, device)
    }

    fn window(&mut self, epoch: u64, place: usize, count: usize) -> usize {
        if self.epoch != Some(epoch) {
            self.order = (0..count).collect();
            self.order.shuffle(&mut stream(self.seed, 1 + epoch));
            self.epoch = Some(epoch);
        }
        self.order[place]
    }

    /// All windows once, `sequences` at a time.
    pub(super) fn pass(
        &self,
        sequences: usize,
        device: &Device,
    ) -> impl Iterator<Item = TokenBatch> {
        self.order.chunks(sequences).map(move |chunk| self.batch(chunk, device))
    }

    fn batch(&self, windows: &[usize], device: &Device) -> TokenBatch {
        let collect = |shift: usize| {
            let mut tokens = Vec::with_capacity(windows.len() * self.context);
            for window in windows {
                let start = window * self.context + shift;
                // What follows the last token is the first: the data is a circle, and all of it is used.
                let inside = self.context.min(self.data.len() - start);
                self.data.read(start, inside, &mut tokens);
                self.data.read(0, self.context - inside, &mut tokens);
            }
            let length = tokens.len();
            Tensor::<1, Int>::from_data(TensorData::new(tokens, [length]), device)
        };
        TokenBatch { inputs: collect(0), targets: collect(1), sequences: windows.len() }
    }
}

/// How many windows of `context` tokens there are.
pub(super) fn window_count(data: &TokenData, context: usize) -> usize {
    data.len() / context
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_ids(windows: &mut Windows, position: u64, sequences: usize) -> Vec<i32> {
        let batch = windows.at(position, sequences, &Device::flex());
        let ids: Vec<i32> = batch.inputs.into_data().try_to_vec().expect("i32");
        ids.chunks(4).map(|window| window[0]).collect()
    }

    #[test]
    fn an_epoch_uses_each_window_once_and_the_next_has_another_order() {
        let ids: Vec<u32> = (0..80).collect();
        let data = TokenData::from_ids(&ids, 256);
        let mut windows = Windows::shuffled(data.clone(), 4, 9);
        let (first, second) = (first_ids(&mut windows, 0, 20), first_ids(&mut windows, 20, 20));
        assert_ne!(first, second);
        for mut epoch in [first, second.clone()] {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..20).map(|i| 4 * i).collect::<Vec<i32>>());
        }
        // Any position can be read without reading those before it.
        let mut again = Windows::shuffled(data, 4, 9);
        assert_eq!(first_ids(&mut again, 27, 5), second[7..12]);
    }
}
