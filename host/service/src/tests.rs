//! The use cases as people live through them, over the store in memory.

mod conversations;
mod members;
mod sessions;
mod sign_in;
mod tenants;
