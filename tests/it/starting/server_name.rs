//! A server's name is for ever once an account has it.

use hearth_base::Seams;
use hearth_store::{Options, Store, Tx as _};

use super::program::{Program, text};

const NAMED: &str = "[[listeners]]\naddress = \"127.0.0.1:0\"\n[server]\nname = ";

/// A stopped server with an account.
fn with_account(name: &str) -> Program {
    let program = Program::new();
    program.configure(&format!("{NAMED}\"{name}\""));
    let served = program.serve();
    let made = program.run(&["ctl", "users", "create", "kid"]);
    assert!(made.status.success(), "{}", text(&made));
    served.stops();
    program
}

#[test]
fn another_name_is_refused_with_both_ways_back() {
    let program = with_account("localhost");
    let ways = |told: &str| {
        assert!(told.contains("belong to the server `localhost`") && told.contains("is `family.example`"), "{told}");
        assert!(told.contains("set `server.name` back to `localhost`") && told.contains("`server.data_dir`"), "{told}");
    };
    // From the environment, and from the file.
    let from_environment = [("HEARTH_SERVER__NAME", "family.example")];
    let told = program.refused(program.command(&["serve"]).envs(from_environment));
    ways(&told);
    assert!(told.contains("HEARTH_SERVER__NAME"), "names the place of the setting: {told}");
    ways(&program.refused(program.command(&["check-config"]).envs(from_environment)));
    program.configure(&format!("{NAMED}\"family.example\""));
    let told = program.refused(&mut program.command(&["serve"]));
    ways(&told);
    assert!(told.contains("hearth.toml:"), "names the place of the setting: {told}");
    ways(&program.refused(&mut program.command(&["check-config"])));

    program.configure(&format!("{NAMED}\"localhost\""));
    let served = program.serve();
    let users = text(&program.run(&["ctl", "users", "list"]));
    assert!(users.contains("@kid:localhost"), "{users}");
    served.stops();
}

#[test]
fn a_name_that_is_no_longer_set_is_told() {
    let program = with_account("family.example");
    program.configure("[[listeners]]\naddress = \"127.0.0.1:0\"");
    let told = program.refused(&mut program.command(&["serve"]));
    assert!(told.contains("belong to the server `family.example`") && told.contains("not set"), "{told}");
}

#[test]
fn before_the_first_account_the_name_can_be_chosen() {
    let program = Program::new();
    program.configure("[[listeners]]\naddress = \"127.0.0.1:0\"");
    program.serve().stops();
    program.configure(&format!("{NAMED}\"family.example\""));
    assert!(program.run(&["check-config"]).status.success());
    let served = program.serve();
    assert!(served.seen().contains("has another name now"), "{}", served.seen());
    let made = text(&program.run(&["ctl", "users", "create", "kid"]));
    assert!(made.contains("@kid:family.example"), "{made}");
    served.stops();
    let served = program.serve();
    assert!(!served.seen().contains("another name"), "{}", served.seen());
    served.stops();
}

#[test]
fn a_database_from_before_names_were_stored_has_that_of_its_oldest_account() {
    let program = with_account("localhost");
    let store =
        Store::open(Options { ballast: None, ..Options::sqlite(program.path("data/hearth.db")) }, Seams::system());
    let store = store.expect("the database opens");
    store
        .write_blocking(hearth_store::Lane::Upkeep, "forget", |tx| tx.execute("DELETE FROM server_name", &[]))
        .expect("it is written");
    store.close();
    drop(store);
    program.configure(&format!("{NAMED}\"family.example\""));
    for command in ["serve", "check-config"] {
        let told = program.refused(&mut program.command(&[command]));
        assert!(told.contains("belong to the server `localhost`"), "{command}: {told}");
    }
    program.configure(&format!("{NAMED}\"localhost\""));
    program.serve().stops();
    let row = Store::server_name_of(&program.path("data/hearth.db")).expect("it is read").expect("a name");
    assert_eq!((row.name.as_str(), row.in_use), ("localhost", true));
}
