//! The log: to stderr, as text or JSON, and to a ring buffer in memory for the dashboard.
//!
//! Each event becomes one [`LogEntry`], which both outputs show. Untrusted text is made safe to print there, once: it
//! cannot retitle a terminal or reverse a line. Callers must not log tokens or content.

mod entry;
mod line;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use hearth_admin::wire::LogEntry;
use hearth_base::clock::Clock;
use hearth_base::config::{Colour, Log, LogFormat, process_environment};
use hearth_http::admin::LogRing;
use tracing::Subscriber;
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

use entry::Fields;

/// Default levels of libraries, which `log.level` can override. `ruma_state_res` writes two lines per event at `info`
/// for every authorisation check.
const QUIET: &str =
    "ruma_state_res=warn,hyper=info,hyper_util=info,h2=info,rustls=info,postgres=info,tokio_postgres=info";

/// Changes the level of the installed log.
pub(crate) struct LevelSwitch(reload::Handle<EnvFilter, Registry>);

impl LevelSwitch {
    /// Sets the level, as `log.level` has it.
    pub(crate) fn set(&self, level: &str) {
        // Fails only when no log is installed any more.
        let _ = self.0.reload(filter(level));
    }
}

/// Installs the log for this process, and keeps recent entries in `ring`. Only the first call per process takes effect.
pub(crate) fn install(log: &Log, clock: Arc<dyn Clock>, ring: Arc<LogRing>) -> LevelSwitch {
    let (filter, handle) = reload::Layer::new(filter(&log.level));
    let out = Out { format: log.format, colour: has_colour(log.colour), clock, ring };
    if tracing_subscriber::registry().with(out.with_filter(filter)).try_init().is_ok() {
        std::panic::set_hook(Box::new(panicked));
    }
    LevelSwitch(handle)
}

/// Parses a level, or a list of directives, from the configuration.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::builder().parse_lossy(format!("{QUIET},{level}"))
}

fn has_colour(colour: Colour) -> bool {
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            let refused = process_environment().any(|(name, value)| name == "NO_COLOR" && !value.is_empty());
            std::io::stderr().is_terminal() && !refused
        }
    }
}

fn panicked(info: &std::panic::PanicHookInfo<'_>) {
    let why = info.payload_as_str().unwrap_or("(no message)");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(panic.message = why, panic.location = place, "The program panicked: this is a bug in Hearth.");
}

/// The outputs: stderr and the ring buffer.
struct Out {
    format: LogFormat,
    colour: bool,
    clock: Arc<dyn Clock>,
    ring: Arc<LogRing>,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Out {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &tracing::Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.take(span.name(), of_span);
            }
        }
        event.record(&mut fields);
        let entry = fields.into_entry(event.metadata(), self.clock.now_ms());
        self.print(&entry);
        self.ring.push(entry);
    }
}

impl Out {
    /// Writes a line with a single call, so that lines of several threads do not interleave.
    fn print(&self, entry: &LogEntry) {
        let line = match self.format {
            LogFormat::Text => line::text(entry, self.colour),
            LogFormat::Json => line::json(entry),
        };
        // There is nowhere to report that the log cannot be written.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use hearth_admin::wire::LogQuery;
    use hearth_base::clock::ManualClock;

    use super::*;

    #[tokio::test]
    async fn state_resolution_is_silent_unless_it_is_asked_for() {
        for (level, lines) in [("info", vec!["warn"]), ("info,ruma_state_res=info", vec!["info", "warn"])] {
            let ring = Arc::<LogRing>::default();
            let clock = Arc::new(ManualClock::at(5));
            let out = Out { format: LogFormat::Text, colour: false, clock, ring: Arc::clone(&ring) };
            let logging = tracing_subscriber::registry().with(out.with_filter(filter(level)));
            tracing::subscriber::with_default(logging, || {
                tracing::info!(target: "ruma_state_res::event_auth", "info");
                tracing::warn!(target: "ruma_state_res", "warn");
            });
            let page = ring.page(&LogQuery::default()).await;
            assert_eq!(page.entries.iter().map(|entry| entry.message.as_str()).collect::<Vec<_>>(), lines, "{level}");
        }
    }

    #[tokio::test]
    async fn strangers_do_not_reach_the_terminal() {
        let ring = Arc::<LogRing>::default();
        let clock = Arc::new(ManualClock::at(5));
        let out = Out { format: LogFormat::Json, colour: false, clock, ring: Arc::clone(&ring) };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(out), || {
            let name = "\x1b]0;owned\x07\u{202e}\u{9b}2J\r";
            let _span = tracing::info_span!("request", who = name).entered();
            tracing::warn!(%name, debugged = ?name, "Said {name}");
        });
        let page = ring.page(&LogQuery::default()).await;
        let shown = serde_json::to_string(&page).unwrap() + &line::text(&page.entries[0], false);
        assert!(page.entries[0].fields.contains_key("request.who") && page.entries[0].ts_ms == 5, "{shown}");
        let reaching = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.contains(reaching), "{shown:?}");
    }
}
