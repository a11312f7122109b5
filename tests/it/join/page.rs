//! What the page tells, what the form does, and what is refused.

use hearth_admin::wire::{
    AuditList, AuditQuery, CreatedUser, Done, NewRegistrationToken, RegistrationMode, RegistrationToken,
};
use hearth_admin::wire::{SetRegistrationMode, paths};
use hearth_base::Clock;
use hearth_base::config::{self, Rate};

use super::{fill, form_key, joins, path, token, with_tokens};
use crate::harness::{Answer, PASSWORD, Person, World, json, list, v3};

fn for_one() -> NewRegistrationToken {
    NewRegistrationToken { uses_allowed: Some(1), ..NewRegistrationToken::default() }
}

/// A page that another site can neither frame nor read, and that runs nothing.
fn is_closed_to_others(page: &Answer) {
    let policy = page.header("content-security-policy").expect("a policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("script") && !policy.contains("unsafe"), "{policy}");
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-type", "text/html; charset=utf-8"),
    ] {
        assert_eq!(page.header(name), Some(value), "{}", page.asked);
    }
    assert_eq!(page.header("access-control-allow-origin"), None, "{}", page.asked);
    assert!(!page.html().contains("<script"), "{}", page.asked);
}

#[tokio::test]
async fn an_invite_link_makes_an_account_on_its_page() {
    let world = World::with(|config| {
        config.registration.mode = config::RegistrationMode::Token;
        config.server.public_baseurl = Some("https://matrix.example.org".parse().expect("a URL"));
    })
    .await;
    let new = json!({ "username": "alice", "display_name": "Alice & Co" });
    let made: CreatedUser = world.operator().post(paths::USERS, &new).await.expect("an account");
    let alice = made.user_id;
    let wish = NewRegistrationToken { contact: Some("alice".into()), note: Some("for bob".into()), ..for_one() };
    let made = token(&world, wish).await;
    assert_eq!(made.link, format!("https://matrix.example.org/join/{}", made.token));
    assert!(made.works && made.notice.is_none() && made.creator.is_some());
    assert_eq!((made.contact.as_deref(), made.note.as_deref()), (Some(&*alice), Some("for bob")));

    let page = world.anyone().get(path(&made.token)).await;
    page.status_is(200);
    is_closed_to_others(&page);
    assert!(page.html().contains("Alice &amp; Co invites you to localhost"), "{}", page.html());
    assert!(!page.html().contains("for bob"), "the note is for administrators");
    let key = form_key(&page);
    let form = [("name", " Bob "), ("password", PASSWORD), ("again", PASSWORD)];
    let welcome = fill(world.anyone(), &made.token, &key, &form).await;
    welcome.status_is(200);
    is_closed_to_others(&welcome);
    for part in ["Welcome, bob!", "@bob:localhost", "matrix:u/alice:localhost?action=chat", "Alice &amp; Co"] {
        assert!(welcome.html().contains(part), "{part}: {}", welcome.html());
    }
    assert!(!welcome.html().contains(PASSWORD));
    Person::login(world.anyone(), "bob", PASSWORD).await.ok();

    // The button was pressed twice, or the answer was lost: the token is used up, and the answer is the same.
    let again = fill(world.anyone(), &made.token, &key, &form).await;
    again.status_is(200);
    assert!(again.html().contains("@bob:localhost"));
    world.anyone().get(path(&made.token)).await.status_is(404);

    let detail: RegistrationToken =
        world.operator().get(&paths::registration_token(&made.token)).await.expect("the token");
    assert_eq!((detail.completed, detail.works), (1, false));
    assert_eq!(detail.joined.iter().map(|used| used.user_id.as_str()).collect::<Vec<_>>(), ["@bob:localhost"]);
    let audit: AuditList = world.operator().get(&paths::audit(&AuditQuery::default())).await.expect("the audit log");
    assert!(!format!("{audit:?}").contains(&made.token), "who reads the audit log could register");
    world.ends().await;
}

#[tokio::test]
async fn two_who_send_the_same_form_at_once_make_one_account() {
    let world = with_tokens().await;
    let token = token(&world, NewRegistrationToken::default()).await.token;
    let key = form_key(&world.anyone().get(path(&token)).await);
    let form = [("name", "bob"), ("password", PASSWORD), ("again", PASSWORD)];
    let [one, two] = [(); 2].map(|()| fill(world.anyone(), &token, &key, &form));
    let (one, two) = tokio::join!(one.into_future(), two.into_future());
    assert_eq!((one.status, two.status), (200, 200), "{} {}", one.html(), two.html());
    let detail: RegistrationToken = world.operator().get(&paths::registration_token(&token)).await.expect("the token");
    assert_eq!(detail.completed, 1);
    world.ends().await;
}

