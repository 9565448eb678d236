//! Does nothing. Cargo takes build dependencies for crates with a build script only.

fn main() {}
