//! One logged quantity of one run: values by step, in bounded memory.

/// Points a series keeps; beyond them neighbours are merged, so that a run of any length takes at
/// most half a megabyte.
const MOST: usize = 4096;

/// Consecutive points merged into one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bin {
    /// Step of its first point.
    pub(super) first: f64,
    /// Step of its last point.
    pub(super) step: f64,
    /// Value of its last point.
    pub(super) last: f64,
    /// Sum of its finite values.
    sum: f64,
    /// Finite values.
    pub(super) count: u32,
    /// Values that are NaN or infinite.
    pub(super) broken: u32,
}

impl Bin {
    /// Mean of its finite values; `None` when there are none.
    pub(super) fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }

    /// Values in it.
    fn points(&self) -> u64 {
        u64::from(self.count) + u64::from(self.broken)
    }

    fn join(&mut self, next: &Self) {
        *self = Self {
            first: self.first,
            step: next.step,
            last: next.last,
            sum: self.sum + next.sum,
            count: self.count.saturating_add(next.count),
            broken: self.broken.saturating_add(next.broken),
        };
    }
}

/// Values by step, in the order they were logged until [`settle`](Self::settle) sorts them out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    bins: Vec<Bin>,
    /// Points a new bin takes before the next begins; 0 until the first thinning, for one.
    stride: u64,
    /// How often a step was lower than the one before.
    descents: usize,
    /// Points that a later one of the same or an earlier step replaced.
    pub(super) replaced: usize,
    /// The step from which a restart went on, the last one where there were several.
    pub(super) restarted_at: Option<f64>,
}

impl Series {
    pub(super) const NONE: Self =
        Self { bins: Vec::new(), stride: 0, descents: 0, replaced: 0, restarted_at: None };

    /// Adds a value; steps may come back, as after a restart.
    pub(super) fn push(&mut self, step: f64, value: f64) {
        let finite = value.is_finite();
        let sum = if finite { value } else { 0.0 };
        let (count, broken) = (u32::from(finite), u32::from(!finite));
        self.add(Bin { first: step, step, last: value, sum, count, broken });
    }

    fn add(&mut self, bin: Bin) {
        if let Some(last) = self.bins.last_mut() {
            if last.step > bin.first {
                self.descents += 1;
            } else if last.step < bin.first && last.points() + bin.points() <= self.stride {
                last.join(&bin);
                return;
            }
        }
        self.bins.push(bin);
        if self.bins.len() >= 2 * MOST {
            self.settle();
            self.thin();
        }
    }

    /// Adds all of a later piece of the same log.
    pub(super) fn absorb(&mut self, later: &Self) {
        self.replaced += later.replaced;
        self.restarted_at = later.restarted_at.or(self.restarted_at);
        later.bins.iter().for_each(|bin| self.add(*bin));
    }

    /// Puts the points in order of steps.
    ///
    /// A few steps back are restarts: what was logged beyond the step a restart goes on from is of
    /// a branch that was given up, and goes. Many, or pieces that share no steps, are rows out of
    /// order, which are sorted.
    pub(super) fn settle(&mut self) {
        if self.descents > 8.max(self.bins.len() / 50) || self.is_out_of_order() {
            self.bins.sort_by(|a, b| a.first.total_cmp(&b.first));
        }
        let mut kept: Vec<Bin> = Vec::with_capacity(self.bins.len());
        for bin in self.bins.drain(..) {
            while let Some(last) = kept.last().filter(|last| last.step >= bin.first) {
                // The same step twice is a second opinion; a step back is a restart.
                if last.step > bin.first {
                    self.restarted_at = Some(bin.first);
                }
                self.replaced += (last.count + last.broken) as usize;
                kept.pop();
            }
            kept.push(bin);
        }
        self.bins = kept;
        self.descents = 0;
    }

    /// Whether steps that go back never come to where others have been: pieces in the wrong order,
    /// or rows that are all different and go back more than twice.
    fn is_out_of_order(&self) -> bool {
        if self.descents == 0 {
            return false;
        }
        let mut ends: Vec<(f64, f64)> = Vec::new();
        for bin in &self.bins {
            match ends.last_mut() {
                Some((_, last)) if *last <= bin.first => *last = bin.step,
                _ => ends.push((bin.first, bin.step)),
            }
        }
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        let apart = ends.windows(2).all(|pair| pair[0].1 < pair[1].0);
        let mut steps: Vec<f64> = self.bins.iter().map(|b| b.first).collect();
        steps.sort_by(f64::total_cmp);
        let distinct = steps.windows(2).all(|pair| pair[0] < pair[1]);
        apart || (distinct && self.descents > 2)
    }

