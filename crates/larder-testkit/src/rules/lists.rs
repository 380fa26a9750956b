//! Lists: from the cache where it is known to hold all of one, and never a part for the whole.

use std::sync::Arc;
use std::time::Duration;

use larder_core::ErrorKind;
use larder_core::{
    Cache, Extent, FillContext, Filter, Page, Policy, PutOptions, Result, Total, Truncation,
};

use super::asking::refusal;
use super::source::{Card, Source, at, builder, card, cards};
use crate::conformance::Harness;

fn ids(page: &Page<Arc<Card>>) -> Vec<u64> {
    page.items.iter().map(|card| card.id).collect()
}

async fn team(cache: &Cache<Card>, source: &Source, team: u32) -> Page<Arc<Card>> {
    let load = source.all(move |card| card.team == Some(team));
    cache.find(|c| c.team.eq(team)).or_load(load).await.unwrap()
}

/// A list is loaded once, and is then answered from the cache, with what was written since.
pub async fn a_list_is_loaded_once(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    for _ in 0..3 {
        let page = team(&cache, &source, 1).await;
        assert_eq!(
            (ids(&page), page.extent),
            (vec![1, 4, 7], Extent::Exhausted)
        );
    }
    assert_eq!(source.loads(), 1);
    // Writes end nothing: what comes in is in the answer, what is changed is not.
    let new = Card {
        team: Some(1),
        ..card(20)
    };
    cache.put(new).await.unwrap();
    cache
        .put(Card {
            team: None,
            ..card(4)
        })
        .await
        .unwrap();
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 7, 20]);
    assert_eq!(source.loads(), 1);
    assert_eq!(cache.stats().await.unwrap().loads.lists_covered, 3);
}

/// The page is of the whole list, in its order, with its total, and its cursor goes on.
pub async fn a_list_is_paged_like_any_other(harness: Harness) {
    for warm in [true, false] {
        let (cache, source) = (cards(&harness).await, Source::of(1..10));
        cache.clear().await.unwrap();
        let find = || {
            cache
                .find(|c| c.team.is_some())
                .sort(|c| c.name.desc())
                .limit(2)
        };
        let load = || {
            let all = source.all(|card| card.team.is_some());
            // Not stored, so that the pages are made of what was loaded.
            move |fill: FillContext<Card>| {
                if !warm {
                    fill.do_not_store();
                }
                all()
            }
        };
        let policy = Policy::default();
        let page = find()
            .with_total()
            .or_load_with(&policy, load())
            .await
            .unwrap();
        assert_eq!(ids(&page), [8, 7]);
        assert_eq!(page.total, Some(Total::Exact(6)));
        assert_eq!(page.extent, Extent::Truncated(Truncation::Limit));
        let next = find()
            .after(page.next.unwrap())
            .or_load_with(&policy, load())
            .await;
        assert_eq!(ids(&next.unwrap()), [5, 4]);
        let offset = find()
            .offset(4)
            .or_load_with(&policy, load())
            .await
            .unwrap();
        assert_eq!(
            (ids(&offset), offset.extent),
            (vec![2, 1], Extent::Exhausted)
        );
        assert_eq!(source.loads(), if warm { 1 } else { 3 });
    }
}

/// What a loader leaves out, by its own account, is never told as the whole, and is asked for
/// again.
pub async fn what_is_left_out_is_said(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    let policy = Policy::default();
    for _ in 0..2 {
        let some = source.all(|card| card.id == 1);
        let load = move |fill: FillContext<Card>| {
            fill.truncated();
            some()
        };
        let find = cache.find(|c| c.team.eq(1)).with_total();
        let page = find.or_load_with(&policy, load).await.unwrap();
        assert_eq!(ids(&page), [1]);
        assert_eq!(page.extent, Extent::Truncated(Truncation::Source));
        assert_eq!(page.total, Some(Total::AtLeast(1)));
    }
    assert_eq!(source.loads(), 2);
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7]);
}

