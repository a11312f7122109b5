//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::{DAY_MS, HOUR_MS, NOW_MS};
use crate::wire::{Appservice, AppserviceNamespace, AppserviceNamespaces, paths};

pub(super) fn answer(request: &str) -> Option<Value> {
    if request == format!("GET {}", paths::APPSERVICES) {
        return Some(json!({ "items": services() }));
    }
    let is_it = |service: &&Appservice| request == format!("GET {}", paths::appservice(&service.id));
    let services = services();
    let service = services.iter().find(is_it).or(services.first());
    service.filter(|_| request.starts_with("GET /api/v1/appservices/")).map(|service| json!(service))
}

fn service(id: &str, users: &str) -> Appservice {
    let own = |regex: String, exclusive| AppserviceNamespace { regex, exclusive };
    Appservice {
        id: id.into(),
        sender: format!("@{id}bot:home.example"),
        url: Some(format!("http://127.0.0.1:29318/{id}")),
        last_success_ms: Some(NOW_MS - 4_000),
        namespaces: AppserviceNamespaces {
            users: vec![own(users.to_owned(), true), own("@alice:home\\.example".to_owned(), false)],
            aliases: vec![own(format!("#{id}_.*"), true)],
            rooms: Vec::new(),
        },
        ..Appservice::default()
    }
}

pub(crate) fn services() -> Vec<Appservice> {
    vec![
        Appservice { added: true, ..service("irc", "@irc_.*:home\\.example") },
        Appservice {
            failures: 12,
            last_success_ms: Some(NOW_MS - 2 * HOUR_MS),
            last_error: Some("http://127.0.0.1:29318/signal answered 502 Bad Gateway \u{1b}[31m\u{202e}".into()),
            last_error_ms: Some(NOW_MS - 90_000),
            retry_at_ms: Some(NOW_MS + 250_000),
            behind_events: 617,
            ..service("signal", "@signal_.*")
        },
        Appservice {
            added: true,
            disabled: true,
            last_success_ms: Some(NOW_MS - 3 * DAY_MS),
            behind_events: 10_000,
            ..service("telegram-with-a-very-long-name-that-does-not-fit", "@telegram_.*")
        },
        Appservice { url: None, last_success_ms: None, ..service("puppets", "@puppet_.*") },
    ]
}
