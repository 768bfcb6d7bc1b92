//! Which queues there are, and what people call them.

use std::path::Path;

use onewriter_engine::publish::Published;
use onewriter_ring::{Survey, SurveyedName};

use crate::config::{Raw, Value};
use crate::exit::Failure;

/// A queue as it was found, and what its writer says.
pub struct Found {
    /// What was seen.
    pub survey: Survey,
    /// What the writer has published, or the last one.
    pub writer: Option<Published>,
}

impl Found {
    fn new(survey: Survey) -> Found {
        let writer = survey.published.as_deref().and_then(Published::parse);
        Found { survey, writer }
    }

    /// What people call it: its name, the path of its file as far as that is known, or `private` and
    /// the begin of its number.
    pub fn title(&self) -> String {
        match &self.survey.name {
            SurveyedName::Named(name) | SurveyedName::Other(name) => name.clone(),
            SurveyedName::Private(id) => format!("private-{}", id.get(..8).unwrap_or(id)),
            SurveyedName::File { name, .. } => self.file().unwrap_or_else(|| name.clone()),
        }
    }

    /// The path of the queue's file, by the account of its writer; checked against the folder.
    pub fn file(&self) -> Option<String> {
        let writer = self.writer.as_ref()?;
        let settings = writer.settings.iter().flatten().filter_map(|it| Raw::parse(it).ok());
        let set = settings.filter_map(|raw| match &raw.get("file")?.value {
            Value::Text(file) => Some(file.clone()),
            _ => None,
        });
        // What cannot be said in words has its name still, as the program gave it.
        let names = writer.stats.sinks.iter().filter_map(|sink| sink.name.strip_prefix("file "));
        let mut files = set.chain(names.map(str::to_owned));
        files.find(|file| self.survey.is_of_file(Path::new(file)))
    }

    fn is_meant_by(&self, text: &str) -> bool {
        match &self.survey.name {
            SurveyedName::Named(name) => name == text,
            SurveyedName::Private(id) => text
                .strip_prefix("private-")
                .is_some_and(|begin| begin.len() >= 8 && id.starts_with(begin)),
            SurveyedName::File { .. } => {
                // A link's own target names the queue.
                let path = std::fs::canonicalize(text).unwrap_or_else(|_| text.into());
                self.survey.is_of_file(&path)
            }
            SurveyedName::Other(_) => false,
        }
    }
}

/// All queues of this user, or those that are named, in the order of their titles.
///
/// # Errors
/// A name that no queue has.
pub fn find(names: &[String]) -> Result<Vec<Found>, Failure> {
    match find_present(names)? {
        (found, missing) if missing.is_empty() => Ok(found),
        (_, missing) => Err(Failure::usage(format!(
            "no queue {:?}: give the name of a queue or the path of its log file; `onewriter stat` \
             shows all there are",
            missing[0]
        ))),
    }
}

/// The same, and which names no queue has.
///
/// # Errors
/// A folder that cannot be read.
pub fn find_present(names: &[String]) -> Result<(Vec<Found>, Vec<String>), Failure> {
    let mut found = Vec::new();
    for root in Survey::roots() {
        let all = Survey::all(&root)
            .map_err(|err| Failure::io("cannot read the folder of the queues", &root, &err))?;
        found.extend(all.into_iter().map(Found::new));
    }
    let is_missing = |name: &&String| !found.iter().any(|queue| queue.is_meant_by(name));
    let missing = names.iter().filter(is_missing).cloned().collect();
    if !names.is_empty() {
        found.retain(|queue| names.iter().any(|name| queue.is_meant_by(name)));
    }
    found.sort_by_key(Found::title);
    Ok((found, missing))
}