/// A removal, an expiry or an invalidation, of whatever id, ends what is known of lists.
pub async fn whatever_is_removed_ends_what_is_known(harness: Harness) {
    let cache = builder(&harness)
        .ttl(Duration::from_secs(100))
        .build()
        .await
        .unwrap();
    for way in [
        "remove", "absent", "expire", "tag", "filter", "clear", "time",
    ] {
        let source = Source::of(1..10);
        cache.clear().await.unwrap();
        assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7], "{way}");
        source.delete(4);
        source.set(Card {
            team: Some(1),
            ..card(20)
        });
        match way {
            "remove" => assert!(cache.remove(&4).await.unwrap()),
            "absent" => assert!(!cache.remove(&20).await.unwrap()),
            "expire" => assert!(cache.expire(&4).await.unwrap()),
            "tag" => assert_eq!(cache.remove_tagged(["t"]).await.unwrap(), 0),
            "filter" => assert_eq!(cache.invalidate_where(|c| c.team.eq(2)).await.unwrap(), 0),
            "clear" => cache.clear().await.unwrap(),
            _ => harness.clock().advance(Duration::from_secs(100)),
        }
        let page = team(&cache, &source, 1).await;
        // Also where the cache was not told of what the source has no more.
        let expected = [1, 7, 20];
        assert_eq!(ids(&page), expected, "{way}");
        assert_eq!(source.loads(), 2, "{way}");
    }
}

/// A list is answered from a wider one that is known: the whole model, one of its conditions, or
/// an interval around its own.
pub async fn a_wider_list_covers_a_narrower_one(harness: Harness) {
    let cache = cards(&harness).await;
    let never = || std::future::ready(Err::<Vec<Card>, _>(std::io::Error::other("not known")));
    let source = Source::of(1..10);
    team(&cache, &source, 1).await;
    let narrower = cache.find(|c| c.team.eq(1) & c.name.eq("card 4"));
    assert_eq!(ids(&narrower.or_load(never).await.unwrap()), [4]);
    let other = cache.find(|c| c.team.eq(2) & c.name.eq("card 4"));
    refusal(
        other.or_load(never).await,
        ErrorKind::Loader,
        "the loader failed",
    );
    // Known by a page alone it is not.
    let either = cache.find(|c| c.team.eq(1) | c.name.eq("card 4"));
    refusal(
        either.or_load(never).await,
        ErrorKind::Loader,
        "the loader failed",
    );

    cache.clear().await.unwrap();
    let load = source.all(|card| (1..=5).contains(&card.version));
    assert_eq!(
        cache
            .find(|c| c.version.between(1..=5))
            .warm(load)
            .await
            .unwrap(),
        9
    );
    let inner = cache.find(|c| c.version.between(2..=5) | c.version.ge(9));
    refusal(
        inner.or_load(never).await,
        ErrorKind::Loader,
        "the loader failed",
    );
    let inner = cache
        .find(|c| c.version.between(2..=5) & c.team.eq(1))
        .or_load(never)
        .await;
    assert_eq!(ids(&inner.unwrap()), [0; 0]);
    let inner = cache
        .find(|c| c.version.between(1..=3))
        .limit(2)
        .or_load(never)
        .await;
    assert_eq!(ids(&inner.unwrap()), [1, 2]);
    let across = cache
        .find(|c| c.version.between(1..=6))
        .or_load(never)
        .await;
    refusal(across, ErrorKind::Loader, "the loader failed");

    cache.clear().await.unwrap();
    assert_eq!(cache.warm_all(source.all(|_| true)).await.unwrap(), 9);
    let any = cache
        .find(|c| c.team.eq(2) | c.name.starts_with("card 9"))
        .or_load(never)
        .await;
    assert_eq!(ids(&any.unwrap()), [2, 5, 8, 9]);
    assert_eq!(cache.warm_all(never).await.unwrap(), 9);
}

/// A list that a write overtakes while it is loaded has what was written.
pub async fn a_write_overtakes_a_list(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    source.hold();
    source.forget_begun();
    let list = begin(&cache, &source);
    source.begun().await;
    // Written in the source and in the cache, after the source was read.
    let moved = Card {
        team: None,
        version: 2,
        ..card(4)
    };
    source.set(moved.clone());
    cache.put(moved).await.unwrap();
    source.release();
    let page = list.await.unwrap().unwrap();
    assert_eq!(ids(&page), [1, 7]);
    let there = cache.get(&4).await.unwrap();
    assert_eq!(there.map(|card| card.version), Some(2));
    // All of it is in the cache: what was loaded, and what was written.
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 7]);
    assert_eq!(source.loads(), 1);
}

