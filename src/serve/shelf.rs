//! The fits at hand, by the content of their files, and the laws that questions name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::data::Frame;
use crate::error::{Error, Result, ServeError};
use crate::fit::Fit;
use crate::study::{AskedLaw, WhichLaw, ask_each, load_fit};

/// Most fits that are held; each has thousands of draws.
const MOST_FITS: usize = 32;
/// Lists of laws that stay ready to be asked.
const MOST_READY: usize = 8;
/// Between the name of a fit and the digest of its file.
const MARK: char = '~';

/// Where a fit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Its own file.
    Saved,
    /// A table of runs that was fitted here.
    Runs,
}

/// A fit at hand.
#[derive(Clone, Debug)]
pub struct LoadedFit {
    /// How an address names it: the name of its file and the digest of its bytes.
    pub id: String,
    /// Its file as it was given: a path at the start, a bare name from the page.
    pub file: String,
    /// Whether that is a fit or its runs.
    pub origin: Origin,
    /// The fit.
    pub fit: Arc<Fit>,
}

/// Fits and laws ready to be asked; all of it can be made again from files and addresses.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    fits: Mutex<BTreeMap<String, LoadedFit>>,
    /// By the text that asks for them, the last used last.
    ready: Mutex<Vec<(String, Arc<Vec<AskedLaw>>)>>,
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panicking request left behind is whole: maps are changed in one step.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How an address names a file: its name without what addresses and lists of laws use, and the first
/// twelve digits of the SHA-256 of its bytes.
pub(super) fn id_of(file: &str, bytes: &[u8]) -> String {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(60).collect();
    let digest = Sha256::digest(bytes);
    let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("{name}{MARK}{digest}")
}

impl Shelf {
    /// Takes the bytes of a saved fit.
    ///
    /// # Errors
    /// As [`load_fit`]; [`ServeError::TooManyFits`].
    pub(super) fn take_saved(&self, file: &str, bytes: &[u8]) -> Result<LoadedFit> {
        let id = id_of(file, bytes);
        if let Some(known) = self.get(&id) {
            return Ok(known);
        }
        let frame = Frame::of_bytes(file, bytes)?;
        let fit = Arc::new(load_fit(frame.as_ref())?);
        self.put(LoadedFit { id, file: file.to_owned(), origin: Origin::Saved, fit })
    }

    /// Holds a fit.
    ///
    /// # Errors
    /// [`ServeError::TooManyFits`].
    pub(super) fn put(&self, fit: LoadedFit) -> Result<LoadedFit> {
        let mut fits = held(&self.fits);
        if fits.len() >= MOST_FITS && !fits.contains_key(&fit.id) {
            return Err(ServeError::TooManyFits { most: MOST_FITS }.into());
        }
        fits.insert(fit.id.clone(), fit.clone());
        Ok(fit)
    }

    pub(super) fn get(&self, id: &str) -> Option<LoadedFit> {
        held(&self.fits).get(id).cloned()
    }

    /// Every fit, by name.
    pub(super) fn all(&self) -> Vec<LoadedFit> {
        held(&self.fits).values().cloned().collect()
    }

    /// The laws of a text as [`ask_laws`](crate::study::ask_laws) takes it, with the fits at hand by
    /// their names in the address, and without files.
    ///
    /// # Errors
    /// [`ServeError::NotLoaded`], [`ServeError::NamesFile`]; as [`ask_each`].
    pub(super) fn ask(&self, text: &str) -> Result<Arc<Vec<AskedLaw>>> {
        if let Some(laws) = self.ready_for(text) {
            return Ok(laws);
        }
        let laws = Arc::new(self.make(text)?);
        let mut ready = held(&self.ready);
        ready.push((text.to_owned(), Arc::clone(&laws)));
        let more = ready.len().saturating_sub(MOST_READY);
        ready.drain(..more);
        Ok(laws)
    }

    fn ready_for(&self, text: &str) -> Option<Arc<Vec<AskedLaw>>> {
        let mut ready = held(&self.ready);
        let at = ready.iter().position(|(known, _)| known == text)?;
        let found = ready.remove(at);
        let laws = Arc::clone(&found.1);
        ready.push(found);
        Some(laws)
    }

    fn make(&self, text: &str) -> Result<Vec<AskedLaw>> {
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|n| !n.is_empty()).collect();
        let mut fits = Vec::new();
        for name in &names {
            fits.push(self.fit_named(name)?);
        }
        let each: Vec<WhichLaw<'_>> = names
            .iter()
            .zip(&fits)
            .map(|(name, fit)| fit.as_ref().map_or(WhichLaw::Text(name), |f| WhichLaw::Fit(&f.fit)))
            .collect();
        // Published names together, so that each is asked once.
        match fits.iter().all(Option::is_none) {
            true => crate::study::ask_laws(text),
            false => ask_each(&each),
        }
    }

    /// The fit that a part of a list of laws names, if it names one.
    fn fit_named(&self, name: &str) -> Result<Option<LoadedFit>, Error> {
        if names_file(name) {
            return Err(ServeError::NamesFile { name: name.to_owned() }.into());
        }
        if !name.contains(MARK) {
            return Ok(None);
        }
        let missing = || ServeError::NotLoaded { name: name.to_owned() };
        Ok(Some(self.get(name).ok_or_else(missing)?))
    }
}

/// Whether the study room would read a file of this name.
pub(super) fn names_file(name: &str) -> bool {
    let is_path = std::path::Path::new(name).extension().is_some_and(|e| e == "json");
    name == "-" || name.starts_with('/') || name.contains(['/', '\\']) || is_path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_not_read_by_name() {
        let shelf = Shelf::default();
        for name in ["fit.json", "/etc/passwd", "-", "/dev/stdin", "../a.json", "besiroglu,x.json"]
        {
            let refused = shelf.ask(name).expect_err(name);
            assert!(matches!(refused, Error::Serve(ServeError::NamesFile { .. })), "{refused}");
        }
        let missing = shelf.ask("fit.json~0123456789ab").expect_err("not loaded");
        assert!(missing.to_string().contains("drop the file"), "{missing}");
    }

    #[test]
    fn a_list_that_was_asked_stays_ready_and_the_oldest_goes() {
        let shelf = Shelf::default();
        let first = shelf.ask("besiroglu").expect("published");
        assert!(Arc::ptr_eq(&first, &shelf.ask("besiroglu").expect("again")));
        for i in 0..MOST_READY {
            let law = format!("chinchilla:E=1.{i};A=400;B=400;alpha=0.3;beta=0.3");
            shelf.ask(&law).expect("constants");
        }
        assert!(!Arc::ptr_eq(&first, &shelf.ask("besiroglu").expect("anew")));
    }

    #[test]
    fn names_in_addresses_are_plain_and_hold_the_content() {
        let id = id_of("some folder/my fit,1.json", b"abc");
        assert_eq!(id, "my_fit_1.json~ba7816bf8f01");
        assert_ne!(id, id_of("some folder/my fit,1.json", b"abd"));
    }
}
