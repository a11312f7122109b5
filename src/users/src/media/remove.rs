//! Deletes media: first the rows, then the files that no other row refers to.

use hearth_base::Result;
use hearth_base::boxed;
use hearth_store::tables::{media, thumbnails};
use hearth_store::{Lane, WriteTx};

use super::{Media, MediaRow, files};

/// Rows to delete in one transaction, so that other writers get their turn.
const ROWS_AT_ONCE: usize = 100;

impl Media {
    /// Deletes local media by ID; returns the IDs that existed. The caller checks the permission.
    #[boxed]
    pub async fn delete(&self, ids: Vec<String>) -> Result<Vec<String>> {
        let mut deleted = Vec::new();
        for some in ids.chunks(ROWS_AT_ONCE) {
            let some = some.to_vec();
            // Use upkeep's lane, which is open on a full disk: this frees space.
            let rows = self.core.store.write_in(Lane::Upkeep, "media_delete", move |tx| delete_rows(tx, &some)).await?;
            for row in &rows.files {
                self.delete_unused(*row).await?;
            }
            deleted.extend(rows.ids);
        }
        Ok(deleted)
    }
}

/// The result of a transaction.
#[derive(Default)]
struct Deleted {
    ids: Vec<String>,
    /// Files that may have no row left.
    files: Vec<media::Hash>,
}

fn delete_rows(tx: &mut WriteTx<'_>, ids: &[String]) -> Result<Deleted> {
    let mut deleted = Deleted::default();
    for id in ids {
        let Some(MediaRow { id, hash, .. }) = media::get(tx.tx(), id)? else { continue };
        media::delete(tx.tx(), &id)?;
        deleted.ids.push(id);
        // Another upload may have the same bytes: file and thumbnails go with the last of them.
        if !files::is_original(tx.tx(), &hash)? {
            deleted.files.extend(thumbnails::delete(tx.tx(), &hash)?);
            deleted.files.push(hash);
        }
    }
    Ok(deleted)
}
