//! Lists the migrations by the names of their files, so that a new one is one new file.

#![expect(clippy::disallowed_methods, reason = "cargo tells a build script its folders by environment variables")]

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=src/migrations");
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("src/migrations");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .expect("the folder of the migrations")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name in UTF-8"))
        .collect();
    names.sort();
    let mut list = String::from("&[\n");
    let mut last = 0;
    for name in &names {
        let (number, title) = name.strip_suffix(".sql").and_then(|name| name.split_once('_')).expect("NNNN_name.sql");
        // A number taken twice would make two servers of the same schema number differ. Gaps are numbers that branches
        // have reserved: none may be left in a release, because a database never applies a migration below its number.
        let number: u32 = number.parse().expect("a number");
        assert!(number > last, "{name}: the migrations are numbered from 0001, each number once");
        last = number;
        writeln!(list, "({number}, {title:?}, include_str!({path:?})),", path = folder.join(name)).expect("text");
    }
    list.push(']');
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("migrations.rs");
    fs::write(out, list).expect("the list is written");
}
