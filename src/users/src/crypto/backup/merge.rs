//! Conflict resolution between two copies of a room key in a backup. Pure.

use std::cmp::Reverse;

use hearth_store::tables::backups::BackupSessionRow;

/// Whether `new` replaces `old`: prefer the verified one, then the lower `first_message_index`, then the lower
/// `forwarded_count`; if equal, keep the old one (client-server API, "PUT /room_keys/keys").
pub(super) fn replaces(new: &BackupSessionRow, old: &BackupSessionRow) -> bool {
    rank(new) > rank(old)
}

fn rank(row: &BackupSessionRow) -> (bool, Reverse<i64>, Reverse<i64>) {
    (row.verified, Reverse(row.first_index), Reverse(row.forwarded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row((verified, first_index, forwarded): (bool, i64, i64)) -> BackupSessionRow {
        BackupSessionRow {
            room: String::new(),
            session: String::new(),
            first_index,
            forwarded,
            verified,
            json: String::new(),
        }
    }

    #[test]
    fn the_better_copy_stays() {
        let cases = [
            ("verified beats all", (true, 9, 9), (false, 0, 0), true),
            ("unverified never replaces verified", (false, 0, 0), (true, 9, 9), false),
            ("an earlier index", (false, 1, 9), (false, 2, 0), true),
            ("a later index", (true, 3, 0), (true, 2, 9), false),
            ("fewer hands", (true, 2, 0), (true, 2, 1), true),
            ("more hands", (true, 2, 2), (true, 2, 1), false),
            ("the same", (true, 2, 1), (true, 2, 1), false),
        ];
        for (what, new, old, expected) in cases {
            assert_eq!(replaces(&row(new), &row(old)), expected, "{what}");
        }
    }
}