    /// Merges neighbours until at most [`MOST`] bins of about equal numbers of points are left.
    fn thin(&mut self) {
        let total: u64 = self.bins.iter().map(Bin::points).sum();
        let each = (total.div_ceil(MOST as u64 / 2)).max(1);
        self.stride = each;
        let mut kept: Vec<Bin> = Vec::with_capacity(MOST);
        for bin in &self.bins {
            match kept.last_mut() {
                Some(last) if last.points() < each => last.join(bin),
                _ => kept.push(*bin),
            }
        }
        self.bins = kept;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// The points in order.
    pub(super) fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Values logged.
    pub(super) fn len(&self) -> usize {
        self.bins.iter().map(Bin::points).sum::<u64>() as usize
    }

    pub(super) fn first(&self) -> Option<&Bin> {
        self.bins.first()
    }

    pub(super) fn last(&self) -> Option<&Bin> {
        self.bins.last()
    }

    /// The value at a step, linear between points; before the first and after the last `None`.
    pub(super) fn at(&self, step: f64) -> Option<f64> {
        let after = self.bins.partition_point(|b| b.step < step);
        let right = self.bins.get(after)?;
        if right.step == step {
            return Some(right.last);
        }
        let left = self.bins.get(after.checked_sub(1)?)?;
        let share = (step - left.step) / (right.step - left.step);
        Some(left.last + share * (right.last - left.last))
    }

    /// Keeps what was logged before `step`.
    pub(super) fn truncate_from(&mut self, step: f64) {
        let before = self.bins.len();
        self.bins.retain(|b| b.step < step);
        self.replaced += before - self.bins.len();
    }

    /// Puts every point at another position, which rises with the old one.
    pub(super) fn reposition(&mut self, to: &dyn Fn(f64) -> f64) {
        for bin in &mut self.bins {
            bin.first = to(bin.first);
            bin.step = to(bin.step);
        }
        self.restarted_at = self.restarted_at.map(to);
    }

    /// Adds `offset` to every step.
    pub(super) fn shift(&mut self, offset: f64) {
        for bin in &mut self.bins {
            bin.first += offset;
            bin.step += offset;
        }
    }

    /// Mean and number of the finite values from `from` on, whole bins only, with the step of the
    /// first one.
    pub(super) fn mean_from(&self, from: f64) -> Option<Window> {
        let bins = &self.bins[self.bins.partition_point(|b| b.first < from)..];
        let points: u64 = bins.iter().map(|b| u64::from(b.count)).sum();
        let sum: f64 = bins.iter().map(|b| b.sum).sum();
        let first = bins.first()?;
        (points > 0).then(|| Window { from: first.first, points, mean: sum / points as f64 })
    }
}

/// The end of a series, averaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Step of its first point.
    pub(super) from: f64,
    /// Finite values in it.
    pub(super) points: u64,
    /// Their mean.
    pub(super) mean: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(points: &[(f64, f64)]) -> Series {
        let mut series = Series::default();
        points.iter().for_each(|(s, v)| series.push(*s, *v));
        series.settle();
        series
    }

    #[test]
    fn a_restart_drops_the_branch_that_was_given_up() {
        let series = of(&[(1.0, 9.0), (10.0, 5.0), (20.0, 4.0), (15.0, 4.5), (25.0, 3.9)]);
        let steps: Vec<f64> = series.bins().iter().map(|b| b.step).collect();
        assert_eq!(steps, [1.0, 10.0, 15.0, 25.0]);
        assert_eq!((series.replaced, series.restarted_at), (1, Some(15.0)));
    }

    #[test]
    fn rows_out_of_order_are_sorted_and_kept() {
        let points: Vec<(f64, f64)> = (0..500).map(|i| (f64::from((i * 37) % 500), 1.0)).collect();
        let series = of(&points);
        assert_eq!((series.len(), series.replaced), (500, 0));
        let second_half_first = of(&[(3.0, 1.0), (4.0, 1.0), (1.0, 2.0), (2.0, 2.0)]);
        assert_eq!((second_half_first.len(), second_half_first.restarted_at), (4, None));
    }

    #[test]
    fn a_long_series_keeps_its_mean_and_its_ends_in_bounded_memory() {
        let (mut whole, mut pieces) = (Series::default(), Series::default());
        let n = 300_000;
        let mut piece = Series::default();
        for i in 1..=n {
            whole.push(f64::from(i), f64::from(i));
            piece.push(f64::from(i), f64::from(i));
            if i % 70_000 == 0 || i == n {
                pieces.absorb(&std::mem::take(&mut piece));
            }
        }
        for mut series in [whole, pieces] {
            series.settle();
            assert!(series.bins().len() <= 2 * MOST);
            assert_eq!((series.len(), series.replaced), (n as usize, 0));
            assert_eq!(series.last().map(|b| (b.step, b.last)), Some((3e5, 3e5)));
            let all = series.mean_from(0.0).expect("points");
            assert!((all.mean / 150_000.5 - 1.0).abs() < 1e-12, "{all:?}");
            let tail = series.mean_from(270_000.0).expect("points");
            assert!(
                tail.from - 270_000.0 < 1200.0 && (tail.mean - 285_000.0).abs() < 700.0,
                "{tail:?}"
            );
        }
    }

    #[test]
    fn nan_counts_and_takes_no_part_in_the_mean() {
        let series = of(&[(1.0, 2.0), (2.0, f64::NAN), (3.0, 4.0)]);
        assert_eq!(series.mean_from(0.0).map(|w| (w.points, w.mean)), Some((2, 3.0)));
        assert_eq!(series.bins()[1].broken, 1);
        assert_eq!(series.at(2.5).map(f64::is_nan), Some(true));
    }
}
