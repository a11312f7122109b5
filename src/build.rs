//! Options of the linker.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its profile and target by environment variables"
)]

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|it| it == value);
    // Equal functions become one: generic code repeats itself. rustc links with its own lld on this target alone; other
    // linkers may not know the option. No code here compares functions by their addresses.
    if is("PROFILE", "release") && is("TARGET", "x86_64-unknown-linux-gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}
