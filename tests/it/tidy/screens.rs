//! A screen of the dashboard is one thing: its folder, and a line in the list of screens. No other file knows it, so a
//! new screen needs no change elsewhere.
//!
//! The modules of the screens are private to the list, so the compiler keeps the rest of the dashboard from using them.
//! What it does not see is one screen that uses another, and code that asks for a screen by its name.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::{around, code};
use super::{none, root};

const SCREENS: &str = "admin/src/tui/screens";

/// The modules of the screens, as the list declares them.
fn modules() -> Vec<String> {
    let list = fs::read_to_string(root().join(SCREENS).join("mod.rs")).expect("there is a list of screens");
    assert!(!list.contains("pub mod") && !list.contains(") mod"), "a screen is private to the list");
    let declared = list.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let modules: Vec<String> = declared.map(str::to_owned).collect();
    let missing = modules.iter().find(|module| list.matches(&format!("boxed::<{module}::")).count() != 1);
    assert!(missing.is_none() && modules.len() > 5, "each screen is in the list once: {missing:?}");
    modules
}

/// The screen that a file belongs to.
fn screen_of<'m>(path: &Path, modules: &'m [String]) -> Option<&'m String> {
    let names = |module: &&String| {
        let place = Path::new(SCREENS).join(module);
        path.starts_with(place.with_extension("rs")) || path.starts_with(place)
    };
    modules.iter().find(names)
}

/// The quoted names of a screen: its name and its command.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    let consts = ["const NAME: &'static str = ", "const COMMAND: (&'static str, &'static str) = ("];
    let values = consts.into_iter().filter_map(|start| text.split_once(start)?.1.split('"').nth(1));
    values.map(|value| format!("\"{value}\"")).collect::<Vec<_>>().into_iter()
}

#[test]
fn no_file_but_its_own_and_the_list_knows_a_screen() {
    let modules = modules();
    let is_dashboard = |path: &Path| path.starts_with("admin/src/tui") && !path.ends_with("screens/mod.rs");
    let files: Vec<(PathBuf, String)> = code().into_iter().filter(|(path, _)| is_dashboard(path)).collect();
    let (screens, others): (Vec<_>, Vec<_>) = files.iter().partition(|(path, _)| path.starts_with(SCREENS));
    let mut complaints = Vec::new();
    for (path, text) in &screens {
        let own = screen_of(path, &modules).expect("each file belongs to a screen");
        for other in modules.iter().filter(|module| *module != own) {
            let is_use = |(before, _): (&str, &str)| before.ends_with("super::") || before.ends_with("screens::");
            if around(text, other).any(is_use) {
                complaints.push(format!("{}: uses the screen `{other}`", path.display()));
            }
        }
    }
    let names: Vec<String> = screens.iter().flat_map(|(_, text)| quoted(text)).collect();
    assert_eq!(names.len(), 2 * modules.len(), "name and command of each screen: {names:?}");
    for (path, text) in &others {
        for name in names.iter().filter(|name| text.contains(*name)) {
            complaints.push(format!("{}: asks for the screen {name}", path.display()));
        }
    }
    none(complaints);
}
