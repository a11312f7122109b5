//! Strings of the users screen. Callers pass safe text or figures.

use crate::tui::strings::phrase::plural;

pub(super) const USER_TABS: [&str; 3] = ["Profile", "Devices", "Rooms"];
pub(super) const NEW_USER: &str = "New user";
pub(super) const FIELD_USERNAME: &str = "Username";
pub(super) const FIELD_DISPLAY_NAME: &str = "Display name";
pub(super) const FIELD_ADMIN: &str = "Administrator";
pub(super) const ERROR_USERNAME: &str = "The username is missing.";
pub(super) const LOGOUT_TOO: &str = "also log out every device";
pub(super) const SHOWN_ONCE: &str = "This is shown once. Write it down or copy it now.";
pub(super) const PASSWORD_CHANGED: &str = "The password was changed.";
pub(super) const VERB_RESET: &str = "Reset";
pub(super) const VERB_LOG_OUT: &str = "Log out";
pub(super) const VERB_DEACTIVATE: &str = "Deactivate";
pub(super) const VERB_GRANT: &str = "Make admin";
pub(super) const VERB_WITHDRAW: &str = "Remove";

pub(super) fn reset_title(user: &str) -> String {
    format!("Reset the password of {user}?")
}

pub(super) fn reset_lines(devices: u64) -> Vec<String> {
    vec![
        "The server generates a new password and shows it once.".to_owned(),
        format!("The old one stops working. {} logged in.", plural(devices, "device is", "devices are")),
    ]
}

pub(super) fn logout_title(user: &str) -> String {
    format!("Log {user} out everywhere?")
}

pub(super) fn logout_lines(devices: u64) -> Vec<String> {
    vec![
        format!("{} will be logged out.", plural(devices, "device", "devices")),
        "Encrypted history without a key backup is lost.".to_owned(),
    ]
}

pub(super) fn deactivate_title(user: &str) -> String {
    format!("Deactivate {user}?")
}

pub(super) fn erase_title(user: &str) -> String {
    format!("Deactivate and erase {user}?")
}

pub(super) fn deactivate_lines(devices: u64, rooms: u64, media: &str) -> Vec<String> {
    vec![
        format!("{} logged out permanently.", plural(devices, "device", "devices")),
        format!("Leaves {}.", plural(rooms, "room", "rooms")),
        format!("{media} of media stays."),
        "The name can never be used again. This cannot be undone.".to_owned(),
    ]
}

pub(super) fn erase_lines(devices: u64, rooms: u64, media: &str) -> Vec<String> {
    vec![
        format!("{} logged out permanently.", plural(devices, "device", "devices")),
        format!("Leaves {}; profile and messages are hidden.", plural(rooms, "room", "rooms")),
        format!("{media} of media is deleted."),
        "This cannot be undone. Make a backup first.".to_owned(),
    ]
}

pub(super) fn grant_title(user: &str) -> String {
    format!("Make {user} an administrator?")
}

pub(super) fn grant_lines() -> Vec<String> {
    vec!["Administrators can read every figure and close every account.".to_owned()]
}

pub(super) fn withdraw_title(user: &str) -> String {
    format!("Remove the admin rights of {user}?")
}

pub(super) fn withdraw_lines() -> Vec<String> {
    vec!["The account and its devices do not change.".to_owned()]
}

pub(super) fn locked(user: &str) -> String {
    format!("{user} is locked. u undoes it within 10 s.")
}

pub(super) fn unlocked(user: &str) -> String {
    format!("{user} is unlocked. u undoes it within 10 s.")
}

pub(super) fn admin_set(user: &str, admin: bool) -> String {
    if admin { format!("{user} is now an administrator.") } else { format!("{user} is no longer an administrator.") }
}

pub(super) fn logged_out(user: &str, devices: u64) -> String {
    format!("{user}: {} logged out.", plural(devices, "device", "devices"))
}

pub(super) fn deactivated(user: &str) -> String {
    format!("{user} is deactivated.")
}

pub(super) fn created(user: &str) -> String {
    format!("{user} was created.")
}

pub(super) fn password_title(user: &str) -> String {
    format!("Password of {user}")
}
