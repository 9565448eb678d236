//! Does nothing: without a build script cargo takes no build dependencies, and macros have features of their own.

fn main() {}
