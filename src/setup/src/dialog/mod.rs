//! The questions in their order, each with its check. An answer from the command line, from the file that is there, or the
//! default stands in for a question; what is wrong with an answer is told, and the question asked again.

mod network;

use std::path::{Path, PathBuf};

use crate::answers::{Answers, Given, Reach};
use crate::checks::{folder, machine, names};
use crate::finding::{Finding, any_wrong};
use crate::settings::absolute;
use crate::terminal::Terminal;
use crate::world::World;

/// The port of Hearth without configuration.
const PORT: u16 = 8008;
/// A web server that is contacted anyway for the certificate: its answers have the time.
const CLOCK_OF_AUTHORITY: &str = "acme-v02.api.letsencrypt.org:80";

/// Why there are no answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The input ended, or the last question was answered with no.
    Ended,
    /// An answer that was given cannot be used; the findings were shown.
    Wrong,
    /// An answer is missing: the flag that gives it.
    Missing(&'static str),
}

/// A conversation.
pub struct Dialog<'a> {
    world: &'a dyn World,
    terminal: &'a mut dyn Terminal,
    /// From the command line.
    given: Given,
    /// From the file that is there, as defaults.
    old: Given,
    /// How many questions were asked.
    asked: u8,
    /// How many there are.
    total: u8,
}

/// How many questions there are at most.
const QUESTIONS: u8 = 5;

impl std::fmt::Debug for Dialog<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialog").field("given", &self.given).finish_non_exhaustive()
    }
}

impl<'a> Dialog<'a> {
    /// A conversation that has not begun.
    pub fn new(world: &'a dyn World, terminal: &'a mut dyn Terminal, given: Given, old: Given) -> Self {
        Self { world, terminal, given, old, asked: 0, total: QUESTIONS }
    }

    /// Asks everything that is not given.
    ///
    /// # Errors
    /// If the input ends, or an answer that was given is wrong.
    pub fn run(&mut self) -> Result<Answers, Stop> {
        if !self.given.yes {
            self.terminal.say(
                "Five questions at most, and a look at this machine after each. Enter takes what is in brackets. Nothing is \
                 written before you have seen it; Ctrl-C stops.",
            );
        }
        let data_dir = self.likely_folder();
        let name = self.name(&data_dir)?;
        let network = self.reach(&name)?;
        let email = if network.reach == Reach::Internet {
            self.email()?
        } else {
            // Without a certificate authority there is one question less.
            self.total -= 1;
            None
        };
        let admin = self.admin(&name)?;
        let data_dir = self.folder(&name, network.reach, data_dir)?;
        Ok(Answers {
            name,
            host: network.host,
            reach: network.reach,
            email,
            admin,
            data_dir,
            port: network.port,
            lan_address: network.lan_address,
            public_address: network.public_address,
            forward_ports: network.forward_ports,
            ipv6: network.ipv6,
            name_is_elsewhere: network.name_is_elsewhere,
        })
    }

