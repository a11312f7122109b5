//! Hostile text in everything that the pages show: it stays text.

use hearth_admin::wire::{NewRegistrationToken, paths};
use hearth_base::config::RegistrationMode;

use super::{fill, form_key, path, token};
use crate::harness::{PASSWORD, Person, World, json, v3};

/// Attacks on HTML, attributes, URLs and reading direction.
const HOSTILE: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' autofocus onfocus='alert(1)",
    "\" style=\"position:fixed;inset:0",
    "</title><script>alert(1)</script>",
    "</style><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "{server}{name}",
    "<!--",
    "]]>",
    "\u{202e}gnp.exe",
    "a\r\nSet-Cookie: x=y",
    "<a href=//evil.example>click</a>",
    "\u{1b}[2J",
    "x\u{2028}y",
];

/// The tags of a page with the names of their attributes: what text must not be able to change.
fn structure(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for rest in html.split('<').skip(1) {
        let Some((tag, _)) = rest.split_once('>') else { continue };
        // The values of attributes are quoted, so every second piece is a name.
        let names: Vec<_> = tag.split('"').step_by(2).map(|name| name.trim().trim_end_matches('=')).collect();
        tags.push(names.join(" "));
    }
    tags
}

#[test]
fn a_changed_structure_is_noticed() {
    let good = "<p class=\"a\">x</p>";
    assert_eq!(structure(good), structure("<p class=\"&quot;b\">&lt;i&gt;</p>"));
    for bad in ["<p class=\"\" style=\"\">x</p>", "<p class=\"a\"><i>x</p>", "<p onclick=\"a\">x</p>"] {
        assert_ne!(structure(good), structure(bad), "{bad}");
    }
}

#[tokio::test]
async fn names_from_outside_stay_text() {
    let world = World::with(|config| config.registration.mode = RegistrationMode::Token).await;
    let new = json!({ "username": "alice", "password": PASSWORD });
    world.operator().post::<_, hearth_admin::wire::CreatedUser>(paths::USERS, &new).await.expect("an account");
    let alice = Person::logs_in(world.anyone(), "alice").await;
    let room = alice.creates_room().public().await;
    let wish = NewRegistrationToken {
        contact: Some("alice".into()),
        rooms: vec![room.0.clone()],
        ..NewRegistrationToken::default()
    };
    let token = token(&world, wish).await.token;
    let (mut pages, mut forms, mut welcomes) = (Vec::new(), Vec::new(), Vec::new());
    for (n, text) in ["harmless"].iter().chain(HOSTILE).enumerate() {
        alice.put(v3!("profile/{}/displayname", alice), json!({ "displayname": text })).await.ok();
        alice.sets("m.room.name", "", json!({ "name": text })).in_room(&room).await;
        let page = world.anyone().get(path(&token)).header("accept-language", "en").await;
        page.status_is(200);
        assert!(page.header("set-cookie").is_none());
        assert!(!page.html().contains('\u{202e}') && !page.html().contains('\u{1b}'), "{text:?}");
        let wrong = [("name", *text), ("password", PASSWORD), ("again", "x")];
        let form = fill(world.anyone(), &token, &form_key(&page), &wrong).await;
        form.status_is(400);
        let name = format!("user{n}");
        let good = [("name", &*name), ("password", PASSWORD), ("again", PASSWORD)];
        let welcome = fill(world.anyone(), &token, &form_key(&form), &good).await;
        welcome.status_is(200);
        for (all, page) in [(&mut pages, &page), (&mut forms, &form), (&mut welcomes, &welcome)] {
            all.push(structure(&page.html()));
            assert_eq!(all.last(), all.first(), "{text:?}: {}", page.html());
        }
    }
    assert!(pages[0].len() > 40 && forms[0].len() > pages[0].len() && welcomes[0].len() > 30);
    world.ends().await;
}

#[tokio::test]
async fn what_a_request_names_is_not_repeated_as_markup() {
    let world = World::with(|config| config.registration.mode = RegistrationMode::Token).await;
    for text in HOSTILE {
        let printable: String = text.chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
        for at in [path(text), format!("/?{}=x", crate::harness::encoded(text))] {
            let page =
                world.anyone().get(at).header("accept-language", &printable).header("x-forwarded-host", &printable);
            let page = page.await.html();
            for part in ["<script", "<img", "<svg", "onerror", "onfocus", "evil.example"] {
                assert!(!page.contains(part), "{text:?}: {page}");
            }
        }
        let form =
            format!("/_matrix/client/v3/auth/m.login.dummy/fallback/web?session={}", crate::harness::encoded(text));
        let answer = world.anyone().get(form).await;
        answer.refused(404, "M_NOT_FOUND");
    }
    let long = "x".repeat(5_000);
    let alice = json!({ "username": "alice", "display_name": "ä".repeat(400) });
    world.operator().post::<_, hearth_admin::wire::CreatedUser>(paths::USERS, &alice).await.expect("an account");
    let wish = NewRegistrationToken { contact: Some("alice".into()), ..NewRegistrationToken::default() };
    let token = token(&world, wish).await.token;
    let page = world.anyone().get(path(&token)).await;
    assert!(page.html().contains(&format!("<h1>{}… invites", "ä".repeat(64))), "{}", page.html());
    let answer = fill(world.anyone(), &token, &long, &[("name", &long)]).await;
    answer.status_is(413);
    world.ends().await;
}
