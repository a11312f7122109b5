//! `hearth setup`: the flags, and the steps around the conversation, which is the crate `hearth-setup`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hearth_base::config::{Config, process_environment};
use hearth_setup::{Answers, Console, Dialog, Given, Reach, Settings, Stop, System, World as _};

use super::config::ConfigFile;
use super::{name, out};

/// The settings of the system service.
const SYSTEM_FILE: &str = "/etc/hearth/hearth.toml";
const FILE: &str = "hearth.toml";

/// The arguments of `setup`: all answers.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Setup {
    /// The name of the server: the part after the colon in @alice:family.example
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How it is reached: `internet` (directly, with a certificate of its own), `proxy` (through a reverse proxy) or `lan`
    #[arg(long, value_name = "WAY")]
    reach: Option<Reach>,
    /// The host at which it is reached, if that is not the name
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// The e-mail address for the certificate authority; may be empty
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The user name of the first administrator
    #[arg(long, value_name = "USER")]
    admin: Option<String>,
    /// The data folder
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// The port behind a reverse proxy or in a local network (8008)
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// A STUN server to ask for the public address of this machine, as HOST:PORT; it learns that address
    #[arg(long, value_name = "SERVER")]
    stun: Option<String>,
    /// Ask nothing: take the flags, what is set already, and the defaults
    #[arg(long, short)]
    yes: bool,
    /// Go on in spite of what the checks find
    #[arg(long)]
    anyway: bool,
    /// Check everything and show the settings, but write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON; the questions go to stderr in any case
    #[arg(long)]
    json: bool,
}

const AFTER: &str = "\
Examples:
  sudo hearth setup
  sudo hearth setup --yes --name family.example --reach internet --email kim@family.example --admin kim
  hearth setup --yes --name family.home.arpa --reach lan --admin kim --data-dir ~/hearth

Exit codes: 0 done, 1 something is wrong and nothing was written, 2 the command line was not understood.";

impl Setup {
    pub(super) fn run(self, file: &ConfigFile) -> ExitCode {
        match self.set_up(file) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                out::warn(why);
                ExitCode::FAILURE
            }
        }
    }

    fn set_up(self, file: &ConfigFile) -> Result<(), String> {
        let world = System::new(|_| None);
        let path = path(file, &world);
        let old = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(format!("{} cannot be read: {error}. Start setup with `sudo`.", path.display())),
        };
        let mut settings = Settings::parse(&old).map_err(|error| {
            format!("{} is not TOML, so setup cannot change it: {error}\nCorrect it, or move it away.", path.display())
        })?;
        let mut console = Console;
        let mut dialog = Dialog::new(&world, &mut console, self.given(), settings.answered());
        let answers = dialog.run().map_err(stopped)?;
        settings.apply(&answers);
        let text = settings.text();
        validate(&path, &text)?;
        dialog.confirm(&path, &text).map_err(stopped)?;
        if !self.dry_run {
            write(&path, &text, &answers)?;
        }
        self.finish(&path, &answers);
        Ok(())
    }

    fn given(&self) -> Given {
        Given {
            name: self.name.clone(),
            host: self.host.clone(),
            reach: self.reach,
            email: self.email.clone(),
            admin: self.admin.clone(),
            data_dir: self.data_dir.clone(),
            stun: self.stun.clone(),
            port: self.port,
            yes: self.yes,
            anyway: self.anyway,
        }
    }

    fn finish(&self, path: &Path, answers: &Answers) {
        if self.json {
            let result = serde_json::json!({
                "config": path,
                "written": !self.dry_run,
                "server_name": answers.name,
                "url": answers.url(),
                "data_dir": answers.data_dir,
                "admin": format!("@{}:{}", answers.admin, answers.name),
            });
            out::say(result);
        } else if !self.dry_run {
            out::warn(format_args!(
                "{} is written. Start the server:\n\n    hearth serve --config {0}\n",
                path.display()
            ));
        }
    }
}

/// The file that is written: the one that is named, or is here, or the service's.
fn path(file: &ConfigFile, world: &System) -> PathBuf {
    let service = world.is_root() && world.has_systemd();
    let default = if service { SYSTEM_FILE } else { FILE };
    file.path().map_or_else(|| PathBuf::from(default), Path::to_owned)
}

/// The checks of `check-config` that need no permission on the data folder.
fn validate(path: &Path, text: &str) -> Result<(), String> {
    let loaded = Config::load_text(path, text, process_environment()).map_err(|error| {
        let problems: Vec<String> = error.0.iter().map(|problem| format!("  {problem}")).collect();
        format!("These settings do not go together, so nothing was written:\n{}", problems.join("\n"))
    })?;
    loaded.warnings.iter().for_each(|warning| out::warn(format_args!("  check  {warning}")));
    let refusal = name::refusal(&loaded, Some(path));
    refusal.map_or(Ok(()), |refusal| Err(format!("Nothing was written, because {refusal}.")))
}

/// The folder first: a file of settings is never there without the folder that it names.
fn write(path: &Path, text: &str, answers: &Answers) -> Result<(), String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path} cannot be written: {error}. Start setup with `sudo`.")
    };
    hearth_setup::make_folder(&answers.data_dir, None).map_err(failed(&answers.data_dir))?;
    hearth_setup::write_file(path, text, hearth_setup::mode_of(text)).map_err(failed(path))
}

fn stopped(stop: Stop) -> String {
    match stop {
        Stop::Ended => "Stopped. Nothing was written.".to_owned(),
        Stop::Wrong => {
            "Nothing was written. Correct what is WRONG and start again, or take it as it is with --anyway.".to_owned()
        }
        Stop::Missing(flag) => format!("{flag} is missing: with --yes, nothing is asked."),
    }
}
