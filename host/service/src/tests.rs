//! The use cases as people live through them, over the store in memory.

mod attachments;
mod codes;
mod conversations;
mod edits;
mod live;
mod members;
mod messages;
mod push;
mod review;
mod sessions;
mod sign_in;
mod tenants;
mod verdicts;
