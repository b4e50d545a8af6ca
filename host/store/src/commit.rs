//! The one committer of a store. Everything that is written goes through its queue: it decides
//! conflicts and repeats, assigns sequences and positions, commits in groups, and only then
//! acknowledges and tells followers. What is written, and how it is sealed, is decided here; what
//! callers send and get back is `sealed`'s work.

mod decide;
mod group;
mod heads;
mod hub;
mod queue;
mod run;
mod view;

pub(crate) use hub::Hub;
pub(crate) use queue::{AppendRequest, PlaceRequest, PlacedDraft, Queue};
pub(crate) use run::{Committer, Setup};
pub(crate) use view::{Snapshot, View};
