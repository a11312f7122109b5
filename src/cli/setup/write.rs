//! Writes what was decided. Each step leaves a state from which a second run goes on, so nothing has to be undone.

use std::io::Error;
use std::os::unix::fs::chown;
use std::path::Path;

use hearth_setup::{Service, Shell, livekit_program, make_folder, mode_of, write_file};

use super::Plan;

/// Permission bits of settings that the service reads: for root, and the members of its group.
const SERVICE_MODE: u32 = 0o640;

/// Writes everything: the folder before the settings that name it, the key before the settings that need it.
pub(super) fn all(plan: &Plan) -> Result<(), String> {
    let Plan { path, answers, text, .. } = plan;
    let service = if plan.service { Some(Service::here(path).map_err(failed(path))?) } else { None };
    if let Some(service) = &service {
        service.make_account(&Shell)?;
    }
    let account = service.as_ref().and_then(Service::account);
    make_folder(&answers.data_dir, account).map_err(failed(&answers.data_dir))?;
    if let Some(calls) = &plan.group_calls {
        for file in calls.files(answers, answers.public_address) {
            write_file(&file.path, &file.text, file.mode).map_err(failed(&file.path))?;
            for_group(&file.path, account)?;
        }
        if let (Some(_), Some(program)) = (&service, livekit_program()) {
            let unit = calls.unit(&program);
            write_file(&unit.path, &unit.text, unit.mode).map_err(failed(&unit.path))?;
        }
    }
    let mode = if account.is_some() { SERVICE_MODE } else { mode_of(text) };
    write_file(path, text, mode).map_err(failed(path))?;
    for_group(path, account)?;
    match &service {
        Some(service) => service.write_units(answers).map_err(failed(Path::new("/etc/systemd/system"))),
        None => Ok(()),
    }
}

/// Gives a file to the group of the service; it stays root's, so that the service cannot change it.
fn for_group(path: &Path, account: Option<(u32, u32)>) -> Result<(), String> {
    match account {
        Some((_, group)) => chown(path, None, Some(group)).map_err(failed(path)),
        None => Ok(()),
    }
}

fn failed(path: &Path) -> impl Fn(Error) -> String {
    let path = path.display().to_string();
    move |error| format!("{path} cannot be written: {error}. Start setup with `sudo`.")
}
