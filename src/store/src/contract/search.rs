//! The index for full-text search.

use hearth_base::Seams;

use super::{Bed, read, write};
use crate::Store;
use crate::ids::EventSn;
use crate::tables::search_words::{self, Progress, WordQuery};

fn found(store: &Store, groups: &[&[&str]], before: i64, limit: u64) -> Vec<i64> {
    let word = |word: &&str| match word.strip_suffix('*') {
        Some(start) => WordQuery { word: start.to_owned(), is_prefix: true },
        None => WordQuery { word: (*word).to_owned(), is_prefix: false },
    };
    let groups: Vec<Vec<WordQuery>> = groups.iter().map(|group| group.iter().map(word).collect()).collect();
    let found = read(store, move |tx| search_words::matching(tx.tx(), &groups, EventSn(before), limit)).unwrap();
    found.into_iter().map(|sn| sn.0).collect()
}

pub(super) fn words_lead_to_their_events(bed: &Bed) {
    let store = Store::open(bed.options.clone(), Seams::system()).unwrap();
    let events = [(2, "hay needle _r1"), (3, "needles _r2"), (5, "wärme 天気 気 _r1"), (9, "need _r1")];
    write(&store, move |tx| {
        for (sn, words) in events {
            search_words::insert(tx.tx(), EventSn(sn), words)?;
        }
        search_words::set_progress(tx.tx(), Progress { upto: EventSn(9), rules: 1 })
    })
    .unwrap();
    let all = i64::MAX;
    assert_eq!(found(&store, &[&["need*"]], all, 9), [9, 3, 2]);
    assert_eq!(found(&store, &[&["need*"]], all, 2), [9, 3]);
    assert_eq!(found(&store, &[&["need*"]], 9, 9), [3, 2]);
    assert_eq!(found(&store, &[&["need"]], all, 9), [9]);
    assert_eq!(found(&store, &[&["need*"], &["_r1"]], all, 9), [9, 2]);
    assert_eq!(found(&store, &[&["need*"], &["_r2", "_r1"], &["hay"]], all, 9), [2]);
    assert_eq!(found(&store, &[&["wärme"], &["天気"]], all, 9), [5]);
    assert_eq!(found(&store, &[&["天*"]], all, 9), [5]);
    assert_eq!(found(&store, &[], all, 9), [0_i64; 0]);
    assert_eq!(found(&store, &[&["hay"], &[]], all, 9), [0_i64; 0]);
    // However many rooms a user is in, and whatever they type.
    let rooms: Vec<String> = (0..256).map(|room| format!("_r{room}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    assert_eq!(found(&store, &[&["hay"], &rooms], all, 9), [2]);
    for hostile in ["\"", "'", "a'b\\", "* OR hay", "NEAR(hay)", "words:hay", "hay:*", "!hay & ('"] {
        assert_eq!(found(&store, &[&["hay"], &[hostile, "nothing"]], all, 9), [0_i64; 0], "{hostile}");
        assert_eq!(found(&store, &[&["hay"], &[hostile, "needle"]], all, 9), [2], "{hostile}");
    }
    write(&store, |tx| search_words::merge(tx.tx(), 8)).unwrap();
    assert_eq!(found(&store, &[&["need*"]], all, 9), [9, 3, 2]);
    write(&store, |tx| search_words::delete(tx.tx(), EventSn(2), "hay needle _r1")).unwrap();
    assert_eq!(found(&store, &[&["need*"]], all, 9), [9, 3]);
    assert_eq!(found(&store, &[&["hay"]], all, 9), [0_i64; 0]);
    assert_eq!(found(&store, &[&["_r1"]], all, 9), [9, 5]);
    store.close();
    let store = Store::open(bed.options.clone(), Seams::system()).unwrap();
    let progress = read(&store, |tx| search_words::progress(tx.tx())).unwrap();
    assert_eq!(progress, Progress { upto: EventSn(9), rules: 1 });
    write(&store, |tx| search_words::clear(tx.tx())).unwrap();
    assert_eq!(found(&store, &[&["need*"]], all, 9), [0_i64; 0]);
    store.close();
}
