//! The table of endpoints as text. A checked-in copy makes every change of access rules visible in a review.

use std::fmt::Write;

use hearth_domain::rates::Rate;

use super::{Callers, Depth, Endpoint, RequestBody};
use crate::auth::Authentication;

const HEAD: &str = "\
# Every endpoint: made by the tests out of the table in src/http. `HEARTH_BLESS=1 cargo test -p hearth-http` writes it anew.
#
# auth: none; token, of a user or an application service; token? and appservice?, looked at when there is one; appservice;
#       server, a signed request of another homeserver; socket, an operator at the admin socket
# rate: the key of [rate_limits]; `-` is unlimited here (what is bounded in the domain, and reading with a token)
# body: bytes read before the handler runs; `streamed` to disk within [media] upload_bytes_max
# may call, beside ordinary users: guests, suspended and locked users, application services
# notes: uia, user-interactive authentication; parts, the depth of JSON is bounded for each part of the body;
#        page, a web page that answers refusals with a page; before sync, the device's sync waits until this is answered

";

/// The table, ordered by path.
#[must_use]
pub fn print(endpoints: &[Endpoint]) -> String {
    let mut lines: Vec<_> = endpoints.iter().flat_map(lines).collect();
    lines.sort();
    let mut out = HEAD.to_owned();
    let titles = ["method", "auth", "rate", "body", "guest suspended locked appservice", "notes", "path"];
    write_line(&mut out, titles);
    for (path, cells) in &lines {
        let [method, auth, rate, body, callers, notes] = cells.each_ref().map(String::as_str);
        write_line(&mut out, [method, auth, rate, body, callers, notes, path]);
    }
    out
}

fn write_line(out: &mut String, [method, auth, rate, body, callers, notes, path]: [&str; 7]) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{method:<7} {auth:<11} {rate:<15} {body:>8}  {callers:<33} {notes:<5}  {path}");
}

/// One line per path: the sort key, and the other cells.
fn lines(endpoint: &Endpoint) -> impl Iterator<Item = (&str, [String; 6])> {
    endpoint.paths.iter().map(|path| {
        let cells = [
            endpoint.method.to_string(),
            authentication(endpoint.authentication).to_owned(),
            rate(endpoint.rate).to_owned(),
            body(endpoint.body),
            callers(endpoint),
            notes(endpoint),
        ];
        (&**path, cells)
    })
}

fn authentication(authentication: Authentication) -> &'static str {
    match authentication {
        Authentication::None => "none",
        Authentication::OptionalToken => "token?",
        Authentication::Token => "token",
        Authentication::OptionalAppservice => "appservice?",
        Authentication::Appservice => "appservice",
        Authentication::Server => "server",
        Authentication::AdminSocket => "socket",
    }
}

fn rate(rate: Rate) -> &'static str {
    rate.key().unwrap_or("-")
}

fn body(body: RequestBody) -> String {
    match body {
        RequestBody::AtMost(bytes_max) => bytes_max.to_string(),
        RequestBody::Streamed => "streamed".to_owned(),
    }
}

fn callers(endpoint: &Endpoint) -> String {
    match endpoint.authentication {
        Authentication::None => "anyone".to_owned(),
        Authentication::Server => "servers".to_owned(),
        Authentication::AdminSocket => "operators".to_owned(),
        _ => {
            let Callers { guests, suspended, locked, appservices } = endpoint.callers;
            let mark = |may: bool, name: &'static str| if may { name } else { "-" };
            let [guest, suspended] = [mark(guests, "guest"), mark(suspended, "suspended")];
            let [locked, appservice] = [mark(locked, "locked"), mark(appservices, "appservice")];
            format!("{guest:<5} {suspended:<9} {locked:<6} {appservice:<10}")
        }
    }
}

fn notes(endpoint: &Endpoint) -> String {
    let uia = endpoint.uia.then_some("uia");
    let page = endpoint.is_page.then_some("page");
    let parts = (endpoint.depth == Depth::Parts).then_some("parts");
    let sync = endpoint.precedes_sync.then_some("before sync");
    uia.into_iter().chain(page).chain(parts).chain(sync).collect::<Vec<_>>().join(" ")
}
