//! Loads: once however many wait, whoever goes away, and never over what a write has done.

use std::sync::Arc;
use std::time::Duration;

use larder_core::store::{Selection, Want};
use larder_core::{Cache, ErrorKind, Fate, FillContext, Id as _, PutOptions, Result, Tags};

use super::asking::refusal;
use super::source::{Card, Source, at, builder, card, cards};
use crate::conformance::Harness;

type Answer = Result<Option<Arc<Card>>>;

/// Begins to load a card in a task, and waits until the source has been read.
async fn begin(cache: &Cache<Card>, source: &Source, id: u64) -> tokio::task::JoinHandle<Answer> {
    source.forget_begun();
    let task = follow(cache, source, id);
    source.begun().await;
    task
}

/// Asks for a card in a task.
fn follow(cache: &Cache<Card>, source: &Source, id: u64) -> tokio::task::JoinHandle<Answer> {
    let (cache, load) = (cache.clone(), source.one());
    tokio::spawn(async move { cache.get_or_load(&id, load).await })
}

/// Two callers that wait for one load.
async fn two(cache: &Cache<Card>, source: &Source) -> [tokio::task::JoinHandle<Answer>; 2] {
    source.hold();
    let first = begin(cache, source, 1).await;
    let second = follow(cache, source, 1);
    while cache.stats().await.unwrap().loads.waiters == 0 {
        tokio::task::yield_now().await;
    }
    [first, second]
}

async fn get(cache: &Cache<Card>, id: u64) -> Option<Card> {
    cache.get(&id).await.unwrap().map(Arc::unwrap_or_clone)
}

async fn loaded(cache: &Cache<Card>, source: &Source, id: u64) -> Option<Card> {
    let loaded = cache.get_or_load(&id, source.one()).await.unwrap();
    loaded.map(Arc::unwrap_or_clone)
}

/// What is not there is loaded, answered and stored; what is there is not loaded.
pub async fn a_miss_is_loaded_and_a_hit_is_not(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    assert_eq!(get(&cache, 1).await, Some(card(1)));
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    assert_eq!(source.loads(), 1);
    let stats = cache.stats().await.unwrap();
    assert_eq!((stats.loads.finished, stats.loads.failed), (1, 0));
    assert_eq!((stats.hits, stats.misses), (2, 1));
}

/// What the loader does not find is remembered, is no row, and gives way to a write.
pub async fn an_absence_is_remembered_and_is_no_row(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([]));
    for _ in 0..3 {
        assert_eq!(loaded(&cache, &source, 1).await, None);
        assert_eq!(get(&cache, 1).await, None);
    }
    assert_eq!(source.loads(), 1);
    assert_eq!(cache.stats().await.unwrap().store.objects, 0);
    cache.put(card(1)).await.unwrap();
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    assert!(cache.remove(&1).await.unwrap());
    source.set(at(1, 2));
    assert_eq!(loaded(&cache, &source, 1).await, Some(at(1, 2)));
}

/// However many ask for a key at once, it is loaded once.
pub async fn callers_of_one_key_share_one_load(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    source.hold();
    let first = begin(&cache, &source, 1).await;
    let others: Vec<_> = (0..20).map(|_| follow(&cache, &source, 1)).collect();
    while cache.stats().await.unwrap().loads.waiters < 20 {
        tokio::task::yield_now().await;
    }
    source.release();
    for task in others.into_iter().chain([first]) {
        let answer = task.await.unwrap().unwrap();
        assert_eq!(answer.as_deref(), Some(&card(1)));
    }
    assert_eq!(source.loads(), 1);
}

/// A caller that goes away takes nothing with it: the load goes on and is stored.
pub async fn a_load_goes_on_when_its_caller_is_dropped(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    let [leader, other] = two(&cache, &source).await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    source.release();
    assert_eq!(other.await.unwrap().unwrap().as_deref(), Some(&card(1)));
    assert_eq!(get(&cache, 1).await, Some(card(1)));
    assert_eq!(source.loads(), 1);
}

/// An error reaches all who wait; nothing is stored, and the next caller loads.
pub async fn a_failed_load_fails_all_who_wait(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    source.fail(true);
    let waiting = two(&cache, &source).await;
    source.release();
    for task in waiting {
        let error = refusal(task.await.unwrap(), ErrorKind::Loader, "the loader failed");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("the source is down"));
        assert_eq!(error.model(), Some("loaded"));
    }
    source.fail(false);
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    assert_eq!(source.loads(), 2);
    assert_eq!(cache.stats().await.unwrap().loads.failed, 1);
}

