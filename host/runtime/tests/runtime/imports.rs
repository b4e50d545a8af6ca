//! What guests can call: storage, secrets, word lists, and WASI with nothing behind it.

use std::sync::Arc;

use warbler_domain::{Finding, HookContext, LexiconHit, Lexicons, Verdict};

use crate::guests;
use crate::harness::{SECRET, message, nothing_lent, plan, plan_of, runtime};

#[tokio::test]
async fn what_a_plugin_stores_it_reads_back_within_its_quota() {
    let runtime = runtime();
    let plugin = plan("storage").with(|r| r.grants.storage_quota = Some(20)).load(&runtime).await;
    let held = plugin.held("note").await;
    assert_eq!((held.code.as_str(), held.text.as_str()), ("stored", "note"));
    assert_eq!(plugin.shelf.values.lock().get("note").map(AsRef::as_ref), Some(b"note".as_slice()));
    let held = plugin.held("a note that is too long").await;
    assert_eq!((held.code.as_str(), held.text.as_str()), ("refused", "the storage quota of 20 bytes would be passed"));
}

#[tokio::test]
async fn only_granted_secrets_are_shown() {
    let runtime = runtime();
    let plugin =
        plan("secret").with(|r| r.grants.secrets = ["token".into(), "unset".into()].into()).load(&runtime).await;
    assert_eq!(plugin.held("token").await.text, SECRET);
    for name in ["not-granted", "unset", ""] {
        let held = plugin.held(name).await;
        assert_eq!((held.code.as_str(), held.text.as_str()), ("some-", ""), "{name}");
    }
}

struct Words;

impl Lexicons for Words {
    fn find(&self, lists: &[String], text: &str) -> Result<Vec<LexiconHit>, String> {
        assert_eq!(lists, ["words"]);
        let found = text.match_indices("bad").map(|(at, word)| LexiconHit {
            word: word.into(),
            category: "rude".into(),
            start: u32::try_from(at).unwrap(),
            end: u32::try_from(at + word.len()).unwrap(),
        });
        Ok(found.collect())
    }
}

#[tokio::test]
async fn word_lists_are_those_that_the_caller_lends_for_the_call() {
    let runtime = runtime();
    let plugin = plan("lexicon").with(|r| r.grants.lexicons = true).load(&runtime).await;
    let lent = HookContext { lexicons: Arc::new(Words) };
    let decision = plugin.filter.check(&message("naïve bad"), &lent).await.unwrap();
    assert_eq!(decision.verdict, Verdict::Flag);
    let expected = Finding { label: "rude".into(), rule: "bad".into(), start: 7, end: 10, score: 1.0 };
    assert_eq!(decision.findings, [expected]);
    assert_eq!(plugin.filter.check(&message("fine"), &lent).await.unwrap().verdict, Verdict::Pass);
    // The guest traps if a list is not there: the lists of the call before are gone.
    plugin.filter.check(&message("bad"), &nothing_lent()).await.unwrap_err();
}

/// A guest that writes to standard output, reads the clock, and looks for files and variables.
const WASI: &str = r#"
(module
  (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
  (import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:clocks/wall-clock@0.2.6" "now" (func $now (param i32)))
  (import "wasi:filesystem/preopens@0.2.6" "get-directories" (func $directories (param i32)))
  (import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))
  (import "wasi:cli/environment@0.2.6" "get-arguments" (func $arguments (param i32)))
  (memory (export "memory") 4)
  (global $next (mut i32) (i32.const 4096))
  (data (i32.const 512) "one line\nanother")
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.set $next (i32.add (global.get $next) (i32.and (i32.add (local.get 3) (i32.const 15)) (i32.const -8))))
    (i32.and (i32.sub (global.get $next) (local.get 3)) (i32.const -8)))
  (func (export "warbler:plugin/lifecycle@0.1.0#init") (param i32 i32) (result i32) (i32.const 0))
  (func (export "warbler:plugin/content-filter@0.1.0#check") (param i32) (result i32)
    (call $write (call $stdout) (i32.const 512) (i32.const 16) (i32.const 256))
    (if (i32.load8_u (i32.const 256)) (then (unreachable)))
    (call $now (i32.const 272))
    (if (i64.eqz (i64.load (i32.const 272))) (then (unreachable)))
    ;; No directory, no variable, no argument.
    (call $directories (i32.const 288))
    (if (i32.load offset=4 (i32.const 288)) (then (unreachable)))
    (call $environment (i32.const 288))
    (if (i32.load offset=4 (i32.const 288)) (then (unreachable)))
    (call $arguments (i32.const 288))
    (if (i32.load offset=4 (i32.const 288)) (then (unreachable)))
    (i32.const 64)))
"#;

/// As much of WASI's own description as the guest uses.
const WASI_WIT: [&str; 5] = [
    "package wasi:io@0.2.6;
     interface error { resource error; }
     interface streams {
       use error.{error};
       variant stream-error { last-operation-failed(error), closed }
       resource output-stream {
         blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>;
       }
     }",
    "package wasi:clocks@0.2.6;
     interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    "package wasi:filesystem@0.2.6;
     interface types { resource descriptor; }
     interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }",
    "package wasi:cli@0.2.6;
     interface stdout { use wasi:io/streams@0.2.6.{output-stream}; get-stdout: func() -> output-stream; }
     interface environment {
       get-environment: func() -> list<tuple<string, string>>;
       get-arguments: func() -> list<string>;
     }",
    "package test:wasi;
     world filter {
       include warbler:plugin/filter-plugin@0.1.0;
       import wasi:cli/stdout@0.2.6;
       import wasi:cli/environment@0.2.6;
       import wasi:clocks/wall-clock@0.2.6;
       import wasi:filesystem/preopens@0.2.6;
     }",
];

#[tokio::test]
async fn wasi_has_a_clock_and_the_log_and_nothing_else_behind_it() {
    let runtime = runtime();
    let plugin = plan_of(guests::component(WASI, &WASI_WIT, "filter").unwrap()).load(&runtime).await;
    plugin.passes().await;
    plugin.passes().await;
    drop(plugin.filter);
    drop(plugin.loaded);
    let lines = plugin.log.all();
    assert_eq!(lines, ["one line", "another", "one line", "another"]);
}
