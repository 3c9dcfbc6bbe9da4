use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_needed_task_is_told_with_its_words() {
    let (tasks, mut endings) = Tasks::new();
    tasks.spawn("the one that lasts", std::future::pending());
    tasks.spawn("the watch of Services", async { panic!("an odd {}", "object") });
    let ended = endings.first().await;
    assert_eq!(
        ended.to_string(),
        "the task \"the watch of Services\" ended by a fault: an odd object; please report it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_needed_task_that_comes_to_its_end_is_told_too() {
    let (tasks, mut endings) = Tasks::new();
    tasks.spawn("the watch of Nodes", async {});
    assert_eq!(endings.first().await, Ended { name: "the watch of Nodes".to_owned(), panic: None });
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_while_all_tasks_run_or_there_is_none() {
    let (tasks, mut endings) = Tasks::new();
    let waiting = tokio::time::timeout(Duration::from_secs(3600), endings.first());
    drop(tasks);
    assert!(waiting.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_kept_starts_again_after_each_panic_and_ends_no_program() {
    let (tasks, mut endings) = Tasks::new();
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&starts);
    let kept = tasks.keep("the reporter", move || {
        let counted = Arc::clone(&counted);
        async move {
            assert!(counted.fetch_add(1, Ordering::Relaxed) == 3, "a word the server has never said before");
        }
    });
    assert!(tokio::time::timeout(Duration::from_secs(3600), endings.first()).await.is_err());
    assert!(kept.is_finished());
    assert_eq!(starts.load(Ordering::Relaxed), 4, "three panics, and the run that came to its end");
}

#[test]
fn a_panic_of_a_call_is_an_error_with_its_words() {
    let text = "no plan".to_owned();
    assert_eq!(caught_in(|| 7), Ok(7));
    assert_eq!(caught_in::<()>(|| panic!("{text}")).unwrap_err().to_string(), "no plan");
    let silent = caught_in::<()>(|| std::panic::panic_any(3)).unwrap_err();
    assert_eq!(silent.to_string(), "without a word");
}
