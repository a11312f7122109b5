//! The operator's interfaces: the admin socket, and `hearth ctl` on top of it.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::{Command, Output};

use hearth_admin::wire::{
    AuditList, AuditQuery, CreatedUser, DeactivateUser, Done, ListQuery, NewRegistrationToken, NewUser, Page,
    RegistrationToken, SetLocked, Status, UserDetail, UserSummary, paths,
};
use hearth_base::config::RegistrationMode;

use crate::harness::{Person, Value, World, v3};

/// Runs `hearth ctl` against a world, on another thread, since the server needs this one to answer.
pub(crate) async fn ctl(world: &World, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hearth"));
    command.arg("ctl").arg("--socket").arg(world.config().admin_socket()).args(words).env_clear();
    let run = tokio::task::spawn_blocking(move || command.output());
    run.await.expect("the thread ends").expect("the binary runs")
}

#[tokio::test]
async fn the_operator_makes_finds_locks_and_closes_accounts() {
    let world = World::with(|config| config.registration.mode = RegistrationMode::Closed).await;
    let operator = world.operator();
    let new =
        NewUser { username: "alice".to_owned(), password: None, admin: true, display_name: Some("Alice".to_owned()) };
    let made: CreatedUser = operator.post(paths::USERS, &new).await.expect("an account");
    let password = made.password.expect("the server chose one");
    let alice = Person::from_login(world.anyone(), &Person::login(world.anyone(), "alice", &password).await.ok());
    assert_eq!(alice.get(v3!("profile/{}", alice)).await.ok()["displayname"], "Alice");

    let page: Page<UserSummary> = operator.get(&paths::users(&ListQuery::default())).await.expect("users");
    assert_eq!(
        page.items.iter().map(|user| (user.user_id.as_str(), user.admin)).collect::<Vec<_>>(),
        [(&*made.user_id, true)]
    );
    let detail: UserDetail = operator.get(&paths::user(&made.user_id)).await.expect("a user");
    assert_eq!(detail.device_list.len(), 1);

    let _: Done = operator.put(&paths::user_locked(&made.user_id), &SetLocked { locked: true }).await.expect("locked");
    alice.get(v3!("sync")).await.refused(401, "M_USER_LOCKED");
    let _: Done =
        operator.put(&paths::user_locked(&made.user_id), &SetLocked { locked: false }).await.expect("unlocked");
    let close = DeactivateUser { erase: false };
    let _: Done = operator.post(&paths::user_deactivate(&made.user_id), &close).await.expect("closed");
    alice.get(v3!("sync")).await.refused(401, "M_UNKNOWN_TOKEN");

    let audit: AuditList = operator.get(&paths::audit(&AuditQuery::default())).await.expect("the audit log");
    assert!(audit.items.len() >= 4, "{:?}", audit.items);
    assert!(audit.items.iter().all(|entry| entry.actor.starts_with("uid ")), "{:?}", audit.items);
    assert!(!format!("{audit:?}").contains(&password), "a password is in the audit log");
    world.ends().await;
}

#[tokio::test]
async fn an_invitation_of_the_operator_makes_an_account() {
    let world = World::with(|config| config.registration.mode = RegistrationMode::Token).await;
    let wish = NewRegistrationToken { uses_allowed: Some(1), ..NewRegistrationToken::default() };
    let token: RegistrationToken = world.operator().post(paths::REGISTRATION_TOKENS, &wish).await.expect("a token");
    Person::registers_with_token(world.anyone(), "bob", &token.token).await.ok();
    world.ends().await;
}

#[tokio::test]
async fn the_socket_is_for_its_owner_and_group_and_not_on_the_network() {
    let world = World::new().await;
    let metadata = std::fs::metadata(world.config().admin_socket()).expect("the socket is there");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    let status: Status = world.operator().get(paths::STATUS).await.expect("the status");
    assert_eq!(status.server_name, "localhost");
    world.anyone().get(paths::STATUS).await.refused(404, "M_UNRECOGNIZED");
    world.ends().await;
}

#[tokio::test]
async fn scripts_speak_to_the_server_through_ctl() {
    let world = World::new().await;
    let made = ctl(&world, &["users", "create", "alice", "--admin", "--json"]).await;
    assert_eq!(made.status.code(), Some(0), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON and nothing else");
    let password = made["password"].as_str().expect("a password");
    Person::login(world.anyone(), "alice", password).await.ok();

    let again = ctl(&world, &["users", "create", "alice"]).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(!again.stderr.is_empty() && again.stdout.is_empty(), "errors belong to stderr");
    assert_eq!(ctl(&world, &["dance"]).await.status.code(), Some(2));
    let status = ctl(&world, &["status"]).await;
    assert!(String::from_utf8_lossy(&status.stdout).contains("localhost"));
    world.ends().await;
}

#[tokio::test]
async fn ctl_says_when_no_server_runs() {
    let output = Command::new(env!("CARGO_BIN_EXE_hearth"))
        .args(["ctl", "--socket", "/nowhere/admin.sock", "status"])
        .env_clear()
        .output()
        .expect("the binary runs");
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nowhere/admin.sock"));
}

#[tokio::test]
async fn a_token_that_the_mode_forbids_comes_with_the_setting_to_change() {
    for (mode, works) in
        [(RegistrationMode::Closed, false), (RegistrationMode::Token, true), (RegistrationMode::Open, true)]
    {
        let world = World::with(|config| config.registration.mode = mode).await;
        assert_eq!(ctl(&world, &["users", "create", "alice", "--admin"]).await.status.code(), Some(0));
        let made = ctl(&world, &["tokens", "create", "--uses", "1", "--token", "grandma"]).await;
        assert_eq!(made.status.code(), Some(0));
        let said = String::from_utf8_lossy(&made.stdout);
        let lines: Vec<_> = said.lines().collect();
        assert!(matches!(lines[..], ["grandma", link] if link.ends_with("/join/grandma")), "{said}");
        let told = String::from_utf8_lossy(&made.stderr);
        assert_eq!(told.contains("`registration.mode`"), mode != RegistrationMode::Token, "{mode:?}: {told}");
        let listed = ctl(&world, &["tokens", "list"]).await;
        assert_eq!(listed.stderr, made.stderr, "{mode:?}");
        let valid = crate::harness::v1!("register/m.login.registration_token/validity");
        let answer = world.anyone().get(&valid).query(&[("token", "grandma")]).await.ok();
        assert_eq!(answer["valid"], works, "{mode:?}");

        assert_eq!(ctl(&world, &["tokens", "create", "--uses", "0"]).await.status.code(), Some(2));
        let none = NewRegistrationToken { uses_allowed: Some(0), ..NewRegistrationToken::default() };
        let refused = world.operator().post::<_, RegistrationToken>(paths::REGISTRATION_TOKENS, &none).await;
        assert!(refused.expect_err("it would allow no account").to_string().contains("one use or more"));
        world.ends().await;
    }
}
