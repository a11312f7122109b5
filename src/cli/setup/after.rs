//! After the settings are written: starts the server, waits until it answers, waits for its certificate, and ends with the
//! link for the first administrator.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hearth_admin::client::Client;
use hearth_admin::qr;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{CertificateList, Status, paths};
use hearth_base::config::{Config, process_environment};
use hearth_base::limits::setup::{SETUP_LOOK_MS, SETUP_START_S, SETUP_WAIT_S};
use hearth_setup::{Answers, Console, Finding, Reach, Service, Shell, System, Terminal as _, outside};

use serde_json::Value;

use super::super::out;
use super::{Plan, Setup};

/// The socket of a server that is a service.
const SERVICE_SOCKET: &str = "/run/hearth/admin.sock";
/// The ports that a vantage point tries.
const PORTS: [u16; 3] = [443, 8448, 80];

/// How it ended.
#[derive(Debug)]
pub(super) struct Outcome {
    config: PathBuf,
    answers: Answers,
    is_running: bool,
    /// Whether there is a certificate; `None` if none is needed.
    certificate: Option<bool>,
    /// The invite link of the first administrator.
    link: Option<String>,
}

impl Outcome {
    pub(super) fn of(plan: &Plan) -> Self {
        let (config, answers) = (plan.path.clone(), plan.answers.clone());
        Self { config, answers, is_running: false, certificate: None, link: None }
    }

    pub(super) fn json(&self, written: bool) -> serde_json::Value {
        let Answers { name, admin, data_dir, .. } = &self.answers;
        serde_json::json!({
            "config": self.config,
            "written": written,
            "server_name": name,
            "url": self.answers.url(),
            "data_dir": data_dir,
            "admin": format!("@{admin}:{name}"),
            "running": self.is_running,
            "certificate": self.certificate,
            "invite_link": self.link,
        })
    }
}

/// Starts the server, or tells how to, and follows it until it can be used.
pub(super) fn start_and_wait(plan: &Plan, setup: &Setup, _: &System) -> Result<Outcome, String> {
    let mut outcome = Outcome::of(plan);
    Console.say(&format!("\n{} is written.", plan.path.display()));
    let mut wait_s = setup.wait.unwrap_or(SETUP_WAIT_S);
    if plan.service {
        let service = Service::here(&plan.path).map_err(|error| error.to_string())?;
        service.start(&plan.answers, &Shell)?;
        Console.say("The service `hearth` starts, now and with this machine.");
        start_livekit(plan);
    } else {
        Console.say("Start the server, in another terminal or by what starts programs here:\n");
        Console.say(&format!("    hearth serve --config {}\n", plan.path.display()));
        wait_s = setup.wait.unwrap_or(if setup.yes { 0 } else { SETUP_WAIT_S });
    }
    if let Some(calls) =
        plan.group_calls.as_ref().filter(|_| !plan.service || hearth_setup::livekit_program().is_none())
    {
        Console.say(&calls.by_hand().to_string());
    }
    if wait_s == 0 {
        return Ok(outcome);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("Setup cannot wait: {error}."))?;
    runtime.block_on(follow(plan, setup, Duration::from_secs(wait_s), &mut outcome))?;
    Ok(outcome)
}

fn start_livekit(plan: &Plan) {
    use hearth_setup::Runner as _;
    if plan.group_calls.is_none() || hearth_setup::livekit_program().is_none() {
        return;
    }
    match Shell.run("systemctl", &["enable", "--now", "hearth-livekit.service"]) {
        Ok(()) => Console.say("The service `hearth-livekit` starts as well. Open 7882 UDP and 7881 TCP."),
        Err(why) => Console.say(&Finding::warning(why, "`journalctl -u hearth-livekit` tells more.").to_string()),
    }
}

async fn follow(plan: &Plan, setup: &Setup, wait: Duration, outcome: &mut Outcome) -> Result<(), String> {
    let until = Instant::now() + wait;
    Console.say("Waiting for the server (Ctrl-C ends the waiting, not the server) ...");
    let client = loop {
        if let Some(client) = answering(plan).await {
            break client;
        }
        let limit = if plan.service { Duration::from_secs(SETUP_START_S).min(wait) } else { wait };
        if Instant::now() + wait > until + limit {
            let remedy = if plan.service {
                "`journalctl -u hearth` tells why."
            } else {
                "`hearth setup` again goes on from here."
            };
            return Err(format!("The server does not answer. {remedy}"));
        }
        pause().await;
    };
    outcome.is_running = true;
    Console.say("The server runs.");
    if plan.answers.reach == Reach::Internet {
        outcome.certificate = Some(certificate(&client, until).await);
        if let Some(vantage) = &setup.vantage {
            from_outside(vantage).iter().for_each(|finding| Console.say(&finding.to_string()));
        }
    }
    if plan.answers.reach == Reach::Proxy {
        Console.say(&proxy(&plan.answers));
    }
    outcome.link = link(&client, &plan.answers, !setup.json).await?;
    Ok(())
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(SETUP_LOOK_MS)).await;
}