#[tokio::test]
async fn the_page_speaks_the_language_of_its_reader() {
    let world = with_tokens().await;
    let token = token(&world, for_one()).await.token;
    for (language, tag, words) in [
        ("de-AT,de;q=0.9,en;q=0.5", "de", "Konto anlegen"),
        ("en-GB", "en", "Create account"),
        ("fr", "en", "Create account"),
    ] {
        let page = world.anyone().get(path(&token)).header("accept-language", language).await;
        assert!(page.html().contains(&format!("<html lang=\"{tag}\">")) && page.html().contains(words), "{language}");
        assert_eq!((page.header("content-language"), page.header("vary")), (Some(tag), Some("Accept-Language")));
    }
    let gone = world.anyone().get(path("unknown")).header("accept-language", "de").await;
    assert!(gone.html().contains("Diese Einladung funktioniert nicht"));
    world.ends().await;
}

#[tokio::test]
async fn tokens_that_make_no_account_have_one_equal_answer() {
    let world = with_tokens().await;
    let [used, late, revoked] = ["used", "late", "revoked"].map(str::to_owned);
    for name in [&used, &late, &revoked] {
        let expires_ms = (*name == late).then(|| world.clock.now_ms() + 60_000);
        token(&world, NewRegistrationToken { token: Some(name.clone()), expires_ms, ..for_one() }).await;
    }
    let key = form_key(&world.anyone().get(path(&late)).await);
    joins(world.anyone(), &used, "bob").await.status_is(200);
    let _: Done = world.operator().delete(&paths::registration_token(&revoked)).await.expect("revoked");
    world.clock.skip(61_000);
    let mut answers = Vec::new();
    for name in [&*used, &late, &revoked, "never-was", "../x", "%00", "<script>", &"x".repeat(300), "ä"] {
        let page = world.anyone().get(path(name)).await;
        assert_eq!(page.status, if name == "%00" { 404 } else { page.status });
        answers.push((page.status, without_nonce(&page)));
        let form = [("name", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
        let posted = fill(world.anyone(), name, &key, &form).await;
        answers.push((posted.status, without_nonce(&posted)));
    }
    assert_eq!(answers[0].0, 404);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    let available = world.anyone().get(v3!("register/available")).query(&[("username", "eve")]).await;
    assert_eq!(available.ok()["available"], true);
    world.ends().await;
}

/// A page without what differs between two equal ones.
fn without_nonce(page: &Answer) -> String {
    let html = page.html();
    match html.split_once("nonce=\"").and_then(|(before, rest)| Some((before, rest.split_once('"')?.1))) {
        Some((before, after)) => format!("{before}{after}"),
        None => html,
    }
}

#[tokio::test]
async fn tokens_cannot_be_guessed() {
    let world = World::with(|config| {
        config.registration.mode = config::RegistrationMode::Token;
        config.rate_limits.enabled = true;
        config.rate_limits.registration = Rate::new(0.01, 3);
    })
    .await;
    let token = token(&world, NewRegistrationToken::default()).await.token;
    for _ in 0..10 {
        // To look at a link that works costs nothing: a whole family may share an address.
        world.anyone().get(path(&token)).await.status_is(200);
    }
    for guess in ["a", "b", "c"] {
        world.anyone().get(path(guess)).await.status_is(404);
    }
    let page = world.anyone().get(path(&token)).await;
    page.status_is(429);
    is_closed_to_others(&page);
    assert!(page.html().contains("Too many tries") && page.header("retry-after").is_some(), "{}", page.html());
    let form = [("name", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
    fill(world.anyone(), &token, "x", &form).await.status_is(429);
    world.clock.skip(100_000);
    world.anyone().get(path(&token)).await.status_is(200);
    world.ends().await;
}

#[tokio::test]
async fn a_wrong_form_is_shown_again_with_its_name_and_without_its_password() {
    let world = with_tokens().await;
    world.operator().post::<_, json_value>(paths::USERS, &json!({ "username": "taken" })).await.expect("an account");
    let token = token(&world, for_one()).await.token;
    let secret = "a password of mine";
    for (name, password, again, problem, field) in [
        ("", secret, secret, "Choose a user name.", "name"),
        ("taken", secret, secret, "This user name is taken.", "name"),
        ("Taken", secret, secret, "This user name is taken.", "name"),
        ("@taken:localhost", secret, secret, "This user name is taken.", "name"),
        ("_bridge", secret, secret, "This user name is taken.", "name"),
        ("b ö b", secret, secret, "This cannot be a user name.", "name"),
        ("@bob:elsewhere.example", secret, secret, "This cannot be a user name.", "name"),
        ("bob", "short", "short", "at least 8 characters", "password"),
        ("bob", secret, "another password", "not the same", "again"),
        ("bob", &*"x".repeat(600), &*"x".repeat(600), "too long", "password"),
    ] {
        let key = form_key(&world.anyone().get(path(&token)).await);
        let form = [("name", name), ("password", password), ("again", again)];
        let page = fill(world.anyone(), &token, &key, &form).await;
        page.status_is(400);
        is_closed_to_others(&page);
        let html = page.html();
        assert!(html.contains(problem), "{name} {problem}: {html}");
        assert!(html.contains(&format!("id=\"{field}-problem\"")) && html.contains("aria-invalid=\"true\""), "{html}");
        assert!(html.contains(&format!("value=\"{name}\"")), "{name}: {html}");
        assert!(!html.contains(secret) && !html.contains("another password"), "{html}");
        // The form on this page can be sent.
        assert_ne!(form_key(&page), key);
    }
    for body in ["", "name=bob", "form=x&form=y&name=a&name=b", "\u{0}=%%%", "name=%ff%fe"] {
        let ask = world.anyone().ask(reqwest::Method::POST, &path(&token)).bytes("text/plain", body);
        ask.await.status_is(400);
    }
    let page = joins(world.anyone(), &token, "bob").await;
    page.status_is(200);
    world.ends().await;
}

#[expect(non_camel_case_types, reason = "a short name for an answer that is not looked at")]
type json_value = crate::harness::Value;

#[tokio::test]
async fn a_form_from_elsewhere_makes_no_account() {
    let world = with_tokens().await;
    let [one, other] = ["one", "other"].map(str::to_owned);
    for name in [&one, &other] {
        token(&world, NewRegistrationToken { token: Some(name.clone()), ..NewRegistrationToken::default() }).await;
    }
    let key = form_key(&world.anyone().get(path(&one)).await);
    let form = [("name", "eve"), ("password", PASSWORD), ("again", PASSWORD)];
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "https://localhost.evil.example"),
    ] {
        fill(world.anyone(), &one, &key, &form).header(name, value).await.status_is(403);
    }
    let last = if key.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &key[..key.len() - 1]);
    let later = format!("9{key}");
    for (token, key) in [(&other, &key), (&one, &forged), (&one, &later), (&one, &String::new())] {
        let page = fill(world.anyone(), token, key, &form).await;
        page.status_is(400);
        assert!(page.html().contains("open for too long"), "{}", page.html());
    }
    world.clock.skip(3 * 60 * 60 * 1_000);
    fill(world.anyone(), &one, &key, &form).await.status_is(400);
    let available = world.anyone().get(v3!("register/available")).query(&[("username", "eve")]).await;
    assert_eq!(available.ok()["available"], true);
    let key = form_key(&world.anyone().get(path(&one)).await);
    let own = fill(world.anyone(), &one, &key, &form).header("sec-fetch-site", "same-origin").header("origin", "null");
    own.await.status_is(200);
    world.ends().await;
}

#[tokio::test]
async fn a_closed_server_says_so_and_can_be_opened_for_tokens() {
    let world = World::with(|config| config.registration.mode = config::RegistrationMode::Closed).await;
    world.operator().post::<_, json_value>(paths::USERS, &json!({ "username": "alice" })).await.expect("an account");
    let made = token(&world, NewRegistrationToken::default()).await;
    assert!(!made.works && made.notice.is_some_and(|notice| notice.contains("ctl tokens allow")));
    for name in [&*made.token, "unknown"] {
        let page = world.anyone().get(path(name)).await;
        page.status_is(404);
        assert!(page.html().contains("No new members at the moment"), "{}", page.html());
    }
    let open = SetRegistrationMode { mode: RegistrationMode::Token };
    let _: Done = world.operator().put(paths::REGISTRATION_MODE, &open).await.expect("changed");
    joins(world.anyone(), &made.token, "bob").await.status_is(200);
    let audit: AuditList = world.operator().get(&paths::audit(&AuditQuery::default())).await.expect("the audit log");
    assert!(audit.items.iter().any(|entry| entry.action == "registration.mode" && entry.detail == "token"));
    let closed = SetRegistrationMode { mode: RegistrationMode::Closed };
    let _: Done = world.operator().put(paths::REGISTRATION_MODE, &closed).await.expect("changed");
    world.anyone().get(path(&made.token)).await.status_is(404);
    world.ends().await;
}

#[tokio::test]
async fn the_link_of_the_first_start_makes_the_administrator() {
    let world = World::with(|config| config.registration.mode = config::RegistrationMode::Closed).await;
    let first = world.server().domain.accounts.first_run_token().await.expect("read").expect("there is one");
    let page = world.anyone().get(path(&first)).await;
    assert!(page.html().contains("it will administer this server"), "{}", page.html());
    joins(world.anyone(), &first, "alice").await.status_is(200);
    let alice = Person::logs_in(world.anyone(), "alice").await;
    alice.get(v3!("admin/whois/{}", alice)).await.ok();
    world.anyone().get(path(&first)).await.status_is(404);
    world.ends().await;
}

#[tokio::test]
async fn the_page_of_the_server_tells_a_family_what_it_needs_and_strangers_nothing_else() {
    let world = World::with(|config| {
        config.registration.mode = config::RegistrationMode::Token;
        config.server.support_admin = Some("@alice:localhost".into());
        config.server.support_email = Some("alice@example.org".into());
        config.server.support_page = Some("https://example.org/help".into());
    })
    .await;
    let page = world.anyone().get("/").await;
    page.status_is(200);
    is_closed_to_others(&page);
    let html = page.html();
    for part in ["This server works.", "By invitation", "http://localhost:", "mailto:alice@example.org", "/help\""] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains(env!("CARGO_PKG_VERSION")), "{html}");
    let german = world.anyone().get("/").header("accept-language", "de").await;
    assert!(german.html().contains("Dieser Server läuft."), "{}", german.html());
    world.ends().await;
}

