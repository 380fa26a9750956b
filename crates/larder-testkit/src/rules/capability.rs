//! What a store says it can do, it can; what it says it cannot, it refuses.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use larder_core::store::{Model, Probe, Stored, Want};
use larder_core::{Cache, CacheModel as _, Clock as _, ErrorKind, Id as _};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::refusal;
use crate::conformance::{Harness, Need};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "card")]
struct Card {
    #[cache(id)]
    id: u64,
    text: String,
}

fn card(id: u64) -> Card {
    Card {
        id,
        text: format!("card {id}"),
    }
}

/// The capability that a store tells is the one that its tests expect, and never changes.
pub async fn a_store_says_of_itself_what_is_expected_of_it(harness: Harness) {
    assert_eq!(harness.store().capability(), harness.expected());
    let cache = harness.cache::<Card>().await;
    cache.put(card(1)).await.unwrap();
    assert_eq!(harness.store().capability(), harness.expected());
}

/// Each thing that a store may lack is answered where it is promised and `Unsupported` where it
/// is denied.
pub async fn what_is_promised_is_answered_and_what_is_denied_is_unsupported(harness: Harness) {
    for need in Need::ALL {
        if need.is_met_by(harness.expected()) {
            let answer = need.ask(&harness).await;
            assert!(
                answer.is_ok(),
                "{need:?} is promised and answers {answer:?}"
            );
        } else {
            need.must_be_unsupported(&harness).await;
        }
    }
}

/// A probe says `Miss` only where nothing behind the store could know more, and `Unknown` only
/// where something could.
pub async fn a_probe_tells_what_it_may_tell(harness: Harness) {
    let cache = harness.cache::<Card>().await;
    let authoritative = harness.expected().authoritative_probe;
    let probe = |id: u64, want| harness.store().probe(cache.model(), &id.to_key(), want);
    for want in [Want::Object, Want::Times, Want::Fresh, Want::Kept] {
        match probe(1, want) {
            Probe::Miss => assert!(authoritative, "this store may not know that"),
            Probe::Unknown => assert!(!authoritative, "this store has to know"),
            found => panic!("nothing was put, and there is {found:?}"),
        }
    }
    cache.put(card(1)).await.unwrap();
    for want in [Want::Object, Want::Times, Want::Fresh, Want::Kept] {
        match probe(1, want) {
            Probe::Hit(found) => assert!(found.version > 0),
            Probe::Live(object) => {
                assert_eq!(want, Want::Object);
                assert_eq!(object.id_key(), 1_u64.to_key());
            }
            Probe::Timed(object, times) => {
                assert_eq!(want, Want::Times);
                assert_eq!(object.id_key(), 1_u64.to_key());
                assert_eq!(times.expires_at, None);
            }
            Probe::Unknown => assert!(!authoritative, "this store has to know"),
            Probe::Miss => panic!("a miss of what was put"),
        }
    }
    let peeked = cache.peek(&1).map(|found| Card::clone(&found));
    assert!(peeked == Some(card(1)) || (peeked.is_none() && !authoritative));
    cache.remove(&1).await.unwrap();
    let gone = probe(1, Want::Object);
    assert!(
        !matches!(gone, Probe::Hit(_) | Probe::Live(_) | Probe::Timed(..)),
        "it was removed"
    );
    assert_eq!(cache.peek(&1), None);
}

/// A store of live objects hands out the very object that was put; another hands out its equal.
pub async fn a_live_object_is_the_very_one_that_was_put(harness: Harness) {
    let cache = harness.cache::<Card>().await;
    let put = Arc::new(card(1));
    cache.put(Arc::clone(&put)).await.unwrap();
    let got = cache.get(&1).await.unwrap().unwrap();
    assert_eq!(got, put);
    let keys = [put.id_key()];
    let found = harness.store().get_many(cache.model(), &keys, Want::Fresh);
    let found = found.await.unwrap().swap_remove(0).unwrap();
    match found.object {
        Stored::Live(object) => {
            assert!(harness.expected().live_objects, "objects are to be encoded");
            let object: Arc<dyn Any + Send + Sync> = object;
            assert!(Arc::ptr_eq(&object.downcast::<Card>().unwrap(), &put));
            assert!(Arc::ptr_eq(&got, &put));
        }
        Stored::Encoded(..) => assert!(!harness.expected().live_objects, "objects are to be live"),
        Stored::Absent => panic!("an object was put"),
    }
}

/// A model that the store never gave out is an `Internal` error, not an empty answer.
pub async fn a_model_of_another_store_is_refused(harness: Harness) {
    let cache: Cache<Card> = harness.cache().await;
    let foreign = Model::new(Arc::clone(cache.model().schema()), 4_000_000);
    let keys = [1_u64.to_key()];
    let got = harness.store().get_many(&foreign, &keys, Want::Fresh).await;
    refusal(got, ErrorKind::Internal, "another store");
    let stats = harness.store().stats(&foreign).await;
    refusal(stats, ErrorKind::Internal, "another store");
}

/// A store tells the time by the clock that it was given.
pub async fn the_time_of_a_store_is_that_of_its_clock(harness: Harness) {
    for passed in [0, 1, 999] {
        harness.clock().advance(Duration::from_millis(passed));
        assert_eq!(harness.store().now(), harness.clock().now());
    }
}