/// A client of the server with these settings, if it answers.
async fn answering(plan: &Plan) -> Option<Client> {
    let (config, _) = Config::glance(Some(&plan.path), process_environment());
    for socket in [config.admin_socket(), SERVICE_SOCKET.into()] {
        let client = Client::new(socket);
        if client.get::<Status>(paths::STATUS).await.is_ok_and(|status| status.server_name == plan.answers.name) {
            return Some(client);
        }
    }
    None
}

/// Waits for the certificate and tells what happens.
async fn certificate(client: &Client, until: Instant) -> bool {
    Console.say("Getting the certificate ...");
    while Instant::now() < until {
        let list: CertificateList = client.get(paths::CERTIFICATES).await.unwrap_or_default();
        let items = list.items;
        if !items.is_empty() && items.iter().all(|one| one.not_after_ms.is_some()) {
            let names: Vec<String> = items.iter().flat_map(|one| &one.names).map(|name| safe_text(name)).collect();
            Console.say(&Finding::good(format!("The certificate is here, for {}.", names.join(", "))).to_string());
            return true;
        }
        if let Some(failure) = items.iter().find_map(|one| one.failure.as_deref()) {
            // A retry comes in ten minutes at the earliest, which no terminal has to wait for.
            let fix = "Hearth tries again by itself, with growing waits; `hearth ctl certificates` shows when.";
            Console.say(&Finding::warning(format!("It failed: {}", safe_text(failure)), fix).to_string());
            return false;
        }
        pause().await;
    }
    Console.say(&Finding::warning("There is none yet.", "`hearth ctl certificates` shows what is tried.").to_string());
    false
}

fn from_outside(vantage: &str) -> Vec<Finding> {
    match outside::ask(vantage, &PORTS) {
        Err(error) => vec![Finding::warning(format!("{vantage} did not try the ports: {error}."), "")],
        Ok(view) => {
            let finding = |(port, open): (u16, bool)| match open {
                true => Finding::good(format!("Port {port} of {} is reached from outside.", view.address)),
                false => Finding::warning(
                    format!("Port {port} of {} is not reached from outside.", view.address),
                    "Forward it to this machine in your router, and open it in the firewall.",
                ),
            };
            view.ports.into_iter().map(finding).collect()
        }
    }
}

/// What the reverse proxy has to do.
fn proxy(answers: &Answers) -> String {
    format!(
        "\nYour reverse proxy forwards {host}, with Caddy for example:\n\n    {host} {{\n        reverse_proxy \
         127.0.0.1:{port}\n    }}\n\ndocs/OPERATING.md has nginx and HAProxy.",
        host = answers.host,
        port = answers.port
    )
}

/// The link with which the first account is made, which administers the server; `None` if there are accounts.
async fn link(client: &Client, answers: &Answers, show: bool) -> Result<Option<String>, String> {
    let status: Status = client.get(paths::STATUS).await.map_err(|error| error.to_string())?;
    if status.users > 0 {
        Console.say("\nThere are accounts already. `hearth ctl tokens create --uses 1` makes a link for one more.");
        return Ok(None);
    }
    let Some(link) = first_link(client, answers).await else {
        return Err("The token of the first account is missing; `hearth ctl tokens list` shows all.".to_owned());
    };
    if show {
        Console.say(&format!(
            "\nThe first account administers the server. Open this link and choose the user name {}:\n",
            answers.admin
        ));
        Console.say(&format!("    {link}\n"));
        // A file or a pipe has no phone in front of it.
        let code = qr::lines(&link).filter(|_| std::io::stderr().is_terminal());
        code.into_iter().flatten().for_each(|line| out::warn(format_args!("    {}", qr::white_on_black(&line))));
    }
    Ok(Some(link))
}

/// The link with the token that the server makes at its first start, which it may be about to make.
async fn first_link(client: &Client, answers: &Answers) -> Option<String> {
    let until = Instant::now() + Duration::from_secs(SETUP_START_S);
    while Instant::now() < until {
        let list: Value = client.get(paths::REGISTRATION_TOKENS).await.unwrap_or_default();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        // Made by the server and not by an operator, and the oldest: lists begin with the newest.
        let is_first = |token: &&Value| token["creator"].is_null() && token["uses_allowed"] == 1;
        if let Some(token) = items.iter().rev().find(is_first).and_then(|token| token["token"].as_str()) {
            return Some(format!("{}/join/{}", answers.url(), safe_text(token)));
        }
        pause().await;
    }
    None
}
