//! The templates, as they are embedded in this program.

use super::File;
use crate::project::Language;

/// A file of a template: its place in the project, and its text with `{{name}}` for the plugin's name.
type Piece = (&'static str, &'static str);

/// What every content filter has, whatever its language.
const CONTENT_FILTER: [Piece; 3] = [
    ("manifest.json", include_str!("../../templates/manifest.json")),
    ("cases/default.json", include_str!("../../templates/cases/default.json")),
    ("cases/configured.json", include_str!("../../templates/cases/configured.json")),
];

const RUST: [Piece; 4] = [
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs")),
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

/// The files of a content filter called `name`.
pub(super) fn content_filter(language: Language, name: &str) -> Vec<File> {
    let own: &[Piece] = match language {
        Language::Rust => &RUST,
        Language::Js => &JAVASCRIPT,
        Language::Python => &PYTHON,
    };
    let pieces = CONTENT_FILTER.iter().chain(own);
    pieces.map(|(place, text)| ((*place).to_owned(), text.replace("{{name}}", name))).collect()
}
