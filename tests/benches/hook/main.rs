//! The hook bench.

fn main() {}
