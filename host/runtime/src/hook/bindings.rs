//! Bindings of the hooks after the commit, generated from `wit/v0.1`, and nothing else.

#![allow(missing_docs, unreachable_pub, dead_code, clippy::all, clippy::pedantic, clippy::indexing_slicing)]

// One world for all of them: which of its exports a component has is probed, and what it imports is linked
// only if it was granted. Messages are owned, because the host also returns them, as history.
wasmtime::component::bindgen!({
    inline: "
        package warbler:hooks;
        world after-commit {
            import warbler:plugin/models@0.1.0;
            import warbler:plugin/conversation@0.1.0;
            import warbler:plugin/folders@0.1.0;
            import warbler:plugin/mail@0.1.0;
            export warbler:plugin/agent@0.1.0;
            export warbler:plugin/push@0.1.0;
            export warbler:plugin/backup-sink@0.1.0;
        }
    ",
    path: "../../wit/v0.1",
    world: "warbler:hooks/after-commit",
    imports: { default: async | trappable },
    exports: { default: async },
    with: {
        "warbler:plugin/models.completion": crate::hook::models::OpenCompletion,
        "warbler:plugin/conversation.turn": crate::hook::imports::TurnMark,
    },
});