fn begin(cache: &Cache<Card>, source: &Source) -> tokio::task::JoinHandle<Result<Page<Arc<Card>>>> {
    let (cache, load) = (cache.clone(), source.all(|card| card.team == Some(1)));
    tokio::spawn(async move { cache.find(|c| c.team.eq(1)).or_load(load).await })
}

/// A removal that overtakes a list while it is loaded keeps what it removed from being stored,
/// and the list from being known.
pub async fn a_removal_overtakes_a_list(harness: Harness) {
    let cache = cards(&harness).await;
    for way in ["id", "tag", "filter"] {
        let source = Source::of(1..10);
        cache.clear().await.unwrap();
        source.hold();
        source.forget_begun();
        let list = begin(&cache, &source);
        source.begun().await;
        source.set(at(4, 2));
        match way {
            "id" => assert!(!cache.remove(&4).await.unwrap()),
            "tag" => assert_eq!(cache.remove_tagged(["t"]).await.unwrap(), 0),
            _ => assert_eq!(
                cache
                    .invalidate_where(|c| c.name.eq("card 4"))
                    .await
                    .unwrap(),
                0
            ),
        }
        source.release();
        assert_eq!(ids(&list.await.unwrap().unwrap()), [1, 4, 7], "{way}");
        let stale = cache
            .get(&4)
            .await
            .unwrap()
            .filter(|card| card.version == 1);
        // A server cannot tell whom an invalidation by tag does not mean, of what has no lease.
        let untold = way == "tag" && cache.store().leases().is_some();
        assert!(stale.is_some() == (way == "tag") || untold, "{way}");
        assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7], "{way}");
        assert_eq!(source.loads(), 2, "{way}");
        assert_eq!(
            cache.get(&4).await.unwrap().as_deref(),
            Some(&at(4, 2)),
            "{way}"
        );
    }
}

/// What the source has changed and the cache has not been told of yet is not mixed with what is
/// loaded: found by the race suite.
pub async fn a_list_is_of_one_moment(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    cache.put(card(1)).await.unwrap();
    cache.put(card(4)).await.unwrap();
    for id in [1, 4, 7] {
        source.set(Card {
            team: Some(2),
            ..card(id)
        });
    }
    assert_eq!(ids(&team(&cache, &source, 1).await), [0; 0]);
    assert_eq!(ids(&team(&cache, &source, 1).await), [0; 0]);
    assert_eq!(source.loads(), 2);
    cache.invalidate_where(|c| c.team.eq(1)).await.unwrap();
    assert_eq!(ids(&team(&cache, &source, 1).await), [0; 0]);
    assert_eq!(ids(&team(&cache, &source, 1).await), [0; 0]);
    assert_eq!(source.loads(), 3);
}

/// However many ask for a list at once, it is loaded once; behind a write it is loaded afresh.
pub async fn callers_of_one_list_share_one_load(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    source.hold();
    source.forget_begun();
    let first = begin(&cache, &source);
    source.begun().await;
    let others: Vec<_> = (0..10).map(|_| begin(&cache, &source)).collect();
    while cache.stats().await.unwrap().loads.waiters < 10 {
        tokio::task::yield_now().await;
    }
    assert!(!cache.remove(&99).await.unwrap());
    source.set(Card {
        team: Some(1),
        ..card(20)
    });
    let behind = begin(&cache, &source);
    source.begun().await;
    source.release();
    assert_eq!(ids(&first.await.unwrap().unwrap()), [1, 4, 7]);
    // Where other programs may have removed it before they joined, they ask again.
    let shared = harness.expected().leases;
    for task in others {
        let seen = ids(&task.await.unwrap().unwrap());
        match shared {
            true => assert_eq!(seen, [1, 4, 7, 20]),
            false => assert_eq!(seen, [1, 4, 7]),
        }
    }
    assert_eq!(ids(&behind.await.unwrap().unwrap()), [1, 4, 7, 20]);
    assert!(source.loads() == 2 || (shared && source.loads() == 3));
}