    /// Shows what will be written, and asks whether to.
    ///
    /// # Errors
    /// If the answer is no.
    pub fn confirm(&mut self, file: &Path, text: &str) -> Result<(), Stop> {
        self.terminal.say(&format!("\nThis goes into {}:\n", file.display()));
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            self.terminal.say(&format!("    {line}"));
        }
        if self.yes_or_no("\nWrite it?", true)? { Ok(()) } else { Err(Stop::Ended) }
    }

    /// A question with the answers yes and no. Without questions, the answer is the default.
    ///
    /// # Errors
    /// If the input ends.
    pub fn yes_or_no(&mut self, question: &str, default: bool) -> Result<bool, Stop> {
        if self.given.yes {
            return Ok(default);
        }
        loop {
            let prompt = format!("{question} [{}]", if default { "Y/n" } else { "y/N" });
            match self.terminal.ask(&prompt).ok_or(Stop::Ended)?.to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.terminal.say("  Please type y or n."),
            }
        }
    }

    fn show(&mut self, findings: &[Finding]) {
        findings.iter().for_each(|finding| self.terminal.say(&finding.to_string()));
    }

    fn title(&mut self, title: &str, text: &str) {
        if !self.given.yes {
            self.asked += 1;
            self.terminal.say(&format!("\n{} of {}  {title}\n{text}", self.asked, self.total));
        }
    }

    /// Takes the given answer or asks until `check` accepts one. `flag` is the option that gives it.
    fn answer<T>(
        &mut self,
        flag: &'static str,
        given: Option<String>,
        default: Option<String>,
        mut check: impl FnMut(&str) -> Result<(T, Vec<Finding>), Finding>,
    ) -> Result<T, Stop> {
        let mut ready = given.or_else(|| default.clone().filter(|_| self.given.yes));
        loop {
            let from_flag = ready.is_some();
            let text = match ready.take() {
                Some(text) => text,
                None if self.given.yes => return Err(Stop::Missing(flag)),
                None => self.prompt(default.as_deref())?,
            };
            match check(&text) {
                Ok((value, findings)) => {
                    self.show(&findings);
                    return Ok(value);
                }
                Err(finding) => {
                    self.show(&[finding]);
                    if from_flag && self.given.yes {
                        return Err(Stop::Wrong);
                    }
                }
            }
        }
    }

    fn prompt(&mut self, default: Option<&str>) -> Result<String, Stop> {
        let prompt = default.map_or_else(|| ">".to_owned(), |default| format!("[{default}] >"));
        let text = self.terminal.ask(&prompt).ok_or(Stop::Ended)?;
        Ok(if text.is_empty() { default.unwrap_or_default().to_owned() } else { text })
    }

    fn name(&mut self, data_dir: &Path) -> Result<String, Stop> {
        self.title(
            "The name of the server",
            "The part after the colon in every id, as in @alice:family.example: a domain that you will keep, \
             because it can never be changed. Without a domain, for a local network only: a name such as \
             family.home.arpa.",
        );
        let stored = self.world.stored_name(data_dir);
        let default = self.old.name.clone().or_else(|| stored.clone());
        self.answer("--name", self.given.name.clone(), default, |text| names::server_name(text, stored.as_deref()))
    }

    fn email(&mut self) -> Result<Option<String>, Stop> {
        self.title(
            "An e-mail address for the certificate authority",
            "Let's Encrypt writes to it about its service. Its terms are at letsencrypt.org/repository; to go on is to \
             accept them. It can be empty.",
        );
        let default = Some(self.old.email.clone().unwrap_or_default());
        self.answer("--email", self.given.email.clone(), default, |text| Ok((names::email(text)?, Vec::new())))
    }

    fn admin(&mut self, name: &str) -> Result<String, Stop> {
        self.title("Who administers the server", "The user name of the first account, without the server's name.");
        let check = |text: &str| {
            let user = names::user_name(text, name)?;
            let found = Finding::good(format!("The first account will be @{user}:{name}."));
            Ok((user, vec![found]))
        };
        self.answer("--admin", self.given.admin.clone(), self.old.admin.clone(), check)
    }

    /// The data folder that is checked for the name before it is asked for.
    fn likely_folder(&self) -> PathBuf {
        let service = self.world.is_root() && self.world.has_systemd();
        let default = if service { "/var/lib/hearth" } else { "data" };
        let known = self.given.data_dir.clone().or_else(|| self.old.data_dir.clone());
        absolute(&known.unwrap_or_else(|| default.into()))
    }

    fn folder(&mut self, name: &str, reach: Reach, likely: PathBuf) -> Result<PathBuf, Stop> {
        self.title("Where to keep the data", "Messages, media and keys, in one folder on a disk of this machine.");
        let world = self.world;
        let clock = (reach == Reach::Internet).then(|| world.time_of(CLOCK_OF_AUTHORITY)).flatten();
        let anyway = self.given.anyway;
        let check = |text: &str| {
            let path = absolute(Path::new(text));
            // The name is checked again, because another folder may have the data of another server.
            let stored = world.stored_name(&path);
            if let Some(stored) = stored.filter(|stored| stored != name) {
                let text = format!("{} has the data of another server, {stored}.", path.display());
                return Err(Finding::wrong(text, "Choose an empty folder, or start again with that name."));
            }
            let findings = folder::check(world, &path);
            match findings.iter().find(|finding| any_wrong(std::slice::from_ref(finding))) {
                Some(wrong) if !anyway => Err(wrong.clone()),
                _ => Ok((path, findings)),
            }
        };
        let given = self.given.data_dir.as_ref().map(|path| path.to_string_lossy().into_owned());
        let folder = self.answer("--data-dir", given, Some(likely.to_string_lossy().into_owned()), check)?;
        let mut findings = vec![machine::clock(world.now_ms(), clock)];
        findings.extend(machine::memory(world));
        self.show(&findings);
        if any_wrong(&findings) && !anyway && !self.go_on()? {
            return Err(Stop::Ended);
        }
        Ok(folder)
    }

    /// Asks whether to go on in spite of what is wrong; without questions, the answer is no.
    fn go_on(&mut self) -> Result<bool, Stop> {
        if self.given.yes {
            return Err(Stop::Wrong);
        }
        self.yes_or_no("Go on in spite of that?", false)
    }
}
