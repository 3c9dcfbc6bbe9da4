use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Makes numbered answers, slowly.
#[derive(Clone, Default)]
struct Press {
    made: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Press {
    async fn print(self) -> Answer {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(under_way, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        Answer::words(StatusCode::OK, number.to_string())
    }

    async fn ask(&self, page: &Page) -> String {
        let answer = page.get(|| self.clone().print()).await;
        String::from_utf8(answer.body().to_vec()).unwrap()
    }

    fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

const LONG: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn those_who_ask_at_once_share_one_text() {
    let (press, page) = (Press::default(), Page::new(Duration::ZERO));
    let answers = futures_of(40, || press.ask(&page)).await;
    // The first began before the others asked; those who came later are content with the second.
    assert!(press.made() <= 2, "{} were made", press.made());
    assert_eq!(answers.len(), 40);
}

#[tokio::test]
async fn a_young_text_is_given_again_and_an_old_one_is_not() {
    let press = Press::default();
    let page = Page::new(LONG);
    assert_eq!((press.ask(&page).await, press.ask(&page).await), ("0\n".to_owned(), "0\n".to_owned()));
    let page = Page::new(Duration::ZERO);
    assert_eq!((press.ask(&page).await, press.ask(&page).await), ("1\n".to_owned(), "2\n".to_owned()));
}

#[tokio::test]
async fn those_who_ask_and_go_away_do_not_add_up() {
    let (press, page) = (Press::default(), Page::new(Duration::ZERO));
    for _ in 0..50 {
        let gone = tokio::time::timeout(Duration::from_millis(1), press.ask(&page)).await;
        drop(gone);
    }
    press.ask(&page).await;
    assert_eq!(press.most.load(Ordering::SeqCst), 1, "texts were made at the same time");
}

#[tokio::test]
async fn slow_readers_keep_a_few_texts_alive_and_no_more() {
    let (press, page) = (Press::default(), Page::new(Duration::ZERO));
    let mut read = Vec::new();
    for _ in 0..20 {
        read.push(page.get(|| press.clone().print()).await.body());
    }
    assert_eq!(press.made(), ALIVE);
    read.clear();
    press.ask(&page).await;
    assert_eq!(press.made(), ALIVE + 1, "it goes on once they have gone");
}

#[tokio::test]
async fn a_text_whose_making_panics_is_an_error_and_the_next_is_tried() {
    let page = Page::new(LONG);
    let failed = page.get(|| async { panic!("a bug of the test") }).await;
    assert_eq!(failed.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(Press::default().ask(&page).await, "0\n");
}

async fn futures_of<F: Future>(count: usize, ask: impl Fn() -> F) -> Vec<F::Output> {
    let mut asked: Vec<_> = (0..count).map(|_| Box::pin(ask())).collect();
    let mut answers = Vec::new();
    for future in &mut asked {
        // The first poll of each queues it behind the former.
        tokio::select! { biased; answer = future => answers.push(answer), () = std::future::ready(()) => {} }
    }
    let waiting = asked.split_off(answers.len());
    for future in waiting {
        answers.push(future.await);
    }
    answers
}
