//! `hearth ctl users`.

use std::io::IsTerminal;

use clap::Subcommand;
use hearth_admin::client::{ClientError, ErrorKind};
use hearth_admin::text::safe_text;
use hearth_admin::wire::{
    CreatedUser, DeactivateUser, Done, ListQuery, LoggedOut, NewPassword, NewUser, Page, PasswordSet, SetAdmin,
    SetLocked, UserDetail, UserSummary, paths,
};

use super::table::{or_dash, time};
use super::{Outcome, Session, confirm, table};
use crate::cli::out;

/// NAME is a full id such as @alice:example.org, or only alice.
#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// List accounts
    List {
        /// Only those whose id or display name contains this
        #[arg(long)]
        search: Option<String>,
    },
    /// Show one account, its devices and its rooms
    Show {
        /// The account
        name: String,
    },
    /// Make an account
    Create {
        /// The part before the colon, without @
        name: String,
        /// Let the account administer the server
        #[arg(long)]
        admin: bool,
        /// What the account is called at first
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// Read the password from the standard input; otherwise one is made and printed once
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account a new password
    ResetPassword {
        /// The account
        name: String,
        /// Log out all of its devices too
        #[arg(long)]
        logout: bool,
        /// Read the password from the standard input; otherwise one is made and printed once
        #[arg(long)]
        password_stdin: bool,
    },
    /// Log an account out on all devices
    Logout {
        /// The account
        name: String,
    },
    /// Shut an account out until it is unlocked; its devices and data stay
    Lock {
        /// The account
        name: String,
    },
    /// Let a locked account in again
    Unlock {
        /// The account
        name: String,
    },
    /// Let an account administer the server
    GrantAdmin {
        /// The account
        name: String,
    },
    /// Take that right away again
    RevokeAdmin {
        /// The account
        name: String,
    },
    /// Close an account for good; its name stays taken
    Deactivate {
        /// The account
        name: String,
        /// Also remove what the account said, as far as the protocol allows
        #[arg(long)]
        erase: bool,
        /// Do not ask again
        #[arg(long)]
        yes: bool,
    },
}

impl Users {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List { search } => list(session, search).await,
            Self::Show { name } => show(session, &name).await,
            Self::Create { name, admin, display_name, password_stdin } => {
                let password = password(password_stdin)?;
                create(session, NewUser { username: name, password, admin, display_name }).await
            }
            Self::ResetPassword { name, logout, password_stdin } => {
                let password = password(password_stdin)?;
                reset_password(session, &name, NewPassword { password, logout_devices: logout }).await
            }
            Self::Logout { name } => log_out(session, &name).await,
            Self::Lock { name } => set_locked(session, &name, true).await,
            Self::Unlock { name } => set_locked(session, &name, false).await,
            Self::GrantAdmin { name } => set_admin(session, &name, true).await,
            Self::RevokeAdmin { name } => set_admin(session, &name, false).await,
            Self::Deactivate { name, erase, yes } => deactivate(session, &name, erase, yes).await,
        }
    }
}

/// Reads the password if requested: from a pipe, or from the terminal, where it is visible. Never from an argument,
/// which every account of the machine can read.
fn password(read: bool) -> Result<Option<String>, ClientError> {
    if !read {
        return Ok(None);
    }
    let question = if std::io::stdin().is_terminal() { "Password (it is shown):" } else { "" };
    out::ask(question).filter(|password| !password.is_empty()).map(Some).ok_or_else(|| ClientError {
        kind: ErrorKind::Refused("no_password".to_owned()),
        what: "There was no password on the standard input.".to_owned(),
        remedy: "Leave out --password-stdin to have one made.".to_owned(),
    })
}

