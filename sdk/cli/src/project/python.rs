//! Reading a Python project: `pyproject.toml`
//! (<https://packaging.python.org/en/latest/specifications/pyproject-toml>).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::About;

#[derive(Deserialize)]
struct File {
    project: Fields,
}

#[derive(Deserialize)]
struct Fields {
    name: String,
    version: String,
    description: Option<String>,
    #[serde(default)]
    authors: Vec<Author>,
    license: Option<License>,
    #[serde(default)]
    urls: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Author {
    name: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum License {
    Expression(String),
    Table { text: String },
}

pub(super) fn about(folder: &Path) -> Result<About> {
    let path = folder.join("pyproject.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let File { project } = toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))?;
    // The names of addresses are free but for their case and the words that are well known.
    let url = |names: &[&str]| {
        let known = project.urls.iter().find(|(name, _)| names.contains(&name.to_lowercase().as_str()));
        known.map(|(_, url)| url.clone())
    };
    let (source, homepage) = (url(&["source", "repository", "github"]), url(&["homepage"]));
    Ok(About {
        name: project.name,
        version: project.version,
        description: project.description,
        authors: project.authors.into_iter().filter_map(|author| author.name.or(author.email)).collect(),
        license: project.license.map(|license| match license {
            License::Expression(text) | License::Table { text } => text,
        }),
        source,
        homepage,
    })
}
