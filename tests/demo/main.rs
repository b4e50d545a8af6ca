//! The demo: starts the host, fills it with live sample data, and either stays or plays the story.

fn main() {}
