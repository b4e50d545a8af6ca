//! The bundled backup sinks against real servers, by the suite that integrators use.

use std::path::Path;
use std::process::Command;

use warbler_tests::counterpart::Counterpart;
use warbler_tests::host::{printed, program};
use warbler_tests::packages::bundled_file;

/// Tests the sink `name` with its own `cases/sink.json`, and `environment` in it, and gives what was printed.
fn conforms(name: &str, environment: &[(&str, &str)]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins").join(name);
    let mut command = Command::new(program("warbler-plugin").unwrap());
    command.arg("test").arg(bundled_file(name).unwrap()).current_dir(folder).envs(environment.iter().copied());
    printed(&mut command).unwrap()
}

#[test]
fn the_sink_for_s3_keeps_its_word_to_a_server_that_checks_signatures() {
    let Some(s3) = Counterpart::start("s3", &[]).unwrap() else { return };
    let said = |field| s3.text(field).unwrap();
    let out = conforms(
        "backup-s3",
        &[
            ("S3_ENDPOINT", said("endpoint")),
            ("S3_BUCKET", said("bucket")),
            ("S3_KEY_ID", said("id")),
            ("S3_SECRET", said("secret")),
        ],
    );
    assert!(out.contains("with faults before"), "{out}");
}

#[test]
fn a_signature_with_another_key_is_refused_and_named() {
    let Some(s3) = Counterpart::start("s3", &[]).unwrap() else { return };
    let said = |field| s3.text(field).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/backup-s3");
    let mut command = Command::new(program("warbler-plugin").unwrap());
    command.arg("test").arg(bundled_file("backup-s3").unwrap()).current_dir(folder);
    command.env("S3_ENDPOINT", said("endpoint")).env("S3_BUCKET", said("bucket"));
    command.env("S3_KEY_ID", said("id")).env("S3_SECRET", "another");
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && out.contains("misconfigured: SignatureDoesNotMatch"), "{out}");
    assert!(!out.contains(said("secret")));
}

#[test]
fn the_sink_for_webdav_keeps_its_word() {
    let folder = tempfile::tempdir().unwrap();
    let Some(webdav) = Counterpart::start("webdav", &[folder.path()]).unwrap() else { return };
    let said = |field| webdav.text(field).unwrap();
    let out = conforms(
        "backup-webdav",
        &[("WEBDAV_ENDPOINT", said("endpoint")), ("WEBDAV_USER", said("user")), ("WEBDAV_PASSWORD", said("password"))],
    );
    assert!(out.contains("with faults before"), "{out}");
}

#[test]
fn the_sink_for_folders_keeps_its_word() {
    let out = conforms("backup-dir", &[]);
    // There is no server that faults could be put before.
    assert!(out.contains("SKIPPED: no faults are injected"), "{out}");
}
