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
    for (at, name) in names.iter().enumerate() {
        let (number, title) = name.strip_suffix(".sql").and_then(|name| name.split_once('_')).expect("NNNN_name.sql");
        // A gap or a number taken twice would make two servers of the same schema number differ.
        assert_eq!(number.parse(), Ok(at + 1), "{name}: the migrations are numbered from 0001 without a gap");
        writeln!(list, "({number_}, {title:?}, include_str!({path:?})),", number_ = at + 1, path = folder.join(name))
            .expect("text");
    }
    list.push(']');
    let out = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("migrations.rs");
    fs::write(out, list).expect("the list is written");
}
