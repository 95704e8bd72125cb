//! An explorer that cannot be opened, and files that it cannot take.

use thiserror::Error;

/// What keeps the explorer from serving its page, or from taking a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Another program listens there.
    #[error(
        "port {port} of this machine is taken, perhaps by another explorer; expected a free port, or none, which lets the system choose one"
    )]
    PortTaken {
        /// The port that was asked for.
        port: u16,
    },
    /// The system refuses the port.
    #[error("port {port} of this machine cannot be listened on: {reason}")]
    NoListener {
        /// The port that was asked for; 0 for any.
        port: u16,
        /// What the system said.
        reason: String,
    },
    /// The system has no random numbers for the address, or no threads.
    #[error("the explorer cannot start: {reason}")]
    NoStart {
        /// What the system said.
        reason: String,
    },
    /// A fit that an address names and that is not at hand.
    #[error("{name} is not loaded here; drop the file on the page again")]
    NotLoaded {
        /// What the address calls it.
        name: String,
    },
    /// A law that would be read from the disk.
    #[error(
        "{name} names a file; the explorer reads no files by name, so expected a published law, or a fit that was dropped on the page or given at its start"
    )]
    NamesFile {
        /// The law or benchmark as given.
        name: String,
    },
    /// More fits than are held.
    #[error("{most} fits are loaded already, which is the most the explorer holds; start it anew")]
    TooManyFits {
        /// The most.
        most: usize,
    },
}
