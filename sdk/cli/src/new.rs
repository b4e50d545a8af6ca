//! `new`: a folder with a plugin that works.

mod sdk;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use warbler_package::PluginName;

use crate::project::Language;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin's name: lower-case letters, digits and hyphens.
    name: PluginName,
    /// The hook that it fulfils.
    #[arg(long, value_enum, default_value = "content-filter")]
    hook: Hook,
    /// The language that it is written in.
    #[arg(long, value_enum, default_value = "rust")]
    lang: Language,
    /// The folder to make; one of the plugin's name unless given.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Hooks that there are templates for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Hook {
    /// Decides what happens to a message.
    ContentFilter,
    /// Answers as a member of a conversation.
    Agent,
    /// Notifies people who are away.
    Push,
    /// Keeps backups.
    BackupSink,
}

/// A file of a new project: its place, and its text.
type File = (String, String);

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let name = arguments.name.as_str();
    let folder = arguments.folder.clone().unwrap_or_else(|| PathBuf::from(name));
    let is_empty = fs::read_dir(&folder).map_or(true, |mut entries| entries.next().is_none());
    if !is_empty || folder.is_file() {
        bail!("{} is there already, and not empty", folder.display());
    }
    for (place, text) in files(arguments)? {
        write(&folder.join(place), &text)?;
    }
    println!("{} is made. Next:", folder.display());
    println!("  cd {}", folder.display());
    println!("  warbler-plugin build");
    println!("  warbler-plugin test");
    Ok(())
}

fn files(arguments: &Arguments) -> Result<Vec<File>> {
    let mut files = template::files(arguments.hook, arguments.lang, arguments.name.as_str())?;
    files.extend(match arguments.lang {
        Language::Rust if arguments.hook == Hook::Push => {
            [sdk::vendored("vendor/warbler")?, sdk::push_kit("vendor/warbler")?].concat()
        }
        Language::Rust => sdk::vendored("vendor/warbler")?,
        Language::Js | Language::Python => sdk::contract("wit/deps/warbler-plugin"),
    });
    Ok(files)
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
