//! The table of all endpoints matches the checked-in copy and follows its rules.

use axum::response::IntoResponse;
use hearth_base::config::Resource;
use hearth_domain::rates::Rate;

use super::*;
use crate::admin::{self, HostInfo, LogRing, Machine};
use crate::auth::Authentication;
use crate::respond::Failure;
use crate::surface;

/// All endpoints of all APIs.
fn all() -> Vec<Endpoint> {
    let resources = [Resource::Client, Resource::Federation, Resource::Media, Resource::Metrics];
    let mut all = surface::endpoints(&resources, &Arc::default());
    let machine = Box::new(Machine::default);
    let certificates = Box::new(());
    let around = HostInfo { log: Arc::new(LogRing::default()), listeners: Vec::new(), certificates, machine };
    all.extend(admin::endpoints(&Arc::new(around)));
    all
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a switch for the developer who runs the tests")]
fn the_table_is_as_checked_in() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/endpoints.txt");
    let text = print(&all());
    if std::env::var("HEARTH_BLESS").is_ok() {
        std::fs::write(&path, &text).expect("docs can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let changed = |one: &str, other: &str| {
        let lines = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    assert!(
        there == text,
        "docs/endpoints.txt is out of date: if this is wanted, run the tests of hearth-http with HEARTH_BLESS=1.\n\
         No longer so:\n{}\nNow:\n{}",
        changed(&there, &text),
        changed(&text, &there),
    );
}

#[test]
fn routes_do_not_clash() {
    // axum panics when a path has two handlers for one method.
    let _ = router(all(), |error| Failure(error).into_response());
}

#[test]
fn what_anyone_may_call_is_bounded() {
    let open = [Authentication::None, Authentication::OptionalToken, Authentication::OptionalAppservice];
    for endpoint in all().iter().filter(|endpoint| open.contains(&endpoint.authentication)) {
        assert_ne!(endpoint.rate, Rate::None, "{endpoint:?}");
        let RequestBody::AtMost(bytes_max) = endpoint.body else { panic!("{endpoint:?} is streamed") };
        assert!(bytes_max <= 64 * 1024, "{endpoint:?} takes {bytes_max} bytes");
    }
}

#[test]
fn locked_users_may_log_out_and_nothing_else() {
    let all = all();
    let may = all.iter().filter(|endpoint| endpoint.callers.locked);
    let mut may: Vec<&str> = may.flat_map(|endpoint| &endpoint.paths).map(AsRef::as_ref).collect();
    may.sort_unstable();
    assert_eq!(
        may,
        [
            "/_matrix/client/r0/logout",
            "/_matrix/client/r0/logout/all",
            "/_matrix/client/v3/logout",
            "/_matrix/client/v3/logout/all",
        ]
    );
}

#[test]
fn who_may_call_is_said_only_where_a_token_tells() {
    let without = [Authentication::None, Authentication::Server, Authentication::AdminSocket];
    for endpoint in all().iter().filter(|endpoint| without.contains(&endpoint.authentication)) {
        assert_eq!(endpoint.callers, Callers::default(), "{endpoint:?}");
    }
}

/// The rows of a table of docs/CLIENTS.md: the name in the first cell, and whether the last one answers yes.
fn rows<'a>(document: &'a str, head: &str) -> Vec<(&'a str, bool)> {
    let table = document.split(head).nth(1).expect("the table is there").lines().skip(1);
    table
        .map_while(|line| {
            let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
            let answer = cells.last()?;
            assert!(*answer == "yes" || answer.starts_with("no: "), "{line}");
            Some((cells.first()?.trim_matches('`'), *answer == "yes"))
        })
        .collect()
}

/// A path without the names of its parameters.
fn shape(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn old_names_are_served_as_the_document_tells() {
    let document = include_str!("../../../../docs/CLIENTS.md");
    let all = all();
    let served: Vec<_> = all.iter().flat_map(Endpoint::names).map(|(m, path)| format!("{m} {}", shape(path))).collect();
    let calls = rows(document, "| call | clients | served |\n");
    assert!(calls.len() > 20, "{calls:?}");
    for (call, yes) in calls {
        assert_eq!(served.contains(&shape(call)), yes, "{call}");
    }
    let flags = rows(document, "| name | clients | advertised |\n");
    assert!(flags.len() > 5, "{flags:?}");
    for (flag, yes) in &flags {
        assert_eq!(crate::client::versions::UNSTABLE_FEATURES.contains(flag), *yes, "{flag}");
    }
    for flag in crate::client::versions::UNSTABLE_FEATURES {
        assert!(flags.contains(&(flag, true)), "{flag} is missing in docs/CLIENTS.md");
    }
}