/// What a list's loader says of tags and lifetimes goes for each of its rows.
pub async fn rows_of_lists_have_what_their_loader_says(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    let policy = Policy::builder().jitter(0.0).build().unwrap();
    let all = source.all(|_| true);
    let load = move |fill: FillContext<Card>| {
        fill.tag_by(|card| vec![format!("team {:?}", card.team)]);
        fill.set_ttl(Duration::from_secs(5));
        all()
    };
    let page = cache
        .find(|_| Filter::all())
        .or_load_with(&policy, load)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 9);
    assert_eq!(cache.remove_tagged(["team Some(1)"]).await.unwrap(), 3);
    assert_eq!(cache.count().await.unwrap(), 6);
    harness.clock().advance(Duration::from_secs(5));
    assert_eq!(cache.count().await.unwrap(), 0);
}

/// A list with an object that lives shorter than the rest is known no longer than that.
pub async fn the_first_to_expire_ends_what_is_known(harness: Harness) {
    let cache = builder(&harness)
        .ttl(Duration::from_secs(100))
        .build()
        .await
        .unwrap();
    let source = Source::of(1..10);
    team(&cache, &source, 1).await;
    let short = PutOptions::default().with_ttl(Duration::from_secs(10));
    let new = Card {
        team: Some(1),
        ..card(20)
    };
    cache.put_with(new, short).await.unwrap();
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7, 20]);
    harness.clock().advance(Duration::from_secs(10));
    source.set(Card {
        team: Some(1),
        ..card(20)
    });
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7, 20]);
    assert_eq!(source.loads(), 2);
}

/// Rows that end at once are answered, and their list is not known.
pub async fn a_list_that_ends_at_once_is_not_known(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    let policy = Policy::default();
    for loads in 1..3 {
        let all = source.all(|card| card.team == Some(1));
        let load = move |fill: FillContext<Card>| {
            fill.set_ttl(Duration::ZERO);
            all()
        };
        let page = cache
            .find(|c| c.team.eq(1))
            .or_load_with(&policy, load)
            .await
            .unwrap();
        assert_eq!(ids(&page), [1, 4, 7]);
        assert_eq!(source.loads(), loads);
    }
    // The same of a row that comes into a known list.
    team(&cache, &source, 1).await;
    let gone = PutOptions::default().with_ttl(Duration::ZERO);
    let new = Card {
        team: Some(1),
        ..card(20)
    };
    source.set(new.clone());
    cache.put_with(new, gone).await.unwrap();
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7, 20]);
}

/// While a writer's fence stands nothing becomes known of lists: the writer may die behind it, and
/// his row never be told of.
pub async fn nothing_is_known_behind_a_fence(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    let writer = cards(&harness.another()).await;
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7]);
    let fence = writer.fence(&[20], Duration::from_secs(10)).await.unwrap();
    for loads in [2, 3] {
        assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7]);
        assert_eq!(source.loads(), loads);
    }
    // The writer has written, and dies.
    source.set(Card {
        team: Some(1),
        ..card(20)
    });
    drop(fence);
    harness.clock().advance(Duration::from_secs(10));
    for _ in 0..2 {
        assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7, 20]);
        assert_eq!(source.loads(), 4);
    }
}

/// A failed load of a list fails all who wait, and the next caller loads.
pub async fn a_failed_list_fails_all_who_wait(harness: Harness) {
    let (cache, source) = (cards(&harness).await, Source::of(1..10));
    source.fail(true);
    let load = source.all(|_| true);
    let failed = cache.find(|_| Filter::all()).or_load(load).await;
    refusal(failed, ErrorKind::Loader, "the loader failed");
    source.fail(false);
    assert_eq!(ids(&team(&cache, &source, 1).await), [1, 4, 7]);
    let load = source.all(|_| true);
    let truncated = move || {
        let all = load();
        async move {
            all.await
                .map(|rows| rows.into_iter().take(0).collect::<Vec<Card>>())
        }
    };
    // A loader that leaves out in silence is believed; one that panics is not.
    assert_eq!(
        cache.find(|c| c.team.eq(2)).warm(truncated).await.unwrap(),
        0
    );
}
