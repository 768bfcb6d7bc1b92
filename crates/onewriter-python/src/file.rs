//! The queue of a file, which the engine writes.

use crate::error::{NotPut, raised};
use crate::format::{ExtraNeeds, LoguruFormat, Needs};
use crate::json::LoguruJson;
use crate::raw::{Data, RawFormat};
use crate::slot::{Slot, level, seconds};
use onewriter::{Compression, Format, IntoSink, LevelFilter, Names, Rotation, sink};
use onewriter_engine::Writer;
use onewriter_ring::{PutError, QueueName};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use std::path::PathBuf;
use std::time::Duration;

/// See `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct FileQueue {
    /// Absolute, behind all links.
    #[pyo3(get)]
    path: PathBuf,
    pub(crate) slot: Slot,
    /// What the format needs of a call.
    pub(crate) needs: Needs,
    pub(crate) extra: ExtraNeeds,
    /// For how long a put waits for room that is told nothing else.
    wait: Duration,
    /// Records of levels below it do not wait, and are dropped.
    drop_below: i64,
}

#[pymethods]
impl FileQueue {
    #[new]
    #[pyo3(signature = (
        path, *, rotate_size=None, rotate_every=None, rotate_at=None, names="index", utc=false,
        keep=None, keep_for=None, compression=None, mode=None, owner=None, memory=16777216, format=None,
        icons=None, wait=30.0, drop_below=0, name=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a Python function")]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        rotate_size: Option<u64>,
        rotate_every: Option<f64>,
        rotate_at: Option<&str>,
        names: &str,
        utc: bool,
        keep: Option<usize>,
        keep_for: Option<f64>,
        compression: Option<&str>,
        mode: Option<u32>,
        owner: Option<(u32, u32)>,
        memory: usize,
        format: Option<&str>,
        icons: Option<Vec<(String, String)>>,
        wait: f64,
        drop_below: i64,
        name: Option<String>,
    ) -> PyResult<FileQueue> {
        let (format, needs, extra) = format_of(format, icons)?;
        let mut file = sink::file(path).format(format);
        let mut rotation = Rotation::never();
        if let Some(bytes) = rotate_size {
            rotation = rotation.or(Rotation::size(bytes));
        }
        if let Some(every) = rotate_every {
            rotation = rotation.or(Rotation::every(seconds("rotate_every", every)?));
        }
        if let Some(text) = rotate_at {
            rotation = rotation.or(Rotation::at(text));
        }
        file = file.rotation(rotation);
        file = file.names(names.parse::<Names>().map_err(|err| raised(&err))?);
        if utc {
            file = file.utc();
        }
        if let Some(count) = keep {
            file = file.keep(count);
        }
        if let Some(age) = keep_for {
            file = file.keep_for(seconds("keep_for", age)?);
        }
        if let Some(compression) = compression {
            file = file.compress(compression_of(compression)?);
        }
        if let Some(mode) = mode {
            file = file.mode(mode);
        }
        if let Some((uid, gid)) = owner {
            file = file.owner(uid, gid);
        }
        let spec = file.level(LevelFilter::ALL).into_sink().map_err(|err| raised(&err))?;
        let path = spec.file.clone().ok_or_else(|| {
            PyValueError::new_err("the log file is a pipe or a device: use a stream as the sink")
        })?;
        let wait = seconds("wait", wait)?;
        let name = name.map_or_else(|| QueueName::File(path.clone()), QueueName::Named);
        let slot = Slot::open(py, &name, vec![spec], memory)?;
        Ok(FileQueue { path, slot, needs, extra, wait, drop_below })
    }

    #[pyo3(signature = (data, level=20, wait=None))]
    fn put(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        level: i64,
        wait: Option<f64>,
    ) -> PyResult<()> {
        let wait = wait.map(|wait| seconds("wait", wait)).transpose()?;
        let put = |data| {
            let done = self.by_policy(level, |patience| {
                self.slot.put(py, self::level(level), data, wait.unwrap_or(patience))
            });
            done.map_err(PyErr::from)
        };
        if let Ok(text) = data.cast::<PyString>() {
            put(Data::Text(&text.to_cow()?))
        } else if let Ok(bytes) = data.cast::<PyBytes>() {
            put(Data::Bytes(bytes.as_bytes()))
        } else {
            let kind = data.get_type().name()?;
            Err(PyTypeError::new_err(format!("a record of type {kind}: give str or bytes")))
        }
    }

    fn complete(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        self.slot.complete(py, seconds("timeout", timeout)?)
    }

    fn rotate(&self) -> PyResult<()> {
        self.slot.with_writer(Writer::rotate)
    }

    #[getter]
    fn rotations(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.slot.rotations())
    }

    fn reopen(&self) -> PyResult<()> {
        self.slot.with_writer(Writer::reopen)
    }

    fn close(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        self.slot.close(py, seconds("timeout", timeout)?)
    }

    fn __repr__(&self) -> String {
        format!("FileQueue({:?})", self.path)
    }
}

impl FileQueue {
    /// A put that may wait for so long; one that may not, and finds no room, is dropped and counts as
    /// lost.
    pub(crate) fn by_policy(
        &self,
        level: i64,
        put: impl FnOnce(Duration) -> Result<(), NotPut>,
    ) -> Result<(), NotPut> {
        if level >= self.drop_below {
            return put(self.wait);
        }
        match put(Duration::ZERO) {
            Err(NotPut::Refused(PutError::Full | PutError::NoMemory)) => Ok(()),
            done => done,
        }
    }
}

fn compression_of(name: &str) -> PyResult<Compression> {
    match name {
        "gz" | "gzip" => Ok(Compression::Gzip),
        "zst" | "zstd" => Ok(Compression::Zstd),
        other => Err(PyValueError::new_err(format!(
            "compression {other:?}: the engine has \"gz\" and \"zst\""
        ))),
    }
}

type Formatter = (Box<dyn Format>, Needs, ExtraNeeds);

/// The formatter of a queue, and what it needs of a call: Loguru's format string, with `icons` (of the
/// levels, by name) as JSON; without one, bytes as they are.
fn format_of(text: Option<&str>, icons: Option<Vec<(String, String)>>) -> PyResult<Formatter> {
    let Some(text) = text else {
        return Ok((Box::new(RawFormat::new()), Needs::default(), ExtraNeeds::default()));
    };
    let made: Option<Formatter> = match icons {
        None => LoguruFormat::new(text).map(|it| {
            let (needs, extra) = (it.needs(), it.extra_needs());
            (Box::new(it) as Box<dyn Format>, needs, extra)
        }),
        Some(icons) => LoguruJson::new(text, icons).map(|it| {
            let extra = it.extra_needs();
            (Box::new(it) as Box<dyn Format>, Needs::all(), extra)
        }),
    };
    made.ok_or_else(|| {
        PyValueError::new_err(format!("format {text:?} is one that only Python can carry out"))
    })
}

/// Whether the writer can carry out a format string of Loguru's.
#[pyfunction]
pub(crate) fn can_format(text: &str) -> bool {
    LoguruFormat::new(text).is_some()
}
