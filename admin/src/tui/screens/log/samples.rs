//! Sample answers for the tests.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tui::tests::fixtures::NOW_MS;
use crate::wire::{LogEntry, LogLevel, LogPage};

pub(super) fn answer(request: &str) -> Option<Value> {
    let page = || json!(LogPage { entries: log(), next: 104 });
    request.starts_with("GET /api/v1/log?").then(page)
}

pub(crate) fn log() -> Vec<LogEntry> {
    let entry = |seq, level, target: &str, message: &str, fields: &[(&str, &str)]| LogEntry {
        seq,
        ts_ms: NOW_MS + seq * 1_000,
        level,
        target: target.into(),
        message: message.into(),
        fields: fields.iter().map(|&(name, value)| (name.into(), value.into())).collect::<BTreeMap<_, _>>(),
    };
    vec![
        entry(101, LogLevel::Info, "hearth::listen", "Listening.", &[("address", "0.0.0.0:443")]),
        entry(
            102,
            LogLevel::Warn,
            "hearth_remote::federation",
            "No answer from a server.",
            &[("server", "slow.example"), ("waited_ms", "30000")],
        ),
        entry(103, LogLevel::Error, "hearth_store", "Line one\nline two \u{1b}[2J", &[]),
    ]
}
