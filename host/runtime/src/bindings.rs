//! Bindings of the contract, generated from `wit/v0.1`, and nothing else.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::all, clippy::pedantic, clippy::indexing_slicing)]

// Imports that wait are asynchronous, so that a waiting guest holds no thread. Every import may trap.
// Borrowing keeps the host from copying a message's strings before they enter the guest.
wasmtime::component::bindgen!({
    world: "filter-plugin",
    path: "../../wit/v0.1",
    imports: {
        "warbler:plugin/storage": async | trappable,
        "warbler:plugin/secrets": async | trappable,
        "warbler:plugin/http": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