/// A panic of a loader is an error to all who wait, and the next caller loads.
pub async fn a_panicking_load_fails_all_who_wait(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    source.panic(true);
    let waiting = two(&cache, &source).await;
    source.release();
    for task in waiting {
        refusal(task.await.unwrap(), ErrorKind::Loader, "as it was told to");
    }
    source.panic(false);
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    let load = |id: u64| {
        assert!(id == 1, "before there is a future");
        std::future::ready(Ok::<_, std::io::Error>(card(id)))
    };
    refusal(
        cache.get_or_load(&2, load).await,
        ErrorKind::Loader,
        "before there is a future",
    );
    assert_eq!(source.loads(), 2);
}

/// A panic in what a loader says of its object is an error to who waits, and nothing is stored.
pub async fn a_panic_in_what_a_loader_says_fails_all_who_wait(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    let policy = larder_core::Policy::default();
    let say = |fill: &FillContext<Card>| fill.tag_by(|card| panic!("no tag for {}", card.id));
    let load = source.one_saying(say);
    let loaded = cache.get_or_load_with(&1, &policy, load).await;
    refusal(loaded, ErrorKind::Loader, "no tag for 1");
    assert_eq!(get(&cache, 1).await, None);
}

/// A store that was closed is no store that is away: nothing is loaded past it.
pub async fn a_closed_store_is_an_error_of_loads(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    cache.store().close().await.unwrap();
    let loaded = cache.get_or_load(&1, source.one()).await;
    assert_eq!(loaded.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(source.loads(), 0);
}

/// What is as new as what is known is stored anew: it lives on.
pub async fn an_unchanged_version_is_loaded_anew(harness: Harness) {
    let policy = larder_core::Policy::for_database_rows().jitter(0.0).build();
    let cache = builder(&harness)
        .ttl(Duration::from_secs(10))
        .policy(policy.unwrap());
    let cache = cache.build().await.unwrap();
    let source = Source::of([1]);
    let load = || source.one_saying(|fill| fill.version_by(|card| card.version));
    let policy = larder_core::Policy::for_database_rows().build().unwrap();
    for loads in 1..4 {
        let loaded = cache.get_or_load_with(&1, &policy, load()).await.unwrap();
        assert_eq!(loaded.as_deref(), Some(&card(1)));
        assert_eq!(get(&cache, 1).await, Some(card(1)));
        assert_eq!(source.loads(), loads);
        harness.clock().advance(Duration::from_secs(10));
    }
    assert_eq!(cache.stats().await.unwrap().loads.rejected.older, 0);
}

/// An update of what is not there tells that its source has changed: no load from before is stored.
pub async fn an_update_of_nothing_overtakes_a_load(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    source.hold();
    let load = begin(&cache, &source, 1).await;
    source.set(at(1, 2));
    assert_eq!(
        cache.update(&1, |card| card.version = 2).await.unwrap(),
        None
    );
    source.release();
    assert_eq!(load.await.unwrap().unwrap().as_deref(), Some(&at(1, 1)));
    assert_eq!(get(&cache, 1).await, None);
}

/// An object under another id than the one asked for is refused, and nothing is stored.
pub async fn an_object_of_another_id_is_refused(harness: Harness) {
    let cache = cards(&harness).await;
    let load = |_| std::future::ready(Ok::<_, std::io::Error>(card(2)));
    refusal(
        cache.get_or_load(&1, load).await,
        ErrorKind::InvalidModel,
        "not asked for",
    );
    let load = |_| std::future::ready(Ok::<_, std::io::Error>(vec![card(1), card(2)]));
    let loaded = cache.get_or_load_many(&[1], load).await;
    refusal(loaded, ErrorKind::InvalidModel, "not asked for");
    assert_eq!(cache.stats().await.unwrap().store.objects, 0);
}

/// A batch is answered in the order asked, and loads what is missing in one call.
pub async fn a_batch_loads_what_is_missing_in_one_call(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1, 2, 3, 5]));
    cache.put(at(2, 7)).await.unwrap();
    let ids = [3, 2, 4, 1, 3];
    for _ in 0..2 {
        let loaded = cache.get_or_load_many(&ids, source.some()).await.unwrap();
        let loaded: Vec<Option<Card>> = loaded
            .into_iter()
            .map(|card| card.map(Arc::unwrap_or_clone))
            .collect();
        let expected = [
            Some(card(3)),
            Some(at(2, 7)),
            None,
            Some(card(1)),
            Some(card(3)),
        ];
        assert_eq!(loaded, expected);
    }
    assert_eq!(source.loads(), 1);
    assert!(
        cache
            .get_or_load_many(&[0_u64; 0], source.some())
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(source.loads(), 1);
}

