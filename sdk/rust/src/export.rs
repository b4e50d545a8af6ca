//! The `export!` macro, and the glue between the generated exports and the traits.

/// Makes a plugin's type the plugin of its component, with the hooks that are named.
///
/// ```
/// # use warbler_sdk::*;
/// # struct Guard;
/// # impl Plugin for Guard { fn init(_: &str) -> Result<Self, String> { Ok(Self) } }
/// # impl ContentFilter for Guard {
/// #     fn check(&self, _: &Message) -> Result<Decision, Failure> { Ok(Decision::pass()) }
/// # }
/// # impl Push for Guard {
/// #     fn deliver(&self, _: &[Notification]) -> Result<Vec<Outcome>, Failure> { Ok(Vec::new()) }
/// # }
/// warbler_sdk::export!(Guard: ContentFilter, Push);
/// # fn main() {}
/// ```
///
/// Off WebAssembly it exports nothing, and only checks that the type has the traits: native linkers
/// do not take the names of versioned exports.
#[cfg(not(target_family = "wasm"))]
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        const _: () = {
            $(
                #[allow(non_snake_case)]
                const fn $hook<T: $crate::$hook>() {}
            )+
            $($hook::<$plugin>();)+
        };
    };
}

/// Makes a plugin's type the plugin of its component, with the hooks that are named.
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! export {
    ($plugin:ty: $($hook:ident),+ $(,)?) => {
        const _: () = {
            ::std::thread_local! {
                static PLUGIN: ::std::cell::RefCell<::std::option::Option<$plugin>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            impl $crate::__private::Slot for $plugin {
                fn slot() -> &'static ::std::thread::LocalKey<::std::cell::RefCell<::std::option::Option<Self>>> {
                    &PLUGIN
                }
            }
            type Glue = $crate::__private::Glue<$plugin>;
            $crate::__private::lifecycle::export_lifecycle!(Glue with_types_in $crate::__private::lifecycle);
            $($crate::__export_hook!($hook Glue);)+
        };
    };
}

/// One hook of `export!`.
#[doc(hidden)]
#[cfg(target_family = "wasm")]
#[macro_export]
macro_rules! __export_hook {
    (ContentFilter $glue:ident) => {
        $crate::__private::content_filter::export_content_filter!($glue with_types_in $crate::__private::content_filter);
    };
    (Agent $glue:ident) => {
        $crate::__private::agent::export_agent!($glue with_types_in $crate::__private::agent);
    };
    (Push $glue:ident) => {
        $crate::__private::push::export_push!($glue with_types_in $crate::__private::push);
    };
    (BackupSink $glue:ident) => {
        $crate::__private::backup_sink::export_backup_sink!($glue with_types_in $crate::__private::backup_sink);
    };
}

#[cfg(target_family = "wasm")]
pub use glue::{Glue, Slot};

#[cfg(target_family = "wasm")]
mod glue {
    use std::cell::RefCell;
    use std::marker::PhantomData;
    use std::thread::LocalKey;

    use crate::bindings;
    use crate::bindings::backup_sink::exports::warbler::plugin::backup_sink as backup_sink_export;
    use crate::bindings::imports::warbler::plugin::conversation;
    use crate::{
        Agent, BackupSink, BlobInfo, ContentFilter, Decision, Failure, Message, Notification, Outcome, Plugin, Push,
    };

    /// Where a component keeps its plugin between calls.
    pub trait Slot: Plugin {
        /// The place, empty before `init`.
        fn slot() -> &'static LocalKey<RefCell<Option<Self>>>;
    }

    /// Implements the generated export traits for a plugin.
    pub struct Glue<P>(PhantomData<P>);

    /// Calls `work` with the plugin that `init` made.
    fn with_plugin<P: Slot, T>(work: impl FnOnce(&P) -> Result<T, Failure>) -> Result<T, Failure> {
        P::slot().with_borrow(|plugin| match plugin {
            Some(plugin) => work(plugin),
            None => Err(Failure::Misconfigured("the hook was called before init".to_owned())),
        })
    }

    impl<P: Slot> bindings::lifecycle::exports::warbler::plugin::lifecycle::Guest for Glue<P> {
        fn init(config: String) -> Result<(), String> {
            // Otherwise a panic is a bare trap, and its author would have to guess the line.
            std::panic::set_hook(Box::new(|panic| crate::log::write(crate::log::Level::Error, &panic.to_string())));
            let plugin = P::init(&config)?;
            P::slot().set(Some(plugin));
            Ok(())
        }
    }

    impl<P: Slot + ContentFilter> bindings::content_filter::exports::warbler::plugin::content_filter::Guest for Glue<P> {
        fn check(message: Message) -> Result<Decision, Failure> {
            with_plugin(|plugin: &P| plugin.check(&message))
        }
    }

    impl<P: Slot + Agent> bindings::agent::exports::warbler::plugin::agent::Guest for Glue<P> {
        fn reply(trigger: Message, turn: &conversation::Turn) -> Result<(), Failure> {
            with_plugin(|plugin: &P| plugin.reply(&trigger, turn))
        }
    }

    impl<P: Slot + Push> bindings::push::exports::warbler::plugin::push::Guest for Glue<P> {
        fn deliver(batch: Vec<Notification>) -> Result<Vec<Outcome>, Failure> {
            with_plugin(|plugin: &P| plugin.deliver(&batch))
        }
    }

    impl<P: Slot + BackupSink> backup_sink_export::Guest for Glue<P> {
        fn put(name: String, bytes: Vec<u8>) -> Result<(), Failure> {
            with_plugin(|plugin: &P| plugin.put(&name, &bytes))
        }

        fn get(name: String, offset: u64, length: u64) -> Result<Option<Vec<u8>>, Failure> {
            with_plugin(|plugin: &P| plugin.get(&name, offset, length))
        }

        fn list(prefix: String, after: Option<String>) -> Result<Vec<BlobInfo>, Failure> {
            with_plugin(|plugin: &P| plugin.list(&prefix, after.as_deref()))
        }

        fn delete(name: String) -> Result<(), Failure> {
            with_plugin(|plugin: &P| plugin.delete(&name))
        }
    }
}
