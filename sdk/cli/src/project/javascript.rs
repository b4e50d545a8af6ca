//! Reading a JavaScript project: `package.json`
//! (<https://docs.npmjs.com/cli/configuring-npm/package-json>).

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::About;

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    description: Option<String>,
    author: Option<Author>,
    license: Option<String>,
    repository: Option<Repository>,
    homepage: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Author {
    Text(String),
    Fields { name: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Repository {
    Text(String),
    Fields { url: String },
}

pub(super) fn about(folder: &Path) -> Result<About> {
    let path = folder.join("package.json");
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let package: Package = serde_json::from_slice(&text).with_context(|| format!("{} is not valid", path.display()))?;
    let author = package.author.map(|author| match author {
        Author::Text(name) | Author::Fields { name } => name,
    });
    let source = package.repository.map(|repository| match repository {
        Repository::Text(url) | Repository::Fields { url } => url,
    });
    Ok(About {
        name: package.name,
        version: package.version,
        description: package.description,
        authors: author.into_iter().collect(),
        license: package.license,
        source,
        homepage: package.homepage,
    })
}
