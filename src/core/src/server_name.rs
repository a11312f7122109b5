//! The server's name is for ever: user ids, events and signatures contain it. It is stored on the first start and
//! compared on each later one.

use hearth_base::{Error, Result};
use hearth_store::tables::server_name::{self as table, ServerNameRow};
use hearth_store::{Lane, Store};

/// Stores `configured` as the name of this database's server, or refuses if the database belongs to another one.
///
/// While no account and no room contains the stored name, it is replaced: the first start without a configuration runs
/// as `localhost` and tells how to choose a name, which must still be possible then. The signing key stays, because
/// signatures name their server and a key under another name proves nothing.
pub(crate) fn settle(store: &Store, configured: &str) -> Result<()> {
    let name = configured.to_owned();
    store.write_blocking(Lane::Upkeep, "server_name_settle", move |tx| {
        let stored = table::get(tx.tx())?;
        if let Some(refusal) = refusal(stored.as_ref(), &name) {
            return Err(Error::broken(refusal));
        }
        match stored {
            Some(ServerNameRow { name: old, .. }) if old != name => {
                tracing::info!(old, name, "The server has another name now. No account and no room had the old one.");
            }
            _ => {}
        }
        table::set(tx.tx(), &name)
    })
}

/// Why a server named `configured` cannot use a database with this stored name, with both ways back; `None` if it can.
#[must_use]
pub fn refusal(stored: Option<&ServerNameRow>, configured: &str) -> Option<String> {
    let stored = stored.filter(|stored| stored.in_use && stored.name != configured)?;
    let name = &stored.name;
    Some(format!(
        "the data belong to the server `{name}`, but `server.name` is `{configured}`. The name of a server cannot \
         change, because its accounts and rooms contain it. Either set `server.name` back to `{name}`, or leave the data \
         of `{name}` where they are and give `{configured}` a new folder with `server.data_dir`"
    ))
}