/// A batch waits for what somebody else is loading, and loads only the rest.
pub async fn a_batch_joins_loads_on_their_way(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1, 2]));
    source.hold();
    let single = begin(&cache, &source, 1).await;
    let batch = {
        let (cache, load) = (cache.clone(), source.some());
        tokio::spawn(async move { cache.get_or_load_many(&[1, 2], load).await })
    };
    source.begun().await;
    assert_eq!(cache.stats().await.unwrap().loads.waiters, 1);
    source.release();
    let loaded = batch.await.unwrap().unwrap();
    assert_eq!(loaded, [Some(Arc::new(card(1))), Some(Arc::new(card(2)))]);
    assert!(single.await.unwrap().unwrap().is_some());
    assert_eq!(source.loads(), 2);
}

/// What a write of the same id overtakes is answered to those who waited, and not stored.
pub async fn what_a_write_overtakes_is_not_stored(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    source.hold();
    for (count, write) in (1..).zip(["put", "put_many", "update", "remove", "expire"]) {
        cache.clear().await.unwrap();
        source.set(at(1, 1));
        let load = begin(&cache, &source, 1).await;
        source.set(at(1, 2));
        match write {
            "put" => cache.put(at(1, 2)).await.unwrap(),
            "put_many" => cache.put_many([at(1, 2), card(9)]).await.unwrap(),
            "update" => {
                cache.put(at(1, 3)).await.unwrap();
                let changed = cache.update(&1, |card| card.version = 2).await.unwrap();
                assert!(changed.is_some());
            }
            "remove" => assert!(!cache.remove(&1).await.unwrap()),
            _ => assert!(!cache.expire(&1).await.unwrap()),
        }
        source.let_go();
        let answer = load.await.unwrap().unwrap();
        assert_eq!(answer.as_deref(), Some(&at(1, 1)), "{write}");
        let written = matches!(write, "put" | "put_many" | "update");
        assert_eq!(get(&cache, 1).await, written.then(|| at(1, 2)), "{write}");
        let rejected = cache.stats().await.unwrap().loads.rejected;
        assert_eq!(rejected.written, count, "{write}");
    }
}

/// What an invalidation by tag or filter means, once it is loaded, is answered and not stored;
/// what it does not mean is.
pub async fn what_an_invalidation_overtakes_is_not_stored(harness: Harness) {
    let cache = cards(&harness).await;
    for (invalidation, meant) in [
        ("its tag", true),
        ("another tag", false),
        ("its team", true),
        ("another team", false),
        ("all", true),
        ("expire all", true),
    ] {
        let source = Source::of([1]);
        source.hold();
        cache.clear().await.unwrap();
        let task = {
            let (cache, load) = (
                cache.clone(),
                source.one_saying(|fill| fill.add_tags(["t"])),
            );
            tokio::spawn(async move {
                let policy = larder_core::Policy::default();
                cache.get_or_load_with(&1, &policy, load).await
            })
        };
        source.begun().await;
        match invalidation {
            "its tag" => cache.remove_tagged(["x", "t"]).await.map(drop).unwrap(),
            "another tag" => cache.remove_tagged(["x"]).await.map(drop).unwrap(),
            "its team" => cache
                .invalidate_where(|c| c.team.eq(1))
                .await
                .map(drop)
                .unwrap(),
            "another team" => cache
                .find(|c| c.team.eq(2))
                .expire()
                .await
                .map(drop)
                .unwrap(),
            "all" => cache.clear().await.unwrap(),
            _ => cache.expire_all().await.map(drop).unwrap(),
        }
        source.release();
        assert!(task.await.unwrap().unwrap().is_some(), "{invalidation}");
        // No script of a server can tell what a filter means.
        let untold = invalidation == "another team" && cache.store().leases().is_some();
        let gone = get(&cache, 1).await.is_none();
        assert!(gone == meant || (gone && untold), "{invalidation}");
    }
    let rejected = cache.stats().await.unwrap().loads.rejected;
    assert_eq!(rejected.invalidated, 4);
}

