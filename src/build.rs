//! Options of the linker.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its profile and target by environment variables"
)]

fn main() {
    println!("cargo::rerun-if-changed=src/build.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|it| it == value);
    // rustc links with its own lld on this target alone; other linkers may not know the options.
    if !is("PROFILE", "release") || !is("TARGET", "x86_64-unknown-linux-gnu") {
        return;
    }
    // Equal functions become one: generic code repeats itself. No code here compares functions by their addresses.
    println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    // The places that the loader adjusts, as a bitmap instead of 24 bytes each: 1.4 MB less. It has to know that form. Built on
    // an older system the program gets the old one, and a program built here names what it needs, so it does not crash there.
    if is("HOST", "x86_64-unknown-linux-gnu") && glibc() >= Some((2, 36)) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's C library; `None` if it is another one.
fn glibc() -> Option<(u32, u32)> {
    let told = std::process::Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let (major, minor) = std::str::from_utf8(&told.stdout).ok()?.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
