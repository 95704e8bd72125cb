//! Sources of known entropy, as they are written in a run or sweep file.

use serde::{Deserialize, Serialize};

use crate::error::SweepError;

/// The form of a synthetic source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SyntheticKind {
    /// Blocks of three tokens: two that name a context, frequent or rare by Zipf's law, and one drawn
    /// from the tokens of that context. Models of any size have rarer contexts left to learn, so their
    /// losses fall by power laws.
    #[default]
    Contexts,
    /// A Markov chain of order two: learnt in one step, by models of almost any size.
    Chain,
}

impl SyntheticKind {
    /// Its name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Contexts => "contexts",
            Self::Chain => "chain",
        }
    }
}

/// A source whose entropy rate is known exactly.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
/// The default is the source of a file that names no corpus: 1.3783 nats per token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyntheticSpec {
    /// Form of the source.
    pub kind: SyntheticKind,
    /// Kinds of tokens; [`size`](Self::size) has the default.
    pub vocab: Option<u32>,
    /// Of contexts: Zipf exponent of their frequencies, 1.5 when absent.
    pub exponent: Option<f64>,
    /// Of contexts: probabilities of the tokens that end a block, `[.6, .2, .1, .1]` when absent.
    pub probabilities: Option<Vec<f64>>,
    /// Of a chain: tokens that may follow a pair, 8 when absent.
    pub branching: Option<u32>,
    /// Of a chain: Zipf exponent of their probabilities, 1 when absent.
    pub skew: Option<f64>,
    /// Of a chain: Zipf exponent of the tokens among those that may follow, 1 when absent.
    pub popularity: Option<f64>,
    /// Training tokens drawn.
    pub tokens: f64,
    /// Seed of the source.
    pub seed: u64,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self {
            kind: SyntheticKind::default(),
            vocab: None,
            exponent: None,
            probabilities: None,
            branching: None,
            skew: None,
            popularity: None,
            tokens: 1e7,
            seed: 0,
        }
    }
}