/// Who asks behind a write or an invalidation does not get what was read before it.
pub async fn callers_behind_a_write_load_afresh(harness: Harness) {
    let cache = cards(&harness).await;
    for kind in ["remove", "tag"] {
        let source = Source::of([1]);
        source.hold();
        cache.clear().await.unwrap();
        let old = begin(&cache, &source, 1).await;
        source.set(at(1, 2));
        match kind {
            "remove" => assert!(!cache.remove(&1).await.unwrap()),
            _ => assert_eq!(cache.remove_tagged(["any"]).await.unwrap(), 0),
        }
        let new = begin(&cache, &source, 1).await;
        source.release();
        assert_eq!(
            new.await.unwrap().unwrap().as_deref(),
            Some(&at(1, 2)),
            "{kind}"
        );
        assert_eq!(
            old.await.unwrap().unwrap().as_deref(),
            Some(&at(1, 1)),
            "{kind}"
        );
        assert_eq!(get(&cache, 1).await, Some(at(1, 2)), "{kind}");
    }
}

/// An absence that a filter's invalidation overtakes is not remembered: what is there now may be
/// just what the filter means.
pub async fn an_absence_that_is_invalidated_is_forgotten(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([]));
    assert_eq!(loaded(&cache, &source, 1).await, None);
    source.set(card(1));
    assert_eq!(cache.invalidate_where(|c| c.team.eq(9)).await.unwrap(), 0);
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    source.delete(2);
    source.hold();
    let load = begin(&cache, &source, 2).await;
    source.set(card(2));
    assert_eq!(cache.invalidate_where(|c| c.team.eq(9)).await.unwrap(), 0);
    source.release();
    assert_eq!(load.await.unwrap().unwrap(), None);
    assert_eq!(loaded(&cache, &source, 2).await, Some(card(2)));
}

/// Two caches of one model on one store share their loads, and cancel each other's.
pub async fn caches_of_one_model_share_their_loads(harness: Harness) {
    let (one, other) = (cards(&harness).await, cards(&harness).await);
    let source = Source::of([1, 2]);
    source.hold();
    let first = begin(&one, &source, 1).await;
    let second = follow(&other, &source, 1);
    while other.stats().await.unwrap().loads.waiters == 0 {
        tokio::task::yield_now().await;
    }
    other.put(at(1, 2)).await.unwrap();
    source.release();
    let first = first.await.unwrap().unwrap();
    assert_eq!(first.as_deref(), Some(&at(1, 1)));
    // Where other programs may have written before it joined, it has looked again.
    let seen = at(1, if harness.expected().leases { 2 } else { 1 });
    assert_eq!(second.await.unwrap().unwrap().as_deref(), Some(&seen));
    assert_eq!(get(&one, 1).await, Some(at(1, 2)));
    assert_eq!(source.loads(), 1);
}

/// More loads at a time than the cache allows are refused, and those on their way are joined.
pub async fn loads_are_bounded(harness: Harness) {
    let cache = builder(&harness).max_loads(1).build().await.unwrap();
    let source = Source::of([1, 2]);
    source.hold();
    let first = begin(&cache, &source, 1).await;
    let refused = cache.get_or_load(&2, source.one()).await;
    refusal(refused, ErrorKind::Overloaded, "max_loads");
    let second = follow(&cache, &source, 1);
    while cache.stats().await.unwrap().loads.waiters == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cache.stats().await.unwrap().loads.in_flight, 1);
    source.release();
    for task in [first, second] {
        assert!(task.await.unwrap().unwrap().is_some());
    }
    assert_eq!(loaded(&cache, &source, 2).await, Some(card(2)));
    let none = builder(&harness).max_loads(0).build().await;
    refusal(none, ErrorKind::InvalidConfig, "max_loads");
}

/// A reload loads what is fresh anew.
pub async fn reload_replaces_what_is_fresh(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    source.set(at(1, 2));
    let reloaded = cache.reload(&1, source.one_saying(|_| {})).await.unwrap();
    assert_eq!(reloaded.as_deref(), Some(&at(1, 2)));
    assert_eq!(get(&cache, 1).await, Some(at(1, 2)));
    source.delete(1);
    assert_eq!(
        cache.reload(&1, source.one_saying(|_| {})).await.unwrap(),
        None
    );
    assert_eq!(get(&cache, 1).await, None);
}

