//! The templates, as they are embedded in this program.

use anyhow::{Result, bail};

use super::{File, Hook};
use crate::project::Language;

/// A file of a template: its place in the project, and its text with `{{name}}` for the plugin's name.
type Piece = (&'static str, &'static str);

/// What is said of a hook's template, and what it has whatever its language.
struct Sheet {
    /// One line about the plugin.
    summary: &'static str,
    /// What kind of plugin it is.
    headline: &'static str,
    /// What its case files hold.
    cases: &'static str,
    common: &'static [Piece],
    /// The plugin in Rust.
    rust: &'static str,
    /// What it needs beside `serde`, as lines of `Cargo.toml`.
    dependencies: &'static str,
}

const CONTENT_FILTER: Sheet = Sheet {
    summary: "Warns of words that are on a list",
    headline: "A content filter for Warbler: a WebAssembly component that decides what becomes of a message.",
    cases: "messages with the verdicts expected",
    common: &[
        ("manifest.json", include_str!("../../templates/filter/manifest.json")),
        ("cases/default.json", include_str!("../../templates/filter/cases/default.json")),
        ("cases/configured.json", include_str!("../../templates/filter/cases/configured.json")),
    ],
    rust: include_str!("../../templates/filter/lib.rs"),
    dependencies: "",
};

const AGENT: Sheet = Sheet {
    summary: "Answers questions from the knowledge base",
    headline: "An agent for Warbler: a WebAssembly component that answers as a member of a conversation.",
    cases: "messages with what models answer, and the replies expected",
    common: &[
        ("manifest.json", include_str!("../../templates/agent/manifest.json")),
        ("cases/default.json", include_str!("../../templates/agent/cases/default.json")),
    ],
    rust: include_str!("../../templates/agent/lib.rs"),
    dependencies: "",
};

const PUSH: Sheet = Sheet {
    summary: "Hands notifications to a provider over HTTP",
    headline: "A push provider for Warbler: a WebAssembly component that notifies people who are away.",
    cases: "notifications with what the provider's server answers, and the outcomes expected",
    common: &[
        ("manifest.json", include_str!("../../templates/push/manifest.json")),
        ("cases/default.json", include_str!("../../templates/push/cases/default.json")),
    ],
    rust: include_str!("../../templates/push/lib.rs"),
    dependencies: "serde_json = \"1\"\n",
};

const BACKUP_SINK: Sheet = Sheet {
    summary: "Keeps backups in the plugin's own storage",
    headline: "A backup sink for Warbler: a WebAssembly component that keeps opaque, encrypted blobs.",
    cases: "the configuration that the conformance suite runs with",
    common: &[
        ("manifest.json", include_str!("../../templates/sink/manifest.json")),
        ("cases/sink.json", include_str!("../../templates/sink/cases/sink.json")),
    ],
    rust: include_str!("../../templates/sink/lib.rs"),
    dependencies: "serde_json = \"1\"\n",
};

const RUST: [Piece; 3] = [
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.txt")),
    ("README.md", include_str!("../../templates/rust/README.md")),
    (".gitignore", include_str!("../../templates/rust/gitignore.txt")),
];

const JAVASCRIPT: [Piece; 8] = [
    ("package.json", include_str!("../../../js/template/package.json.txt")),
    ("src/plugin.js", include_str!("../../../js/template/src/plugin.js")),
    ("src/filter.js", include_str!("../../../js/template/src/filter.js")),
    ("src/warbler.js", include_str!("../../../js/warbler.js")),
    ("test/filter.test.js", include_str!("../../../js/template/test/filter.test.js")),
    ("wit/plugin.wit", include_str!("../../templates/plugin.wit")),
    ("README.md", include_str!("../../../js/template/README.md")),
    (".gitignore", include_str!("../../../js/template/gitignore.txt")),
];

