//! How a writer's sinks are made: at once, or anew in a forked child that takes over.

use super::Shared;
use crate::error::{Error, ErrorKind};
use crate::filter::Filter;
use crate::route::{Post, Route};
use crate::sink::{Respawn, Sink, SinkSpec};
use onewriter_ring::{JournalFile, stable_hash};
use std::path::PathBuf;

/// What is kept of a sink's specification.
#[derive(Clone)]
pub(super) struct Recipe {
    /// Its number among all sinks of the logger.
    number: usize,
    file: Option<PathBuf>,
    respawn: Option<Respawn>,
    /// How it is set up, without its filter.
    settings: Option<String>,
    /// What it begins with.
    filter: Filter,
}

impl Recipe {
    pub(super) fn of(spec: &SinkSpec, number: usize, filter: Filter) -> Recipe {
        let SinkSpec { file, respawn, settings, .. } = spec;
        let (file, respawn, settings) = (file.clone(), respawn.clone(), settings.clone());
        Recipe { number, file, respawn, settings, filter }
    }

    pub(super) fn with_filter(&self, filter: Filter) -> Recipe {
        Recipe { filter, ..self.clone() }
    }

    /// How the sink is set up, without its filter.
    pub(super) fn settings(&self) -> Option<&str> {
        self.settings.as_deref()
    }

    /// Whether the sink can be made anew.
    pub(super) fn can_respawn(&self) -> bool {
        self.respawn.is_some()
    }

    /// The sink, made anew, in its route; `None` if it cannot be.
    pub(super) fn respawn(&self, at: usize, shared: &Shared) -> Result<Option<Route>, Error> {
        let Some(respawn) = &self.respawn else { return Ok(None) };
        self.route(respawn()?, at, shared).map(Some)
    }

    /// A sink in its route: the writer's number `at`, with the journal of its file.
    pub(super) fn route(
        &self,
        sink: Box<dyn Sink>,
        at: usize,
        shared: &Shared,
    ) -> Result<Route, Error> {
        // The same in every build: programs that share a queue find each other's journals.
        let key = self.file.as_ref().map(|path| stable_hash(path.as_os_str().as_encoded_bytes()));
        let journal = key.map(|key| JournalFile::open(shared.queue, key)).transpose();
        let journal = journal.map_err(|err| Error::new(ErrorKind::Io, err.to_string()))?;
        let post = Post { at, number: self.number, trap: shared.trap.clone() };
        Ok(Route::new(sink, self.filter.clone(), journal, post))
    }
}
