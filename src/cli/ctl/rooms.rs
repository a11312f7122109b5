//! `hearth ctl rooms`.

use clap::Subcommand;
use hearth_admin::text::safe_text;
use hearth_admin::wire::{ListQuery, Page, RoomDetail, RoomSummary, paths};

use super::table::or_dash;
use super::{Outcome, Session, table};
use crate::cli::out;

/// Rooms.
#[derive(Debug, Subcommand)]
pub(super) enum Rooms {
    /// List rooms
    List {
        /// Only those whose id, name or alias contains this
        #[arg(long)]
        search: Option<String>,
    },
    /// Show one room and its members
    Show {
        /// The room's id
        room: String,
    },
}

impl Rooms {
    pub(super) async fn run(self, session: &Session) -> Outcome {
        match self {
            Self::List { search } => list(session, search).await,
            Self::Show { room } => show(session, &room).await,
        }
    }
}

async fn list(session: &Session, search: Option<String>) -> Outcome {
    let mut all = Page::<RoomSummary>::default();
    loop {
        let query = ListQuery { from: all.next.take(), limit: None, search: search.clone() };
        let page: Page<RoomSummary> = session.client.get(&paths::rooms(&query)).await?;
        all.items.extend(page.items);
        all.next = page.next;
        if all.next.is_none() {
            break;
        }
    }
    session.print(&all, |all| {
        let rows = all.items.iter().map(|room| {
            let name = or_dash(room.name.as_deref().or(room.canonical_alias.as_deref()));
            let members = format!("{} ({} local)", room.joined_members, room.local_members);
            [room.room_id.clone(), name, room.version.clone(), members, room.events.to_string()]
        });
        table::print(["ROOM", "NAME", "VERSION", "MEMBERS", "EVENTS"], rows);
    });
    Ok(())
}

async fn show(session: &Session, room: &str) -> Outcome {
    let room: RoomDetail = session.client.get(&paths::room(room)).await?;
    session.print(&room, |room| {
        let summary = &room.summary;
        let yes = |yes: bool| if yes { "yes" } else { "no" };
        let line = |title: &str, text: &str| out::say(format_args!("{title:<12}{}", safe_text(text)));
        line("Room", &summary.room_id);
        line("Name", &or_dash(summary.name.as_deref()));
        line("Topic", &or_dash(room.topic.as_deref()));
        line("Alias", &or_dash(summary.canonical_alias.as_deref()));
        line("Version", &summary.version);
        line("Made by", &or_dash(summary.creator.as_deref()));
        line("Join rule", &room.join_rule);
        line("Encrypted", yes(summary.encrypted));
        line("Public", yes(summary.public));
        line("Events", &summary.events.to_string());
        out::say(format_args!("\nMembers: {} ({} local)", summary.joined_members, summary.local_members));
        let members = room.members.iter().map(|member| {
            let level =
                if member.power_level == i64::MAX { "creator".to_owned() } else { member.power_level.to_string() };
            [member.user_id.clone(), or_dash(member.display_name.as_deref()), level]
        });
        table::print(["USER", "NAME", "POWER"], members);
    });
    Ok(())
}
