//! Holds nothing but what wit-bindgen generates: one module for what hosts offer, one for each
//! interface that plugins export. They are apart, so that a component exports only what its author
//! names in `export!`.
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]

pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: r"
            package warbler:sdk;
            world imports {
                import warbler:plugin/types@0.1.0;
                import warbler:plugin/log@0.1.0;
                import warbler:plugin/system@0.1.0;
                import warbler:plugin/storage@0.1.0;
                import warbler:plugin/secrets@0.1.0;
                import warbler:plugin/lexicons@0.1.0;
                import warbler:plugin/http@0.1.0;
                import warbler:plugin/folders@0.1.0;
                import warbler:plugin/mail@0.1.0;
                import warbler:plugin/models@0.1.0;
                import warbler:plugin/conversation@0.1.0;
            }
        ",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package warbler:sdk; world lifecycle-part { export warbler:plugin/lifecycle@0.1.0; }",
        pub_export_macro: true,
        export_macro_name: "export_lifecycle",
        generate_all,
    });
}

pub mod content_filter {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package warbler:sdk; world content-filter-part { export warbler:plugin/content-filter@0.1.0; }",
        with: { "warbler:plugin/types@0.1.0": crate::bindings::imports::warbler::plugin::types },
        pub_export_macro: true,
        export_macro_name: "export_content_filter",
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod agent {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package warbler:sdk; world agent-part { export warbler:plugin/agent@0.1.0; }",
        with: {
            "warbler:plugin/types@0.1.0": crate::bindings::imports::warbler::plugin::types,
            "warbler:plugin/conversation@0.1.0": crate::bindings::imports::warbler::plugin::conversation,
        },
        pub_export_macro: true,
        export_macro_name: "export_agent",
        generate_all,
    });
}

pub mod push {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package warbler:sdk; world push-part { export warbler:plugin/push@0.1.0; }",
        with: { "warbler:plugin/types@0.1.0": crate::bindings::imports::warbler::plugin::types },
        pub_export_macro: true,
        export_macro_name: "export_push",
        additional_derives: [PartialEq],
        generate_all,
    });
}

pub mod backup_sink {
    wit_bindgen::generate!({
        path: "../../wit/v0.1",
        inline: "package warbler:sdk; world backup-sink-part { export warbler:plugin/backup-sink@0.1.0; }",
        with: { "warbler:plugin/types@0.1.0": crate::bindings::imports::warbler::plugin::types },
        pub_export_macro: true,
        export_macro_name: "export_backup_sink",
        additional_derives: [PartialEq],
        generate_all,
    });
}
