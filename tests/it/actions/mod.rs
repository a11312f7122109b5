//! An action that has begun is completed: interrupted after each of its steps, by a client that disconnects and by a
//! server that is killed, it results in the same memberships on both servers.

mod interrupted;
mod resumed;
mod scenarios;
mod table;

use std::time::Duration;

use hearth_store::tables::{memberships, rooms, users};

use crate::harness::World;

/// A user's membership of a room as a server stores it, including rooms that it has left.
async fn membership(world: &World, room: &str, user: &str) -> &'static str {
    let (room, user) = (room.to_owned(), user.to_owned());
    let read = world.server().domain.core.store.read("test_membership", move |tx| {
        let (Some(room), Some(user)) = (rooms::by_id(tx.tx(), &room)?, users::find(tx.tx(), &user)?) else {
            return Ok("none");
        };
        Ok(memberships::get(tx.tx(), room.sn, user)?.map_or("none", |row| row.membership.name()))
    });
    read.await.expect("a membership")
}

/// Polls a condition until it holds or a timeout passes; returns whether it holds.
async fn comes_true(is_so: impl AsyncFn() -> bool) -> bool {
    for _ in 0..400 {
        if is_so().await {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