async fn list(session: &Session, search: Option<String>) -> Outcome {
    let mut all = Page::<UserSummary>::default();
    loop {
        let query = ListQuery { from: all.next.take(), limit: None, search: search.clone() };
        let page: Page<UserSummary> = session.client.get(&paths::users(&query)).await?;
        all.items.extend(page.items);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    session.print(&all, |all| {
        let rows = all.items.iter().map(|user| {
            let standing = standing(user);
            let name = or_dash(user.display_name.as_deref());
            [user.user_id.clone(), name, standing, user.devices.to_string(), time(user.last_seen_ms)]
        });
        table::print(["USER", "NAME", "STANDING", "DEVICES", "LAST SEEN"], rows);
    });
    Ok(())
}

fn standing(user: &UserSummary) -> String {
    let flags = [(user.deactivated, "deactivated"), (user.locked, "locked"), (user.admin, "admin")];
    let set: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    if set.is_empty() { "-".to_owned() } else { set.join(", ") }
}

async fn show(session: &Session, name: &str) -> Outcome {
    let user: UserDetail = session.client.get(&paths::user(name)).await?;
    session.print(&user, |user| {
        let summary = &user.summary;
        out::say(format_args!(
            "{}  {}",
            safe_text(&summary.user_id),
            safe_text(&or_dash(summary.display_name.as_deref()))
        ));
        out::say(format_args!("Standing: {}", standing(summary)));
        out::say(format_args!("Made: {}   Last seen: {}", time(Some(summary.created_ms)), time(summary.last_seen_ms)));
        out::say(format_args!("\nDevices: {}", summary.devices));
        let devices = user.device_list.iter().map(|device| {
            let (name, address) = (or_dash(device.display_name.as_deref()), or_dash(device.last_seen_ip.as_deref()));
            [device.device_id.clone(), name, time(device.last_seen_ms), address]
        });
        table::print(["DEVICE", "NAME", "LAST SEEN", "FROM"], devices);
        out::say(format_args!("\nRooms: {}", summary.joined_rooms));
        let rooms = user.rooms.iter().map(|room| [room.room_id.clone(), or_dash(room.name.as_deref())]);
        table::print(["ROOM", "NAME"], rooms);
        out::say("\nQuotas");
        let quotas = user.quotas.iter().map(|one| {
            let limit = one.limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
            [one.quota.clone(), one.used.to_string(), limit]
        });
        table::print(["OF", "USED", "LIMIT"], quotas);
    });
    Ok(())
}

async fn create(session: &Session, new: NewUser) -> Outcome {
    let made: CreatedUser = session.client.post(paths::USERS, &new).await?;
    session.print(&made, |made| {
        out::say(format_args!("{} was made.", safe_text(&made.user_id)));
        say_password(made.password.as_deref());
    });
    Ok(())
}

async fn reset_password(session: &Session, name: &str, new: NewPassword) -> Outcome {
    let set: PasswordSet = session.client.post(&paths::user_password(name), &new).await?;
    session.print(&set, |set| {
        out::say(format_args!("{} has a new password.", safe_text(name)));
        say_password(set.password.as_deref());
    });
    Ok(())
}

fn say_password(password: Option<&str>) {
    if let Some(password) = password {
        out::say(format_args!("Password: {}", safe_text(password)));
        out::say("It is not shown again.");
    }
}

async fn log_out(session: &Session, name: &str) -> Outcome {
    let done: LoggedOut = session.client.post(&paths::user_logout(name), &Done {}).await?;
    session
        .print(&done, |done| out::say(format_args!("{} was logged out on {} devices.", safe_text(name), done.devices)));
    Ok(())
}

async fn set_locked(session: &Session, name: &str, locked: bool) -> Outcome {
    let done: Done = session.client.put(&paths::user_locked(name), &SetLocked { locked }).await?;
    let now = if locked { "locked" } else { "unlocked" };
    session.print(&done, |_| out::say(format_args!("{} is {now}.", safe_text(name))));
    Ok(())
}

async fn set_admin(session: &Session, name: &str, admin: bool) -> Outcome {
    let done: Done = session.client.put(&paths::user_admin(name), &SetAdmin { admin }).await?;
    let now = if admin { "administers the server" } else { "does not administer the server" };
    session.print(&done, |_| out::say(format_args!("{} {now}.", safe_text(name))));
    Ok(())
}

async fn deactivate(session: &Session, name: &str, erase: bool, yes: bool) -> Outcome {
    let what = format!("This closes {} for good.", safe_text(name));
    if !yes && !confirm::typed(&what, name) {
        return Err(ClientError {
            kind: ErrorKind::Refused("not_confirmed".to_owned()),
            what: "The account was not deactivated.".to_owned(),
            remedy: String::new(),
        });
    }
    let done: Done = session.client.post(&paths::user_deactivate(name), &DeactivateUser { erase }).await?;
    session.print(&done, |_| out::say(format_args!("{} is deactivated.", safe_text(name))));
    Ok(())
}
