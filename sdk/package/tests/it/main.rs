//! Tests of the package library from outside: real components, real signatures, the real `minisign`.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod fixture;

mod interop;
mod manifest;
mod package;
mod properties;
mod trust;
mod values;
mod verify;
