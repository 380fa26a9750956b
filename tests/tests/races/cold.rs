//! Ten thousand callers of one key that nobody knows yet.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder::{Cache, EmbeddedStore, ErrorKind, Store};
use larder_core::SystemClock;
use larder_testkit::{EncodedStore, ReferenceStore};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinSet;

use crate::storm::Copy;

const CALLERS: usize = 10_000;

/// The stores on which every test here runs.
fn stores() -> [(&'static str, Store); 3] {
    let embedded = EmbeddedStore::builder().build().expect("a store");
    [
        ("reference", Arc::new(ReferenceStore::new(SystemClock))),
        ("embedded", embedded.into()),
        (
            "encoded, with leases",
            Arc::new(EncodedStore::new(SystemClock, larder_core::codec::Bincode)),
        ),
    ]
}

async fn cache(store: Store) -> Cache<Copy> {
    Cache::builder(store).build().await.expect("a cache")
}

/// How a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Brings,
    Panics,
}

/// A loader that counts its calls and ends when it is let go.
#[derive(Clone, Default)]
struct Slow {
    calls: Arc<AtomicU64>,
    called: Arc<Notify>,
    go: Arc<Notify>,
}

impl Slow {
    async fn load(self, id: u64, end: End) -> Result<Copy, io::Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.called.notify_one();
        self.go.notified().await;
        assert!(end == End::Brings, "the loader breaks down");
        Ok(Copy { id, version: 1 })
    }

    fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }
}

type Answer = larder::Result<Option<Arc<Copy>>>;

/// Callers that ask at once; ready when every one of them has asked for the first time.
async fn callers(cache: &Cache<Copy>, slow: &Slow, end: End) -> JoinSet<Answer> {
    let mut callers = JoinSet::new();
    let mut asked = Vec::new();
    for _ in 0..CALLERS {
        let (cache, slow) = (cache.clone(), slow.clone());
        let (tell, told) = oneshot::channel();
        asked.push(told);
        callers.spawn(async move {
            let load = move |id| slow.load(id, end);
            let mut answer = Box::pin(cache.get_or_load(&7, load));
            let mut tell = Some(tell);
            std::future::poll_fn(move |context| {
                let polled = answer.as_mut().poll(context);
                if let Some(tell) = tell.take() {
                    tell.send(()).expect("the test waits");
                }
                polled
            })
            .await
        });
    }
    for told in asked {
        told.await.expect("a caller");
    }
    callers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_of_one_cold_key_cause_one_load() {
    for (name, store) in stores() {
        let (cache, slow) = (cache(store).await, Slow::default());
        let mut callers = callers(&cache, &slow, End::Brings).await;
        slow.called.notified().await;
        slow.go.notify_one();
        let mut answered = 0;
        while let Some(answer) = callers.join_next().await {
            let answer = answer.expect("no panics").expect("an answer");
            assert_eq!(answer.as_deref(), Some(&Copy { id: 7, version: 1 }));
            answered += 1;
        }
        println!(
            "{name}: {answered} callers of one cold key, {} load",
            slow.calls()
        );
        assert_eq!((answered, slow.calls()), (CALLERS, 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_leader_leaves_one_load_and_answers_for_all() {
    for (name, store) in stores() {
        let (cache, slow) = (cache(store).await, Slow::default());
        let (leading, slowly) = (cache.clone(), slow.clone());
        let leader = tokio::spawn(async move {
            let load = move |id| slowly.load(id, End::Brings);
            leading.get_or_load(&7, load).await
        });
        slow.called.notified().await;
        let mut callers = callers(&cache, &slow, End::Brings).await;
        leader.abort();
        assert!(leader.await.expect_err("it was cancelled").is_cancelled());
        slow.go.notify_one();
        let mut answered = 0;
        while let Some(answer) = callers.join_next().await {
            let answer = answer.expect("no panics").expect("an answer");
            assert_eq!(answer.as_deref(), Some(&Copy { id: 7, version: 1 }));
            answered += 1;
        }
        println!(
            "{name}: leader cancelled, {answered} answered, {} load",
            slow.calls()
        );
        assert_eq!((answered, slow.calls()), (CALLERS, 1));
        let kept = cache.get(&7).await.expect("a read");
        assert!(kept.is_some(), "what was loaded is stored all the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_panic_of_the_leader_is_an_error_to_all_and_the_next_call_loads() {
    for (name, store) in stores() {
        let (cache, slow) = (cache(store).await, Slow::default());
        let mut callers = callers(&cache, &slow, End::Panics).await;
        slow.called.notified().await;
        slow.go.notify_one();
        let mut failed = 0;
        while let Some(answer) = callers.join_next().await {
            let error = answer.expect("no panics").expect_err("an error");
            assert_eq!(error.kind(), ErrorKind::Loader);
            assert!(
                error.to_string().contains("the loader breaks down"),
                "{error}"
            );
            failed += 1;
        }
        println!(
            "{name}: leader panicked, {failed} got the error, {} load",
            slow.calls()
        );
        assert_eq!((failed, slow.calls()), (CALLERS, 1));
        slow.go.notify_one();
        let next = cache.get_or_load(&7, move |id| slow.load(id, End::Brings));
        let next = next.await.expect("an answer");
        assert_eq!(next.as_deref(), Some(&Copy { id: 7, version: 1 }));
    }
}
