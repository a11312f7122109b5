//! Loads the registration files at startup. Reports all errors at once, each with file and line, and the server does
//! not start: half a bridge is worse than none.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hearth_base::{Error, Result, limits};
use ruma::ServerName;

use super::registration::Registration;
use super::registrations::{Registrations, TokenHash};
use super::yaml;

impl Registrations {
    /// Loads the `*.yaml` and `*.yml` files of a folder, if there is one, and the registrations that were added while
    /// the server ran: `added` has the text of each.
    ///
    /// # Errors
    ///
    /// If the folder or a file is unreadable, a file is not a registration, or two share an ID or a token.
    pub fn load(folder: Option<&Path>, added: &[String], server_name: &ServerName) -> Result<Self> {
        let (mut known, mut complaints) = (Known::default(), Vec::new());
        for path in folder.map_or_else(|| Ok(Vec::new()), files)? {
            let place = path.display().to_string();
            if let Err(complaint) = read(&path, server_name).and_then(|(text, found)| known.add(&place, &text, found)) {
                complaints.push(format!("{place}: {complaint}"));
            }
        }
        for text in added {
            let place = "a registration added with `hearth ctl appservices add`";
            if let Err(complaint) = parse(text, server_name).and_then(|found| known.add(place, text, found)) {
                complaints.push(format!("{place}: {complaint}"));
            }
        }
        if complaints.is_empty() {
            return Ok(Self::new(known.all));
        }
        Err(Error::broken(format!(
            "the registrations of application services are not right:\n{}",
            complaints.join("\n")
        )))
    }
}

/// The registration files in a folder, sorted by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| {
        let doing = format!("reading the folder of application services, {}", folder.display());
        Error::fault(doing, error)
    };
    let mut files = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && path.is_file() {
            files.push(path);
        }
        if files.len() > limits::APPSERVICES_MAX {
            let (folder, most) = (folder.display(), limits::APPSERVICES_MAX);
            return Err(Error::broken(format!(
                "{folder} has more than {most} registration files: remove some of them"
            )));
        }
    }
    files.sort();
    Ok(files)
}

/// Parses one registration. The error has the line and the remedy.
pub fn parse(text: &str, server_name: &ServerName) -> Result<Registration, String> {
    if text.len() as u64 > limits::APPSERVICE_FILE_BYTES_MAX {
        return Err(format!("it has more than {} bytes: this is no registration", limits::APPSERVICE_FILE_BYTES_MAX));
    }
    yaml::read(text, server_name)
}

fn read(path: &Path, server_name: &ServerName) -> Result<(String, Registration), String> {
    let bytes_max = limits::APPSERVICE_FILE_BYTES_MAX;
    let mut bytes = Vec::new();
    // One byte more than the limit tells a file that is too long from one that fits exactly.
    let file = File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes));
    file.map_err(|error| format!("it cannot be read ({error}): let the user that runs this server read it"))?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it has more than {bytes_max} bytes: this is no registration"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} is not UTF-8: save the file in that encoding")
    })?;
    let found = yaml::read(&text, server_name)?;
    Ok((text, found))
}

/// The registrations read so far, with the file of each.
#[derive(Default)]
struct Known {
    all: Vec<Registration>,
    ids: HashMap<String, String>,
    tokens: HashMap<TokenHash, String>,
}

impl Known {
    fn add(&mut self, place: &str, text: &str, found: Registration) -> Result<(), String> {
        if self.all.len() >= limits::APPSERVICES_MAX {
            return Err(format!("there are {} registrations already, which is the most", limits::APPSERVICES_MAX));
        }
        let place = |field| format!("{place} at line {}", yaml::line_of(text, field));
        if let Some(other) = self.ids.insert(found.id.clone(), place("id")) {
            let line = yaml::line_of(text, "id");
            return Err(format!(
                "the id {:?} at line {line} is also that of {other}: give one of them another id",
                found.id
            ));
        }
        if let Some(other) = self.tokens.insert(found.as_token, place("as_token")) {
            let line = yaml::line_of(text, "as_token");
            return Err(format!(
                "the as_token at line {line} is also that of {other}: have one of the bridges write its registration anew"
            ));
        }
        self.all.push(found);
        Ok(())
    }
}
