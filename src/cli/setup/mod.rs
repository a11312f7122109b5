//! `hearth setup`: the flags, and the steps around the conversation, which is the crate `hearth-setup`.

mod after;
mod interrupt;
mod write;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hearth_base::config::{Config, process_environment};
use hearth_setup::{
    Answers, Console, Dialog, Given, GroupCalls, Reach, Settings, Stop, System, Terminal as _, World as _, outside,
};

use super::config::ConfigFile;
use super::out;
use after::Outcome;
use interrupt::{Phase, Progress};

/// The settings of the system service.
const SYSTEM_FILE: &str = "/etc/hearth/hearth.toml";
const FILE: &str = "hearth.toml";

/// The arguments of `setup`: all answers.
#[derive(Debug, Clone, clap::Args)]
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
    /// A vantage point outside to try the ports from, as HOST:PORT; it learns the address of this machine
    #[arg(long, value_name = "SERVER")]
    vantage: Option<String>,
    /// Whether Hearth asks the router to forward its ports (PCP, NAT-PMP, UPnP)
    #[arg(long, value_name = "yes|no", value_parser = clap::builder::BoolishValueParser::new())]
    forward_ports: Option<bool>,
    /// Whether the files for LiveKit are written, which group calls need
    #[arg(long, value_name = "yes|no", value_parser = clap::builder::BoolishValueParser::new())]
    group_calls: Option<bool>,
    /// Whether Hearth becomes a service of systemd; without this, it does where systemd runs and setup is root's
    #[arg(long, value_name = "yes|no", value_parser = clap::builder::BoolishValueParser::new())]
    service: Option<bool>,
    /// How many seconds to wait for the server and its certificate at the end (600; 0 with --yes and without a service)
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
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
    /// Be a vantage point for others instead: listen here, and try the ports of those that ask
    #[arg(long, value_name = "ADDRESS:PORT", exclusive = true)]
    be_vantage: Option<std::net::SocketAddr>,
}

const AFTER: &str = "\
Examples:
  sudo hearth setup
  sudo hearth setup --yes --name family.example --reach internet --email kim@family.example --admin kim
  hearth setup --yes --name family.home.arpa --reach lan --admin kim --data-dir ~/hearth

Exit codes: 0 done, 1 something is wrong, 2 the command line was not understood, 130 stopped by Ctrl-C.";

/// Everything that is decided, before any of it is written.
struct Plan {
    path: PathBuf,
    answers: Answers,
    text: String,
    group_calls: Option<GroupCalls>,
    service: bool,
}

impl Setup {
    pub(super) fn run(self, file: &ConfigFile) -> ExitCode {
        if let Some(address) = self.be_vantage {
            return be_vantage(address);
        }
        let file = file.path().map(Path::to_owned);
        interrupt::run(move |progress| match self.set_up(file, progress) {
            Ok(outcome) => {
                self.tell(&outcome);
                ExitCode::SUCCESS
            }
            Err(why) => {
                if self.json {
                    out::say(serde_json::json!({ "error": why }));
                }
                out::warn(why);
                ExitCode::FAILURE
            }
        })
    }

    fn set_up(&self, file: Option<PathBuf>, progress: &Progress) -> Result<Outcome, String> {
        let world = System::new(stored_name);
        let plan = self.plan(file, &world)?;
        if self.dry_run {
            return Ok(Outcome::of(&plan));
        }
        progress.enter(Phase::Writing);
        write::all(&plan)?;
        progress.enter(Phase::Waiting);
        after::start_and_wait(&plan, self, &world)
    }

    /// The conversation.
    fn plan(&self, file: Option<PathBuf>, world: &System) -> Result<Plan, String> {
        let can_be_service = world.is_root() && world.has_systemd();
        let path = file.unwrap_or_else(|| if can_be_service { SYSTEM_FILE } else { FILE }.into());
        let mut settings = read(&path)?;
        let mut console = Console;
        if settings.has("server") {
            console.say(&format!("{} is there: what it says is in brackets, and stays with Enter.", path.display()));
        }
        let mut dialog = Dialog::new(world, &mut console, self.given(), settings.answered());
        let answers = dialog.run().map_err(stopped)?;
        settings.apply(&answers);
        let mut group_calls = None;
        if !settings.has("livekit") && self.wants_group_calls(&mut dialog)? {
            let calls = GroupCalls::new(&path, &hearth_base::random::SystemRandom);
            let mut check = settings.clone();
            calls.apply(&mut check, true);
            validate(&path, &check.text())?;
            calls.apply(&mut settings, false);
            group_calls = Some(calls);
        } else {
            validate(&path, &settings.text())?;
        }
        let text = settings.text();
        dialog.confirm(&path, &text).map_err(stopped)?;
        let service = self.service.unwrap_or(can_be_service);
        Ok(Plan { path, answers, text, group_calls, service })
    }

    fn wants_group_calls(&self, dialog: &mut Dialog<'_>) -> Result<bool, String> {
        let question = "\nGroup calls need LiveKit, another program. Prepare its files?";
        self.group_calls.map_or_else(|| dialog.yes_or_no(question, false).map_err(stopped), Ok)
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
            forward_ports: self.forward_ports,
            yes: self.yes,
            anyway: self.anyway,
        }
    }

    fn tell(&self, outcome: &Outcome) {
        if self.json {
            out::say(outcome.json(!self.dry_run));
        }
    }
}

/// The settings that are there.
fn read(path: &Path) -> Result<Settings, String> {
    let old = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{} cannot be read: {error}. Start setup with `sudo`.", path.display())),
    };
    Settings::parse(&old).map_err(|error| {
        format!("{} is not TOML, so setup cannot change it: {error}\nCorrect it, or move it away.", path.display())
    })
}

/// The same checks as those of `check-config`.
fn validate(path: &Path, text: &str) -> Result<(), String> {
    let loaded = Config::load_text(path, text, process_environment()).map_err(|error| {
        let problems: Vec<String> = error.0.iter().map(|problem| format!("  {problem}")).collect();
        format!("These settings do not go together, so nothing was written:\n{}", problems.join("\n"))
    })?;
    loaded.warnings.iter().for_each(|warning| Console.say(&format!("  check  {warning}")));
    Ok(())
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

/// The server name in the database of a data folder, if it can no longer be changed.
fn stored_name(data_dir: &Path) -> Option<String> {
    let stored = hearth_store::Store::server_name_of(&data_dir.join("hearth.db")).ok()??;
    stored.in_use.then_some(stored.name)
}

fn be_vantage(address: std::net::SocketAddr) -> ExitCode {
    let served = TcpListener::bind(address).and_then(|listener| {
        out::warn(format_args!("Trying the ports of those that ask at {address}, until Ctrl-C."));
        outside::serve(&listener)
    });
    if let Err(error) = served {
        out::warn(format_args!("{address} cannot be listened on: {error}."));
    }
    ExitCode::FAILURE
}
