//! Account listings for administrators and for the user directory.

use hearth_base::boxed;
use hearth_base::{Result, limits};
use hearth_store::tables::accounts::{self as table, AccountRow, AccountsPage, Counts};

use super::Accounts;

impl Accounts {
    /// A page of accounts in name order: those after `after` (empty: from the start) whose name contains `contains`
    /// (empty: any). At most [`limits::PAGE_EVENTS_MAX`].
    #[boxed]
    pub async fn list(
        &self,
        after: &str,
        contains: &str,
        deactivated: bool,
        guests: bool,
        limit: usize,
    ) -> Result<Vec<AccountRow>> {
        let (after, contains) = (after.to_owned(), contains.to_lowercase());
        let limit = limit.min(limits::PAGE_EVENTS_MAX) as u64;
        let read = self.core.store.read("account_list", move |tx| {
            table::page(tx.tx(), &AccountsPage { after: &after, contains: &contains, deactivated, guests, limit })
        });
        read.await
    }

    /// Active accounts whose names start with `prefix`, at most `limit`.
    #[boxed]
    pub async fn by_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<AccountRow>> {
        let (prefix, limit) = (prefix.to_lowercase(), limit.min(limits::PAGE_EVENTS_MAX) as u64);
        self.core.store.read("account_prefix", move |tx| table::by_prefix(tx.tx(), &prefix, limit)).await
    }

    /// Counts of accounts by kind.
    #[boxed]
    pub async fn counts(&self) -> Result<Counts> {
        self.core.store.read("account_counts", |tx| table::counts(tx.tx())).await
    }
}
