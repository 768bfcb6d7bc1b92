//! Settings: what is written in flags, variables and a file, and the plan that follows.
//!
//! Two stages: [`Raw`] is what somebody wrote and where; [`Plan`] is checked, with every default
//! made explicit. Flags win over variables, variables over the file, the file over the defaults.

mod keys;
mod plan;
mod raw;
mod serve;

pub use keys::{KEYS, Key, Kind};
pub use plan::{Compress, FilePlan, FormatPlan, FsyncPlan, Parse, Plan};
pub use raw::{Origin, Raw, Setting, Value};
pub use serve::ServePlan;

use std::path::Path;

use crate::exit::Failure;

/// All sources together: `flags`, then `variables` (`ONEWRITER_…`), then the file that one of them
/// names.
///
/// # Errors
/// A sentence that names the source, the key, the value, and what would be right.
pub fn gather(
    flags: Raw,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Raw, Failure> {
    let mut raw = flags;
    raw.lay_under(Raw::from_variables(variables).map_err(Failure::usage)?);
    if let Some(path) = raw.config_file() {
        let path = Path::new(path);
        let text = std::fs::read_to_string(path).map_err(|err| Failure {
            exit: crate::Exit::USAGE,
            ..Failure::io("cannot read", path, &err)
        })?;
        let name = path.display().to_string();
        let file = Raw::parse_named(&text, &name).map_err(Failure::usage)?;
        raw.lay_under(file);
    }
    Ok(raw)
}
