//! A short name for the bytes that were read.

use sha2::{Digest, Sha256};

/// SHA-256 of the input, shown by its first half: enough to tell any two inputs apart.
#[derive(Clone, Debug)]
pub(super) struct InputDigest(Sha256);

/// Bytes of the hash that are shown.
const SHOWN: usize = 16;

impl InputDigest {
    pub(super) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl std::fmt::Display for InputDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sha256-")?;
        self.0.clone().finalize().iter().take(SHOWN).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn golden_the_digest_of_abc_in_pieces() {
        let mut digest = InputDigest::new();
        digest.update(b"a");
        digest.update(b"bc");
        assert_eq!(digest.to_string(), "sha256-ba7816bf8f01cfea414140de5dae2223");
    }
}
