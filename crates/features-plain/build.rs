//! Does nothing. Cargo takes build dependencies for crates with a build script only.

fn main() {
    // Otherwise cargo runs it again after every commit, and compiles again all that depends on this crate.
    println!("cargo::rerun-if-changed=build.rs");
}
