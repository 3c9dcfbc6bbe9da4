use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::*;

/// Longer than any machine needs to deliver an event, polling included.
const LONG: Duration = Duration::from_secs(20);

/// Long enough that an event that was going to come has come.
const QUIET: Duration = Duration::from_millis(150);

#[tokio::test]
async fn writing_replacing_and_removing_a_file_is_seen() {
    let root = TempDir::new().expect("a directory");
    let file = root.path().join("a.yaml");
    let mut watch = Watch::start(root.path());
    assert!(matches!(watch.source, Source::Kernel { .. }));

    fs::write(&file, "a: 1").expect("a file");
    seen(&mut watch).await;

    let other = TempDir::new().expect("a directory");
    fs::write(other.path().join("new"), "a: 2").expect("a file");
    settle(&mut watch).await;
    fs::rename(other.path().join("new"), &file).expect("a rename");
    seen(&mut watch).await;

    settle(&mut watch).await;
    fs::remove_file(&file).expect("a removal");
    seen(&mut watch).await;
}

#[tokio::test]
async fn reading_the_directory_is_not_a_change() {
    let root = TempDir::new().expect("a directory");
    fs::write(root.path().join("a.yaml"), "a: 1").expect("a file");
    let mut watch = Watch::start(root.path());
    settle(&mut watch).await;
    for entry in fs::read_dir(root.path()).expect("a listing") {
        fs::read(entry.expect("an entry").path()).expect("a file");
    }
    assert!(timeout(QUIET, watch.changed()).await.is_err());
}

#[tokio::test]
async fn what_happens_beside_the_directory_is_not_a_change() {
    let root = TempDir::new().expect("a directory");
    let directory = root.path().join("in");
    fs::create_dir(&directory).expect("a directory");
    let mut watch = Watch::start(&directory);
    fs::write(root.path().join("a.yaml"), "a: 1").expect("a file");
    assert!(timeout(QUIET, watch.changed()).await.is_err());
}

#[tokio::test]
async fn a_draft_is_a_change_only_when_it_is_renamed_into_place() {
    let root = TempDir::new().expect("a directory");
    let mut watch = Watch::start(root.path());
    let draft = root.path().join("a.yaml.draft");
    fs::write(&draft, "a: 1").expect("a file");
    assert!(timeout(QUIET, watch.changed()).await.is_err());
    fs::rename(&draft, root.path().join("a.yaml")).expect("a rename");
    seen(&mut watch).await;
}

#[tokio::test]
async fn changes_made_while_nobody_waits_are_one_change() {
    let root = TempDir::new().expect("a directory");
    let mut watch = Watch::start(root.path());
    for number in 0..100 {
        fs::write(root.path().join(format!("{number}.yaml")), "a: 1").expect("a file");
    }
    // Events of the last writes may still be on their way after the first signal, hence two at most.
    seen(&mut watch).await;
    settle(&mut watch).await;
    assert!(timeout(QUIET, watch.changed()).await.is_err());
}

#[tokio::test]
async fn a_swapped_link_inside_the_directory_is_seen() {
    let root = TempDir::new().expect("a directory");
    let mut watch = Watch::start(root.path());
    symlink("..1", root.path().join("..data_tmp")).expect("a link");
    settle(&mut watch).await;
    fs::rename(root.path().join("..data_tmp"), root.path().join("..data")).expect("a swap");
    seen(&mut watch).await;
}

#[tokio::test]
async fn the_directory_behind_a_swapped_link_is_watched_from_then_on() {
    let root = TempDir::new().expect("a directory");
    let (one, two, link) = (root.path().join("1"), root.path().join("2"), root.path().join("current"));
    fs::create_dir(&one).expect("a directory");
    fs::create_dir(&two).expect("a directory");
    symlink(&one, &link).expect("a link");
    let mut watch = Watch::start(&link);

    symlink(&two, root.path().join("next")).expect("a link");
    fs::rename(root.path().join("next"), &link).expect("a swap");
    seen(&mut watch).await;
    settle(&mut watch).await;

    fs::write(two.join("a.yaml"), "a: 1").expect("a file");
    seen(&mut watch).await;
    settle(&mut watch).await;
    fs::write(one.join("a.yaml"), "a: 1").expect("a file");
    assert!(timeout(QUIET, watch.changed()).await.is_err());
}

#[tokio::test]
async fn a_directory_that_is_removed_and_made_again_is_watched_again() {
    let root = TempDir::new().expect("a directory");
    let directory = root.path().join("in");
    fs::create_dir(&directory).expect("a directory");
    let mut watch = Watch::start(&directory);
    fs::remove_dir(&directory).expect("a removal");
    seen(&mut watch).await;
    settle(&mut watch).await;
    fs::create_dir(&directory).expect("a directory");
    seen(&mut watch).await;
    settle(&mut watch).await;
    fs::write(directory.join("a.yaml"), "a: 1").expect("a file");
    seen(&mut watch).await;
    assert!(matches!(watch.source, Source::Kernel { .. }));
}

#[tokio::test]
async fn without_the_kernels_help_changes_are_polled_for() {
    let root = TempDir::new().expect("a directory");
    let mut watch = Watch::polling(root.path());
    fs::write(root.path().join("a.yaml"), "a: 1").expect("a file");
    seen(&mut watch).await;
    // Of another length, because both may fall into one tick of the file system's clock.
    fs::write(root.path().join("a.yaml"), "a: 22").expect("a file");
    seen(&mut watch).await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_watched_is_polled() {
    let root = TempDir::new().expect("a directory");
    let directory = root.path().join("in");
    let mut watch = Watch::start(&directory);
    assert!(matches!(watch.source, Source::Polling { .. }));
    fs::create_dir(&directory).expect("a directory");
    seen(&mut watch).await;
}

#[tokio::test]
async fn a_relative_path_is_watched() {
    let root = TempDir::new_in(".").expect("a directory");
    let relative = Path::new(".").join(root.path().file_name().expect("a name"));
    let mut watch = Watch::start(&relative);
    fs::write(root.path().join("a.yaml"), "a: 1").expect("a file");
    seen(&mut watch).await;
}

async fn seen(watch: &mut Watch) {
    timeout(LONG, watch.changed()).await.expect("a change");
}

/// Takes the signals that are still on their way.
async fn settle(watch: &mut Watch) {
    while timeout(QUIET, watch.changed()).await.is_ok() {}
}
