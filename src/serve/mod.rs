//! The explorer: a page on this machine that asks the room [`study`](crate::study) as the command line does.
//!
//! The page holds no arithmetic: every number and every text of a number comes from here. Whoever knows
//! the address, which holds a random token, is answered; pages of other origins are not. Nothing is
//! written, and nothing is held but fits that were given, which their files can give again.

mod address;
mod chart;
mod curves;
mod fields;
mod guard;
mod reply;
mod routes;
mod shelf;
mod start;
mod upload;
mod view;

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use guard::Guard;
use routes::{Desk, routes};
use shelf::Shelf;
pub use shelf::{LoadedFit, Origin};
pub use view::CommandLine;

use crate::error::{Error, Result, ServeError};

/// Threads that answer questions; each question uses all cores by itself.
const ANSWERING: usize = 4;
/// Bytes of the token, from the system's own source of random numbers.
const TOKEN: usize = 16;

/// What the explorer is opened with.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// Saved fits to begin with.
    pub fits: Vec<PathBuf>,
    /// Laws to begin with, as [`ask_laws`](crate::study::ask_laws) takes them, without files.
    pub law: Option<String>,
    /// The port; any free one when absent.
    pub port: Option<u16>,
    /// Writes a question as commands.
    pub command: CommandLine,
}

/// An explorer that listens on 127.0.0.1.
#[derive(Debug)]
pub struct Explorer {
    listener: TcpListener,
    guard: Guard,
    desk: Desk,
}

impl Explorer {
    /// Loads the fits and takes the port; from then on the address is valid.
    ///
    /// # Errors
    /// [`ServeError`] for a port that cannot be had; as [`load_fit`](crate::study::load_fit) for a fit, and
    /// [`ask_laws`](crate::study::ask_laws) for a law.
    pub fn open(config: &ServeConfig) -> Result<Self> {
        let shelf = Shelf::default();
        for path in &config.fits {
            // Checked under its own path, whose messages people know.
            crate::study::load_fit(path)?;
            let text = crate::data::read_text(path)?;
            shelf.take_saved(&path.display().to_string(), text.as_bytes())?;
        }
        if let Some(law) = &config.law {
            shelf.ask(law)?;
        }
        let asked = config.port.unwrap_or(0);
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, asked)).map_err(|e| match e.kind() {
                std::io::ErrorKind::AddrInUse => ServeError::PortTaken { port: asked },
                _ => ServeError::NoListener { port: asked, reason: e.to_string() },
            })?;
        let port = listener.local_addr().map_err(|e| no_start(&e))?.port();
        let mut bytes = [0; TOKEN];
        getrandom::fill(&mut bytes).map_err(|e| no_start(&e))?;
        let token = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let desk =
            Desk { shelf: Arc::new(shelf), law: config.law.clone(), command: config.command };
        Ok(Self { listener, guard: Guard { token, port }, desk })
    }

    /// Where it is, token included.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}/", self.guard.port, self.guard.token)
    }

    /// Answers until the process ends.
    ///
    /// # Errors
    /// [`ServeError::NoStart`] when the system has no room for it.
    pub fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(ANSWERING)
            .build()
            .map_err(|e| no_start(&e))?;
        runtime.block_on(async {
            self.listener.set_nonblocking(true).map_err(|e| no_start(&e))?;
            let listener =
                tokio::net::TcpListener::from_std(self.listener).map_err(|e| no_start(&e))?;
            axum::serve(listener, routes(self.desk, self.guard)).await.map_err(|e| no_start(&e))
        })
    }
}

fn no_start(reason: &impl std::fmt::Display) -> Error {
    ServeError::NoStart { reason: reason.to_string() }.into()
}
