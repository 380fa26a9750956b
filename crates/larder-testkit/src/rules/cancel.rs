//! Futures that are dropped, before their first poll or after it, leave the store whole.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use larder_core::{Aggregate, Cache, Change, Filter};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "doc")]
struct Doc {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    state: String,
}

fn doc(id: u64, state: &str) -> Doc {
    Doc {
        id,
        state: state.to_owned(),
    }
}

/// A waker that wakes nobody.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polls the future once and drops it; says whether it was done by then.
fn poll_once(future: impl Future) -> bool {
    let waker = Waker::from(Arc::new(Nobody));
    matches!(
        pin!(future).poll(&mut Context::from_waker(&waker)),
        Poll::Ready(_)
    )
}

async fn docs(harness: &Harness) -> Cache<Doc> {
    let cache: Cache<Doc> = harness.cache().await;
    let old = (0..10).map(|id| doc(id, "old"));
    cache.put_many(old).await.unwrap();
    cache
}

/// Each way to ask tells the same of every object: by id, by value, in order, in number.
async fn is_whole(harness: &Harness, cache: &Cache<Doc>) -> Vec<Arc<Doc>> {
    let ids: Vec<u64> = (0..20).collect();
    let got = cache.get_many(&ids).await.unwrap();
    let there: Vec<Arc<Doc>> = got.into_iter().flatten().collect();
    if harness.expected().query {
        assert_eq!(cache.all().await.unwrap(), there);
        assert_eq!(cache.count().await.unwrap(), there.len() as u64);
        for state in ["old", "new"] {
            let found = cache
                .find(|d| d.state.eq(state))
                .fetch()
                .await
                .unwrap()
                .items;
            let expected: Vec<_> = there
                .iter()
                .filter(|doc| doc.state == state)
                .cloned()
                .collect();
            assert_eq!(found, expected);
        }
    }
    let stats = cache.stats().await.unwrap();
    assert_eq!(stats.store.objects, there.len() as u64);
    there
}

/// Calls the macro's body with a future of each operation in turn.
macro_rules! each_write {
    ($cache:ident, |$future:ident| $body:expr) => {{
        let ids: Vec<u64> = (0..10).collect();
        let old: [&str; 1] = ["old"];
        macro_rules! with {
            ($operation:expr) => {{
                let $future = $operation;
                $body
            }};
        }
        with!($cache.put(doc(1, "new")));
        with!($cache.put_many((5..15).map(|id| doc(id, "new"))));
        with!($cache.remove(&2));
        with!($cache.remove_many(&ids));
        with!($cache.touch(&3, Duration::from_secs(1)));
        with!($cache.update(&4, |doc| doc.state = "new".to_owned()));
        let patch = DocPatch {
            state: Change::Set("new".to_owned()),
        };
        with!($cache.patch(&5, patch));
        with!(
            $cache
                .find(|d| d.state.in_(old))
                .update(|doc| doc.state = "new".to_owned())
        );
        with!($cache.find(|d| d.state.in_(old)).remove());
        with!($cache.clear());
    }};
}

/// A write whose future was never polled has not happened.
pub async fn a_write_never_polled_has_not_happened(harness: Harness) {
    let cache = docs(&harness).await;
    let before = is_whole(&harness, &cache).await;
    each_write!(cache, |future| {
        drop(future);
        assert_eq!(is_whole(&harness, &cache).await, before);
    });
}

/// A write whose future was dropped after one poll has happened for each object, or not.
pub async fn a_write_dropped_after_one_poll_is_whole(harness: Harness) {
    let cache = docs(&harness).await;
    each_write!(cache, |future| {
        poll_once(future);
        for doc in is_whole(&harness, &cache).await {
            assert!(doc.state == "old" || doc.state == "new");
        }
        // And the store goes on: all is written over and found.
        cache.clear().await.unwrap();
        cache
            .put_many((0..10).map(|id| doc(id, "old")))
            .await
            .unwrap();
        let states = is_whole(&harness, &cache).await;
        assert!(states.len() == 10 && states.iter().all(|doc| doc.state == "old"));
    });
}

/// A read that is dropped changes nothing, and the next one is answered.
pub async fn a_read_dropped_changes_nothing(harness: Harness) {
    let cache = docs(&harness).await;
    let before = is_whole(&harness, &cache).await;
    for polled in [false, true] {
        macro_rules! drop_it {
            ($operation:expr) => {{
                let future = $operation;
                if polled {
                    poll_once(future);
                } else {
                    drop(future);
                }
                assert_eq!(is_whole(&harness, &cache).await, before);
            }};
        }
        let all = || cache.find(|_| Filter::all());
        drop_it!(cache.get(&1));
        drop_it!(cache.get_many(&[1, 2]));
        drop_it!(cache.contains(&1));
        drop_it!(cache.all());
        drop_it!(cache.stats());
        drop_it!(all().sort(|d| d.state.asc()).fetch());
        drop_it!(all().ids());
        drop_it!(all().count());
        drop_it!(all().facets(|d| d.state, 3));
        drop_it!(all().aggregate(|d| Aggregate::new().max(d.state)));
        drop_it!(harness.cache::<Doc>());
    }
}

/// Hundreds of dropped futures of one object do not keep it from being written.
pub async fn many_dropped_writes_of_one_object_hold_up_none(harness: Harness) {
    let cache = docs(&harness).await;
    for _ in 0..200 {
        poll_once(cache.put(doc(1, "new")));
        poll_once(cache.update(&1, |doc| doc.state = "new".to_owned()));
    }
    cache.put(doc(1, "old")).await.unwrap();
    let updated = cache.update(&1, |doc| doc.state.push('!')).await.unwrap();
    assert_eq!(updated.unwrap().state, "old!");
}