/// A loader says how long what it brings lives, under which tags, and at which version.
pub async fn a_loader_says_how_it_is_stored(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1, 2]));
    let policy = larder_core::Policy::builder().jitter(0.0).build().unwrap();
    let say = |fill: &FillContext<Card>| {
        fill.set_ttl(Duration::from_millis(500));
        fill.add_tags(["a"]);
        fill.tag_by(|card| vec![card.name.clone()]);
        fill.set_version(7);
    };
    cache
        .get_or_load_with(&1, &policy, source.one_saying(say))
        .await
        .unwrap();
    let keys = [1_u64.to_key()];
    let found = cache.store().get_many(cache.model(), &keys, Want::Fresh);
    let found = found.await.unwrap().pop().flatten().unwrap();
    assert_eq!(found.tags, Tags::new(["a", "card 1"]));
    assert_eq!(found.revision, Some(7));
    let later = cache
        .store()
        .now()
        .saturating_add(Duration::from_millis(500));
    assert_eq!(found.expires_at, Some(later));
    assert!(!cache.put_if_newer(at(1, 2), 7).await.unwrap().is_stored());
    harness.clock().advance(Duration::from_millis(500));
    assert_eq!(get(&cache, 1).await, None);
    let say = |fill: &FillContext<Card>| fill.do_not_store();
    let loaded = cache
        .get_or_load_with(&2, &policy, source.one_saying(say))
        .await;
    assert_eq!(loaded.unwrap().as_deref(), Some(&card(2)));
    assert_eq!(get(&cache, 2).await, None);
}

/// A loader that finds what is there to be right still has it stored anew.
pub async fn what_is_not_modified_lives_on(harness: Harness) {
    let policy = larder_core::Policy::builder()
        .ttl(Duration::from_secs(10))
        .jitter(0.0)
        .stale_if_error(Duration::from_secs(60))
        .build()
        .unwrap();
    let cache = builder(&harness).policy(policy).build().await.unwrap();
    let source = Source::of([1]);
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    harness.clock().advance(Duration::from_secs(20));
    assert_eq!(get(&cache, 1).await, None);
    let policy = larder_core::Policy::builder()
        .jitter(0.0)
        .stale_if_error(Duration::from_secs(60))
        .build()
        .unwrap();
    let load = |_, fill: FillContext<Card>| {
        assert_eq!(fill.stale().map(|stale| &**stale), Some(&card(1)));
        std::future::ready(Ok::<_, std::io::Error>(fill.not_modified()))
    };
    let answer = cache.get_or_load_with(&1, &policy, load).await.unwrap();
    assert_eq!(answer.as_deref(), Some(&card(1)));
    assert_eq!(get(&cache, 1).await, Some(card(1)));
}

/// What is loaded at an older version than is known is not stored, and callers get what is known:
/// the later object, or that it was deleted.
pub async fn an_older_version_is_not_loaded_over_a_later_one(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    let policy = larder_core::Policy::default();
    assert!(cache.put_if_newer(at(1, 9), 9).await.unwrap().is_stored());
    let say = |fill: &FillContext<Card>| fill.version_by(|card| card.version);
    let reloaded = cache.reload(&1, source.one_saying(say)).await.unwrap();
    assert_eq!(reloaded.as_deref(), Some(&at(1, 9)));
    assert!(cache.remove_if_newer(&1, 10).await.unwrap());
    let loaded = cache
        .get_or_load_with(&1, &policy, source.one_saying(say))
        .await
        .unwrap();
    assert_eq!(loaded, None, "it was deleted at a later version");
    assert_eq!(get(&cache, 1).await, None);
    assert_eq!(cache.stats().await.unwrap().loads.rejected.older, 2);
}

/// What is removed or invalidated in the store itself, past the cache, is loaded again.
pub async fn what_is_gone_from_the_store_is_loaded_again(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    let store = cache.store();
    let removed = store
        .remove_where(cache.model(), &Selection::All, Fate::Remove)
        .await;
    removed.unwrap();
    source.set(at(1, 2));
    assert_eq!(loaded(&cache, &source, 1).await, Some(at(1, 2)));
    assert_eq!(source.loads(), 2);
}

/// An object that was put with options is what loads find.
pub async fn loads_find_what_was_put(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of([1]));
    let options = PutOptions::default()
        .with_ttl(Duration::from_secs(1))
        .with_tags(["t"]);
    assert!(cache.put_with(at(1, 5), options).await.unwrap().is_stored());
    assert_eq!(loaded(&cache, &source, 1).await, Some(at(1, 5)));
    harness.clock().advance(Duration::from_secs(1));
    assert_eq!(loaded(&cache, &source, 1).await, Some(card(1)));
    assert_eq!(source.loads(), 1);
}