#[tokio::test]
async fn the_pages_tell_of_element_x_what_is_so() {
    let world = with_tokens().await;
    let token = token(&world, NewRegistrationToken::default()).await.token;
    // It needs this to log in at all.
    let versions = world.anyone().get("/_matrix/client/versions").await.ok();
    assert_eq!(versions["unstable_features"]["org.matrix.simplified_msc3575"], true);
    let ways = world.anyone().get(v3!("login")).await.ok();
    assert!(list(&ways["flows"]).iter().any(|flow| flow["type"] == "m.login.password"), "{ways}");
    // It creates accounts by OAuth 2.0 only.
    let has_oauth = world.anyone().get("/_matrix/client/v1/auth_metadata").await.status == 200;
    let joined = joins(world.anyone(), &token, "bob").await;
    let pages = [world.anyone().get("/").await, world.anyone().get(path(&token)).await, joined];
    for page in &pages {
        let html = page.html();
        assert!(html.contains(">Element X</a> (Android, iPhone)"), "{html}");
        assert_eq!(html.contains("but cannot create one on this server"), !has_oauth, "{html}");
    }
    world.ends().await;
}

#[tokio::test]
async fn the_pages_of_the_protocol_share_the_layout() {
    let world = with_tokens().await;
    let page = world.anyone().get("/_matrix/static/client/login/").header("accept-language", "de").await;
    assert!(page.html().contains("<html lang=\"de\">") && page.html().contains("Passwort"), "{}", page.html());
    assert!(page.header("access-control-allow-origin").is_some(), "clients may read it");
    let asked = world.anyone().post(v3!("register"), json!({ "username": "bob", "password": PASSWORD })).await.json();
    let session = asked["session"].as_str().expect("a session");
    let stage = "/_matrix/client/v3/auth/m.login.registration_token/fallback/web";
    let page = world.anyone().get(stage).query(&[("session", session)]).await;
    assert!(page.html().contains("<label for=\"token\">Registration token</label>"), "{}", page.html());
    let wrong = format!("session={session}&token=guess");
    let page = world.anyone().ask(reqwest::Method::POST, stage).bytes("application/x-www-form-urlencoded", wrong).await;
    assert!(page.html().contains("role=\"alert\""), "{}", page.html());
    let good = format!("session={session}&token={}", token(&world, for_one()).await.token);
    let page = world.anyone().ask(reqwest::Method::POST, stage).bytes("application/x-www-form-urlencoded", good).await;
    assert!(page.html().contains("onAuthDone"), "{}", page.html());
    world.ends().await;
}