impl SyntheticSpec {
    /// Kinds of tokens: 64 of contexts and 256 of a chain, unless the file says.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.vocab.unwrap_or(match self.kind {
            SyntheticKind::Contexts => 64,
            SyntheticKind::Chain => 256,
        })
    }

    /// Zipf exponent of the contexts.
    #[must_use]
    pub fn exponent(&self) -> f64 {
        self.exponent.unwrap_or(1.5)
    }

    /// Probabilities of the tokens that end a block.
    #[must_use]
    pub fn probabilities(&self) -> Vec<f64> {
        self.probabilities.clone().unwrap_or_else(|| vec![0.6, 0.2, 0.1, 0.1])
    }

    /// Tokens that may follow a pair of a chain.
    #[must_use]
    pub fn branching(&self) -> u32 {
        self.branching.unwrap_or(8)
    }

    /// Zipf exponent of their probabilities.
    #[must_use]
    pub fn skew(&self) -> f64 {
        self.skew.unwrap_or(1.0)
    }

    /// Zipf exponent of the tokens of a chain.
    #[must_use]
    pub fn popularity(&self) -> f64 {
        self.popularity.unwrap_or(1.0)
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range, or of the other kind of source.
    pub fn validate(&self) -> Result<(), SweepError> {
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        if !(2..=1024).contains(&self.size()) {
            return bad("corpus.synthetic.vocab", self.size().to_string(), "2 to 1024");
        }
        if !(1e3..=1e9).contains(&self.tokens) {
            return bad("corpus.synthetic.tokens", self.tokens.to_string(), "1e3 to 1e9");
        }
        let of_contexts = [
            ("corpus.synthetic.exponent", self.exponent.is_some()),
            ("corpus.synthetic.probabilities", self.probabilities.is_some()),
        ];
        let of_chains = [
            ("corpus.synthetic.branching", self.branching.is_some()),
            ("corpus.synthetic.skew", self.skew.is_some()),
            ("corpus.synthetic.popularity", self.popularity.is_some()),
        ];
        let set = |fields: &[(&'static str, bool)]| fields.iter().find(|f| f.1).map(|f| f.0);
        let foreign = match self.kind {
            SyntheticKind::Contexts => set(&of_chains).map(|f| (f, "kind = \"chain\" beside it")),
            SyntheticKind::Chain => set(&of_contexts).map(|f| (f, "kind = \"contexts\" beside it")),
        };
        if let Some((field, expected)) = foreign {
            return bad(field, format!("set with kind = \"{}\"", self.kind.name()), expected);
        }
        match self.kind {
            SyntheticKind::Contexts => self.validate_contexts(),
            SyntheticKind::Chain => self.validate_chain(),
        }
    }

    fn validate_contexts(&self) -> Result<(), SweepError> {
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        if !(0.0..=4.0).contains(&self.exponent()) {
            return bad("corpus.synthetic.exponent", self.exponent().to_string(), "0 to 4");
        }
        let probabilities = self.probabilities();
        let (count, sum) = (probabilities.len(), probabilities.iter().sum::<f64>());
        let field = "corpus.synthetic.probabilities";
        if count == 0 || count > self.size() as usize {
            return bad(field, format!("{count} numbers"), "1 to `vocab` numbers");
        }
        let wrong = probabilities.iter().find(|p| !(**p > 0.0 && **p <= 1.0));
        if let Some(wrong) = wrong {
            return bad(field, format!("{probabilities:?} with {wrong}"), "numbers above 0");
        }
        if (sum - 1.0).abs() > 1e-9 {
            return bad(field, format!("{probabilities:?}, sum {sum}"), "numbers that sum to 1");
        }
        Ok(())
    }

    fn validate_chain(&self) -> Result<(), SweepError> {
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        if !(1..=self.size()).contains(&self.branching()) {
            return bad("corpus.synthetic.branching", self.branching().to_string(), "1 to vocab");
        }
        if !(0.0..=4.0).contains(&self.skew()) {
            return bad("corpus.synthetic.skew", self.skew().to_string(), "0 to 4");
        }
        if !(0.0..=2.0).contains(&self.popularity()) {
            return bad("corpus.synthetic.popularity", self.popularity().to_string(), "0 to 2");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_other_kind_or_out_of_range_is_named_with_what_to_write() {
        for (text, named) in [
            ("branching = 4", ["corpus.synthetic.branching", "kind = \"chain\""]),
            ("kind = 'chain'\nexponent = 1.2", ["synthetic.exponent", "kind = \"contexts\""]),
            ("kind = 'chain'\nbranching = 300", ["synthetic.branching", "1 to vocab"]),
            ("probabilities = [0.5, 0.6]", ["synthetic.probabilities", "sum to 1"]),
            ("probabilities = [1.5, -0.5]", ["synthetic.probabilities", "above 0"]),
            ("probabilities = []", ["synthetic.probabilities", "1 to `vocab`"]),
            ("probabilities = [nan]", ["synthetic.probabilities", "above 0"]),
            ("exponent = nan", ["synthetic.exponent", "0 to 4"]),
            ("vocab = 1", ["synthetic.vocab", "2 to 1024"]),
            ("tokens = 10", ["synthetic.tokens", "1e3 to 1e9"]),
        ] {
            let spec: SyntheticSpec = toml::from_str(text).expect(text);
            let error = spec.validate().expect_err(text).to_string();
            assert!(named.iter().all(|n| error.contains(n)), "{text}: {error}");
        }
        for text in ["", "kind = 'chain'", "kind = 'chain'\nbranching = 4\nskew = 0", "vocab = 12"]
        {
            let spec: SyntheticSpec = toml::from_str(text).expect(text);
            assert_eq!(spec.validate(), Ok(()), "{text}");
        }
    }
}
