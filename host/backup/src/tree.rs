//! Finding a file in a snapshot. The library answers a missing path with an internal error, so that the trees are
//! walked here.

use rustic_core::repofile::{Node, NodeType, SnapshotFile, Tree};
use rustic_core::{IndexedTree, Repository};
use warbler_domain::{BackupError, BackupFile};

use crate::error::Fault;

/// The node at `path`; nothing if there is none. The root has none of its own.
pub(crate) fn node_at<S: IndexedTree>(
    repository: &Repository<S>,
    fault: &Fault,
    snapshot: &SnapshotFile,
    path: &str,
) -> Result<Option<Node>, BackupError> {
    let mut folder = snapshot.tree;
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        let tree = repository.get_tree(&folder).map_err(|error| fault.explain(&error))?;
        let Some(node) = tree.nodes.into_iter().find(|node| node.name().to_str() == Some(name)) else {
            return Ok(None);
        };
        if names.peek().is_none() {
            return Ok(Some(node));
        }
        match node.subtree {
            Some(below) => folder = below,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// What lies in a folder.
pub(crate) fn files_in<S: IndexedTree>(
    repository: &Repository<S>,
    fault: &Fault,
    snapshot: &SnapshotFile,
    folder: &str,
) -> Result<Option<Vec<BackupFile>>, BackupError> {
    let tree = if folder.is_empty() {
        Some(snapshot.tree)
    } else {
        node_at(repository, fault, snapshot, folder)?.and_then(|node| node.subtree)
    };
    let Some(tree) = tree else { return Ok(None) };
    let tree: Tree = repository.get_tree(&tree).map_err(|error| fault.explain(&error))?;
    Ok(Some(tree.nodes.iter().map(file).collect()))
}

fn file(node: &Node) -> BackupFile {
    BackupFile {
        name: node.name().to_string_lossy().into_owned(),
        size: node.meta.size,
        is_folder: node.node_type == NodeType::Dir,
    }
}
