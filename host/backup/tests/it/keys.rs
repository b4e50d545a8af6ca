//! Keys by passphrase: escrow, and a new one in the old one's place.

use std::sync::Arc;

use warbler_domain::{BackupError, BackupRepositories as _, BackupSink, RepositoryOptions, Unlock};
use zeroize::Zeroizing;

use crate::sinks::{MemorySink, create, repositories};
use crate::source::{read, small};

fn words(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_opens_the_repository_until_it_is_taken_out() {
    let sink = MemorySink::new();
    let (key, repository) = create(Arc::clone(&sink) as Arc<dyn BackupSink>).await;
    assert_eq!(repository.passphrases().await.unwrap(), Vec::<String>::new());
    let version = small().back_up(&repository, 1_000).await.unwrap();
    let escrow = repository.add_passphrase(words("correct horse")).await.unwrap();
    assert_eq!(repository.passphrases().await.unwrap(), std::slice::from_ref(&escrow.id));
    assert_eq!(sink.blobs.lock()[&format!("keys/{}", escrow.id)], escrow.file);

    let open = async |passphrase: &str| {
        let unlock = Unlock::Passphrase(words(passphrase));
        repositories().open(Arc::clone(&sink) as _, unlock, RepositoryOptions::default()).await
    };
    let other = open("correct horse").await.unwrap();
    assert_eq!(read(&other, &version.id, "manifest.json").await.unwrap(), b"{}");
    assert!(matches!(open("wrong").await.map(drop), Err(BackupError::WrongKey)));
    assert!(repositories().key_of(Arc::clone(&sink) as _, words("correct horse")).await.unwrap() == key);

    let newer = repository.add_passphrase(words("battery staple")).await.unwrap();
    repository.remove_passphrase(&escrow.id).await.unwrap();
    assert_eq!(repository.passphrases().await.unwrap(), [newer.id]);
    assert!(matches!(open("correct horse").await.map(drop), Err(BackupError::WrongKey)));
    open("battery staple").await.unwrap();
}
