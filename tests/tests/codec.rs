//! What a program sees of a model that its store's codec can write and not read.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use larder::{Cache, CacheModel, Store, codec};
use larder_testkit::{EncodedStore, ManualClock};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Price {
    Exact(i64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "article")]
struct Article {
    #[cache(id)]
    id: u64,
    price: Price,
}

fn article() -> Article {
    Article {
        id: 1,
        price: Price::Exact(3),
    }
}

async fn articles(codec: impl codec::Codec) -> Cache<Article> {
    let store: Store = Arc::new(EncodedStore::new(ManualClock::default(), codec));
    Cache::builder(store).build().await.unwrap()
}

#[tokio::test]
async fn a_type_that_the_codec_cannot_read_is_a_miss_that_says_why() {
    let cache = articles(codec::Bincode).await;
    cache.put(article()).await.unwrap();
    assert_eq!(cache.stats().await.unwrap().last_undecodable, None);
    assert_eq!(cache.get(&1).await.unwrap(), None);
    let stats = cache.stats().await.unwrap();
    assert_eq!(stats.undecodable, 1);
    let reason = stats.last_undecodable.unwrap();
    assert!(
        reason.starts_with("decode (model article): bincode: ") && reason.contains("Any"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_type_that_the_codec_reads_is_found_and_no_reason_is_given() {
    let cache = articles(codec::MessagePack).await;
    cache.put(article()).await.unwrap();
    let found = cache.get(&1).await.unwrap();
    assert_eq!(found.as_deref(), Some(&article()));
    let stats = cache.stats().await.unwrap();
    assert_eq!((stats.undecodable, stats.last_undecodable), (0, None));
}