const PYTHON: [Piece; 8] = [
    ("pyproject.toml", include_str!("../../../python/template/pyproject.toml.txt")),
    ("src/app.py", include_str!("../../../python/template/src/app.py")),
    ("src/words.py", include_str!("../../../python/template/src/words.py")),
    ("src/warbler.py", include_str!("../../../python/warbler.py")),
    ("tests/test_words.py", include_str!("../../../python/template/tests/test_words.py")),
    ("wit/plugin.wit", include_str!("../../templates/plugin.wit")),
    ("README.md", include_str!("../../../python/template/README.md")),
    (".gitignore", include_str!("../../../python/template/gitignore.txt")),
];

const JAVASCRIPT_PUSH: [Piece; 7] = [
    ("package.json", include_str!("../../../js/template/package.json.txt")),
    ("src/plugin.js", include_str!("../../../js/push/src/plugin.js")),
    ("src/provider.js", include_str!("../../../js/push/src/provider.js")),
    ("test/provider.test.js", include_str!("../../../js/push/test/provider.test.js")),
    ("wit/plugin.wit", include_str!("../../templates/push/plugin.wit")),
    ("README.md", include_str!("../../../js/push/README.md")),
    (".gitignore", include_str!("../../../js/template/gitignore.txt")),
];

const PYTHON_AGENT: [Piece; 7] = [
    ("pyproject.toml", include_str!("../../../python/template/pyproject.toml.txt")),
    ("src/app.py", include_str!("../../../python/agent/src/app.py")),
    ("src/prompt.py", include_str!("../../../python/agent/src/prompt.py")),
    ("tests/test_prompt.py", include_str!("../../../python/agent/tests/test_prompt.py")),
    ("wit/plugin.wit", include_str!("../../templates/agent/plugin.wit")),
    ("README.md", include_str!("../../../python/agent/README.md")),
    (".gitignore", include_str!("../../../python/template/gitignore.txt")),
];

const PYTHON_PUSH: [Piece; 7] = [
    ("pyproject.toml", include_str!("../../../python/template/pyproject.toml.txt")),
    ("src/app.py", include_str!("../../../python/push/src/app.py")),
    ("src/provider.py", include_str!("../../../python/push/src/provider.py")),
    ("tests/test_provider.py", include_str!("../../../python/push/tests/test_provider.py")),
    ("wit/plugin.wit", include_str!("../../templates/push/plugin.wit")),
    ("README.md", include_str!("../../../python/push/README.md")),
    (".gitignore", include_str!("../../../python/template/gitignore.txt")),
];

/// The files of a plugin called `name` that fulfils `hook`.
///
/// # Errors
/// There is no template of the hook in this language.
pub(super) fn files(hook: Hook, language: Language, name: &str) -> Result<Vec<File>> {
    let sheet = match hook {
        Hook::ContentFilter => CONTENT_FILTER,
        Hook::Agent => AGENT,
        Hook::Push => PUSH,
        Hook::BackupSink => BACKUP_SINK,
    };
    let source = [("src/lib.rs", sheet.rust)];
    let own: Vec<Piece> = match (language, hook) {
        (Language::Rust, _) => RUST.into_iter().chain(source).collect(),
        (Language::Js, Hook::ContentFilter) => JAVASCRIPT.to_vec(),
        (Language::Python, Hook::ContentFilter) => PYTHON.to_vec(),
        (Language::Js, Hook::Push) => JAVASCRIPT_PUSH.to_vec(),
        (Language::Python, Hook::Agent) => PYTHON_AGENT.to_vec(),
        (Language::Python, Hook::Push) => PYTHON_PUSH.to_vec(),
        // componentize-qjs 0.4.5 does not give back the turn that an agent borrows, which ends every reply.
        (Language::Js, Hook::Agent) => {
            bail!("agents cannot be written in JavaScript yet: `--lang python` and `--lang rust` have templates")
        }
        (Language::Js | Language::Python, Hook::BackupSink) => {
            bail!("there is no template of a backup sink in this language: `--lang rust` has one")
        }
    };
    let fill = |text: &str| {
        let text = text.replace("{{name}}", name).replace("{{summary}}", sheet.summary);
        let text = text.replace("{{headline}}", sheet.headline).replace("{{cases}}", sheet.cases);
        text.replace("{{dependencies}}", sheet.dependencies)
    };
    Ok(sheet.common.iter().chain(&own).map(|(place, text)| ((*place).to_owned(), fill(text))).collect())
}
