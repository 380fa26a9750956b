//! What is kept behind its expiry for loads to fall back on, and what is known to be absent: no
//! plain read, filter or count sees either.

use std::time::Duration;

use larder_core::store::{Fate, PutOutcome, Removal, Selection};
use larder_core::{Aggregate, Condition, Filter, Id as _, Lifetime, Tags};

use super::asking::means;
use super::raw::{PutExt as _, Raw, absent, ms, note, put};
use crate::conformance::Harness;

/// An object is kept behind its expiry as long as it was stored to be, and not a millisecond
/// longer; only loads are shown it.
pub async fn what_has_expired_is_kept_for_as_long_as_it_was_stored_to_be(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let start = raw.now();
    raw.store(put(1, "x").lives(10, 20)).await;
    raw.pass(9);
    assert!(raw.fresh(1).await.is_some());
    raw.pass(1);
    assert!(raw.is_stale(1).await);
    let kept = raw.kept(1).await.unwrap();
    assert_eq!(raw.read(&kept), note(1, "x"));
    assert_eq!(kept.expires_at, Some(start.saturating_add(ms(10))));
    assert_eq!(kept.stale_for, ms(20));
    raw.pass(19);
    assert!(raw.is_stale(1).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await);
}

/// What was stored without a fallback is gone when it expires, for loads too.
pub async fn what_was_stored_without_a_fallback_is_not_kept(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").lives(10, 0)).await;
    raw.store(put(2, "x").lives(0, 0)).await;
    assert!(raw.is_gone(2).await);
    raw.pass(9);
    assert!(raw.kept(1).await.is_some());
    raw.pass(1);
    assert!(raw.is_gone(1).await);
}

/// Of a fresh object a load is shown what everybody is.
pub async fn what_is_fresh_is_the_same_to_a_load(harness: Harness) {
    let raw = Raw::of(&harness).await;
    for (id, put) in [
        (1, put(1, "x")),
        (2, put(2, "x").lives(10, 10)),
        (3, put(3, "x").falls_back(10).tagged(&["a"])),
    ] {
        let version = raw.store(put).await;
        let (fresh, kept) = (raw.fresh(id).await.unwrap(), raw.kept(id).await.unwrap());
        assert_eq!(raw.read(&fresh), raw.read(&kept));
        for found in [fresh, kept] {
            assert_eq!(found.version, version);
            assert_eq!(found.created_at, raw.now());
            assert_eq!(found.expires_at.is_some(), id == 2);
            assert_eq!(found.stale_for, if id == 1 { ms(0) } else { ms(10) });
            assert_eq!(found.tags.as_slice().len(), usize::from(id == 3));
            assert_eq!((found.cost, found.revision), (Duration::ZERO, None));
        }
    }
}

/// An entry knows when it was written and how long its load took, until it is written again.
pub async fn an_entry_knows_its_writing_and_its_cost(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let start = raw.now();
    for (id, mut put) in [(1, put(1, "x").lives(50, 50)), (2, absent(2))] {
        put.cost = ms(7);
        raw.store(put).await;
        assert_eq!(raw.kept(id).await.unwrap().cost, ms(7));
    }
    raw.pass(5);
    assert!(raw.touch(1, Lifetime::For(ms(50))).await);
    for id in [1, 2] {
        let kept = raw.kept(id).await.unwrap();
        assert_eq!((kept.created_at, kept.cost), (start, ms(7)));
    }
    assert!(raw.expire(1).await);
    let kept = raw.kept(1).await.unwrap();
    assert_eq!((kept.created_at, kept.cost), (start, ms(7)));
    raw.store(put(1, "x")).await;
    let kept = raw.kept(1).await.unwrap();
    assert_eq!((kept.created_at, kept.cost), (raw.now(), ms(0)));
}

/// The end of a fallback that is beyond all time is no end.
pub async fn endless_fallbacks_do_not_wrap_around(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let mut endless = put(1, "x").lives(10, 0);
    endless.stale_for = Some(Duration::MAX);
    raw.store(endless).await;
    let mut expired = put(2, "x");
    expired.stale_for = Some(Duration::MAX);
    raw.store(expired).await;
    assert!(raw.expire(2).await);
    raw.pass(1_000_000_000_000);
    assert!(raw.is_stale(1).await);
    assert!(raw.is_stale(2).await);
}

/// What has expired at once is a fallback if it was stored with one, and replaces what was there.
pub async fn a_put_that_has_expired_at_once_is_a_fallback(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "old")).await;
    raw.store(put(1, "new").lives(0, 10)).await;
    assert!(raw.is_stale(1).await);
    assert_eq!(raw.read(&raw.kept(1).await.unwrap()), note(1, "new"));
    raw.pass(10);
    assert!(raw.is_gone(1).await);
}

/// To let an object expire leaves its fallback, for as long from now; to remove it does not.
pub async fn expire_leaves_a_fallback_and_remove_does_not(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let version = raw.store(put(1, "x").falls_back(20).tagged(&["a"])).await;
    raw.store(put(2, "x").lives(1_000, 20)).await;
    raw.store(put(3, "x").falls_back(20)).await;
    raw.pass(5);
    for id in [1, 2] {
        assert!(raw.expire(id).await);
        assert!(raw.is_stale(id).await);
        let kept = raw.kept(id).await.unwrap();
        assert_eq!(raw.read(&kept), note(id, "x"));
        assert_eq!(kept.expires_at, Some(raw.now()));
    }
    let kept = raw.kept(1).await.unwrap();
    assert_eq!(kept.version, version, "an expiry is no write");
    assert_eq!(kept.tags, Tags::new(["a"]));
    assert!(raw.remove(3).await);
    assert!(raw.is_gone(3).await);
    raw.pass(19);
    assert!(raw.is_stale(1).await && raw.is_stale(2).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await && raw.is_gone(2).await);
}

/// To let expire what was stored without a fallback is to remove it.
pub async fn expire_without_a_fallback_removes(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x")).await;
    assert!(raw.expire(1).await);
    assert!(raw.is_gone(1).await);
    assert!(!raw.expire(1).await);
    assert_eq!(raw.counts().await, [0, 0, 0]);
}

/// Only an object with the version that is named is made to expire.
pub async fn expire_with_another_version_leaves_the_object(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let version = raw.store(put(1, "x").falls_back(10)).await;
    let mut removal = Removal::new(1_u64.to_key());
    removal.fate = Fate::Expire;
    removal.if_version = Some(version + 1);
    assert!(!raw.remove_as(removal.clone()).await);
    assert!(raw.fresh(1).await.is_some());
    removal.if_version = Some(version);
    assert!(raw.remove_as(removal).await);
    assert!(raw.is_stale(1).await);
}

/// What is stale does not begin its time anew by being expired once more; removed it is gone.
/// Neither was a fresh object.
pub async fn what_is_stale_is_not_made_to_expire_again(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").lives(10, 20)).await;
    raw.store(put(2, "x").lives(10, 20)).await;
    raw.pass(15);
    let before = raw.kept(1).await.unwrap().expires_at;
    assert!(!raw.expire(1).await);
    assert_eq!(raw.kept(1).await.unwrap().expires_at, before);
    assert!(!raw.remove(2).await);
    assert!(raw.is_gone(2).await);
    raw.pass(14);
    assert!(raw.is_stale(1).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await);
}

/// A touch finds nothing where only something stale or absent is, and changes neither.
pub async fn what_is_stale_or_absent_cannot_be_touched(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").lives(10, 20)).await;
    raw.store(absent(2).lives(40, 0)).await;
    raw.pass(10);
    for lifetime in [Lifetime::Forever, Lifetime::For(ms(100)), Lifetime::Keep] {
        assert!(!raw.touch(1, lifetime).await);
        assert!(!raw.touch(2, lifetime).await);
    }
    raw.pass(19);
    assert!(raw.is_stale(1).await && raw.is_absent(2).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await && raw.is_absent(2).await);
    raw.pass(10);
    assert!(raw.is_gone(2).await);
}

/// A new lifetime moves the end of the fallback with it.
pub async fn touch_moves_the_fallback_too(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").lives(10, 20)).await;
    raw.store(put(2, "x").lives(10, 20)).await;
    raw.pass(5);
    assert!(raw.touch(1, Lifetime::For(ms(10))).await);
    assert!(raw.touch(2, Lifetime::For(ms(0))).await);
    assert!(raw.is_stale(2).await, "its lifetime ends at once");
    raw.pass(10);
    assert!(raw.is_stale(1).await);
    raw.pass(10);
    assert!(raw.is_gone(2).await);
    raw.pass(9);
    assert!(raw.is_stale(1).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await);
}

/// Every condition takes what is stale or absent for nothing.
pub async fn what_is_stale_or_absent_meets_no_condition(harness: Harness) {
    let raw = Raw::of(&harness).await;
    for make in [true, false] {
        let stored = |id| {
            if make {
                put(id, "old").lives(10, 1_000)
            } else {
                absent(id)
            }
        };
        let mut versions = Vec::new();
        for id in 1..=4_u64 {
            versions.push(raw.store(stored(id)).await);
        }
        raw.pass(10);
        let conditioned = |id: u64, condition| {
            let mut put = put(id, "new");
            put.condition = condition;
            put
        };
        let refused = PutOutcome::Refused(None);
        let of_version = Condition::IfVersion(versions[0]);
        assert_eq!(raw.put(conditioned(1, of_version)).await, refused);
        let present = conditioned(2, Condition::IfPresent);
        assert_eq!(raw.put(present).await, refused);
        let is_there = [raw.is_stale(2).await, raw.is_absent(2).await];
        assert_eq!(is_there, [make, !make], "a refusal changes nothing");
        let missing = conditioned(3, Condition::IfAbsent);
        assert!(raw.put(missing).await.is_stored());
        assert!(raw.fresh(3).await.is_some());
        let mut removal = Removal::new(4_u64.to_key());
        removal.if_version = Some(versions[3]);
        assert!(!raw.remove_as(removal).await);
        assert!(raw.kept(4).await.is_some());
    }
}

/// A put over what is stale keeps none of its tags, its lifetime and its fallback.
pub async fn a_put_over_what_is_stale_keeps_nothing_of_it(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "old").lives(10, 1_000).tagged(&["a"]))
        .await;
    raw.pass(10);
    let mut over = put(1, "new");
    (over.tags, over.stale_for, over.lifetime) = (None, None, Lifetime::Keep);
    raw.store(over).await;
    let found = raw.fresh(1).await.unwrap();
    assert_eq!(found.tags, Tags::default());
    assert_eq!(found.stale_for, Duration::ZERO);
    assert_eq!(found.expires_at, None);
}

/// Where a put says nothing of a fallback, the one of the object that it replaces goes on.
pub async fn a_fallback_stays_where_none_is_named(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "old").lives(10, 20)).await;
    let mut over = put(1, "new").lives(10, 0);
    over.stale_for = None;
    raw.store(over).await;
    assert_eq!(raw.fresh(1).await.unwrap().stale_for, ms(20));
    raw.pass(29);
    assert_eq!(raw.read(&raw.kept(1).await.unwrap()), note(1, "new"));
    raw.store(put(1, "newer").lives(10, 0)).await;
    raw.pass(10);
    assert!(raw.is_gone(1).await, "the last put named none");
}

/// That an object is absent is known to loads alone.
pub async fn absence_is_known_to_loads_alone(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let version = raw.store(absent(1).tagged(&["a"])).await;
    assert!(raw.is_absent(1).await);
    assert!(raw.fresh(1).await.is_none());
    assert_eq!(raw.cache.peek(&1), None);
    let kept = raw.kept(1).await.unwrap();
    assert_eq!(kept.version, version);
    assert_eq!(kept.tags, Tags::new(["a"]));
    assert_eq!(raw.counts().await, [0, 0, 1]);
}

/// Absence and objects take each other's place.
pub async fn absence_and_objects_replace_each_other(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let first = raw.store(put(1, "x").falls_back(10)).await;
    let second = raw.store(absent(1)).await;
    assert!(raw.is_absent(1).await);
    let third = raw.store(put(1, "y")).await;
    assert_eq!(raw.read(&raw.fresh(1).await.unwrap()), note(1, "y"));
    assert!(first != second && second != third && first != third);
    assert_eq!(raw.counts().await, [1, 0, 0]);
    let batch = vec![put(1, "z"), absent(1), absent(2), put(2, "z")];
    let outcomes = raw.put_all(batch).await;
    assert!(outcomes.iter().all(|outcome| outcome.is_stored()));
    assert!(raw.is_absent(1).await, "the later counts");
    assert!(raw.fresh(2).await.is_some(), "the later counts");
}

/// Absence lives its time, and is kept behind it if it was stored so.
pub async fn absence_has_a_lifetime(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(absent(1).lives(10, 0)).await;
    raw.store(absent(2).lives(10, 5)).await;
    raw.store(absent(3)).await;
    raw.pass(9);
    for id in [1, 2, 3] {
        assert!(raw.is_absent(id).await, "{id}");
    }
    raw.pass(1);
    assert!(raw.is_gone(1).await);
    let kept = raw.kept(2).await.unwrap();
    assert!(kept.is_absent() && kept.is_stale(raw.now()));
    raw.pass(4);
    assert!(raw.kept(2).await.is_some());
    raw.pass(1);
    assert!(raw.is_gone(2).await);
    assert!(raw.is_absent(3).await);
}

/// Absence that is removed or made to expire is forgotten; it was no object.
pub async fn absence_is_forgotten_where_it_expires_or_is_removed(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(absent(1).falls_back(1_000)).await;
    raw.store(absent(2).falls_back(1_000)).await;
    assert!(!raw.remove(1).await);
    assert!(!raw.expire(2).await);
    assert!(raw.is_gone(1).await && raw.is_gone(2).await);
    assert_eq!(raw.counts().await, [0, 0, 0]);
}

/// Whether what is stale is dropped by a write or by time, what takes its place is whole.
pub async fn an_object_put_over_a_fallback_is_there(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "old").lives(10, 20)).await;
    raw.pass(10);
    assert!(raw.is_stale(1).await);
    raw.store(put(1, "new")).await;
    assert_eq!(raw.read(&raw.fresh(1).await.unwrap()), note(1, "new"));
    assert_eq!(raw.counts().await, [1, 0, 0]);
    raw.pass(1_000);
    assert!(
        raw.fresh(1).await.is_some(),
        "the old end is not the new one's"
    );
}

/// The store counts objects, what is stale, and what is absent each for itself.
pub async fn stale_and_absent_entries_are_counted_apart(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all(vec![
        put(1, "x"),
        put(2, "x").lives(10, 20),
        put(3, "x").lives(10, 40),
        absent(4),
        absent(5).lives(20, 0),
    ])
    .await;
    assert_eq!(raw.counts().await, [3, 0, 2]);
    raw.pass(10);
    assert_eq!(raw.counts().await, [1, 2, 2]);
    raw.pass(10);
    assert_eq!(raw.counts().await, [1, 2, 1]);
    raw.pass(10);
    assert_eq!(raw.counts().await, [1, 1, 1]);
    raw.pass(20);
    assert_eq!(raw.counts().await, [1, 0, 1]);
    raw.store(put(4, "x")).await;
    assert_eq!(raw.counts().await, [2, 0, 0]);
}

/// Neither filters nor counts, pages or aggregates see what is stale or absent.
pub async fn no_answer_has_what_is_stale_or_absent(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all(vec![
        put(1, "x"),
        put(2, "x").lives(10, 1_000),
        put(3, "y").falls_back(1_000),
        put(4, "y"),
        absent(5),
    ])
    .await;
    raw.pass(10);
    assert!(raw.expire(3).await);
    raw.store(absent(4)).await;
    assert!(raw.is_stale(2).await && raw.is_stale(3).await);
    let cache = &raw.cache;
    means(cache, |_| Filter::all(), &[1]).await;
    means(cache, |n| n.topic.eq("x"), &[1]).await;
    means(cache, |n| n.topic.eq("y"), &[]).await;
    means(cache, |n| !n.topic.eq("y"), &[1]).await;
    let page = cache.find(|_| Filter::all()).limit(9).with_total().fetch();
    let page = page.await.unwrap();
    assert_eq!(page.total.map(|total| total.count()), Some(1));
    let removed = cache.find(|n| n.topic.eq("y")).remove().await.unwrap();
    assert_eq!(removed, 0);
    raw.store(put(3, "z")).await;
    means(cache, |n| n.topic.eq("z"), &[3]).await;
    means(cache, |_| Filter::all(), &[1, 3]).await;
}

/// Aggregates and facets leave out what is stale or absent.
pub async fn no_aggregate_has_what_is_stale_or_absent(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all(vec![put(1, "x"), put(2, "y").lives(10, 1_000), absent(3)])
        .await;
    let groups = || async {
        let all = raw.cache.find(|_| Filter::all());
        let aggregated = all.aggregate(|n| Aggregate::new().group_by(n.topic)).await;
        let groups = aggregated.unwrap().groups;
        groups.iter().map(|group| group.count).collect::<Vec<_>>()
    };
    assert_eq!(groups().await, [1, 1]);
    raw.pass(10);
    assert_eq!(groups().await, [1]);
    let facets = raw.cache.find(|_| Filter::all()).facets(|n| n.topic, 9);
    assert_eq!(facets.await.unwrap().values.len(), 1);
}

/// Objects of three topics: `x` fresh, `x` stale, `y` fresh, `y` stale; and one absent.
async fn mixed(raw: &Raw) {
    raw.put_all(vec![
        put(1, "x").falls_back(20),
        put(2, "x").lives(5, 30),
        put(3, "y").falls_back(20),
        put(4, "y").lives(5, 30),
        absent(5).falls_back(1_000),
        put(6, "x"),
    ])
    .await;
    raw.pass(5);
    assert_eq!(raw.counts().await, [3, 2, 1]);
}

/// Removal by a filter takes the stale that match too and forgets every absence, and counts only
/// what was fresh.
pub async fn removal_by_filter_takes_the_stale_that_match(harness: Harness) {
    let raw = Raw::of(&harness).await;
    mixed(&raw).await;
    let about = Selection::Where(raw.about("x"));
    assert_eq!(raw.remove_where(about, Fate::Remove).await, 2);
    for id in [1, 2, 5, 6] {
        assert!(raw.is_gone(id).await, "{id}");
    }
    assert!(raw.fresh(3).await.is_some());
    assert!(raw.is_stale(4).await);
    assert_eq!(raw.counts().await, [1, 1, 0]);
}

/// Expiry by a filter leaves the fallbacks of what matches, and those of what was stale already as
/// they are.
pub async fn expiry_by_filter_leaves_fallbacks(harness: Harness) {
    let raw = Raw::of(&harness).await;
    mixed(&raw).await;
    let about = Selection::Where(raw.about("x"));
    assert_eq!(raw.remove_where(about, Fate::Expire).await, 2);
    assert!(raw.is_stale(1).await && raw.is_stale(2).await);
    assert!(raw.is_gone(5).await, "absence is forgotten");
    assert!(raw.is_gone(6).await, "it had no fallback");
    assert!(raw.fresh(3).await.is_some());
    assert_eq!(raw.counts().await, [1, 3, 0]);
    raw.pass(19);
    assert!(raw.is_stale(1).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await);
    raw.pass(9);
    assert!(raw.is_stale(2).await);
    raw.pass(1);
    assert!(raw.is_gone(2).await);
}

/// Removal of all leaves nothing to fall back on, and counts what was fresh.
pub async fn removal_of_all_takes_the_fallbacks(harness: Harness) {
    let raw = Raw::of(&harness).await;
    mixed(&raw).await;
    assert_eq!(raw.remove_where(Selection::All, Fate::Remove).await, 3);
    for id in 1..=6 {
        assert!(raw.is_gone(id).await, "{id}");
    }
    assert_eq!(raw.counts().await, [0, 0, 0]);
    raw.store(put(1, "x")).await;
    raw.store(absent(5)).await;
    assert_eq!(raw.counts().await, [1, 0, 1]);
}

/// Expiry of all leaves every fallback, and no absence.
pub async fn expiry_of_all_leaves_the_fallbacks(harness: Harness) {
    let raw = Raw::of(&harness).await;
    mixed(&raw).await;
    assert_eq!(raw.remove_where(Selection::All, Fate::Expire).await, 3);
    for id in 1..=4 {
        assert!(raw.is_stale(id).await, "{id}");
    }
    assert!(raw.is_gone(5).await && raw.is_gone(6).await);
    assert_eq!(raw.counts().await, [0, 4, 0]);
    raw.store(put(1, "x")).await;
    assert!(raw.fresh(1).await.is_some());
}

/// Many fallbacks end each at its own time.
pub async fn many_fallbacks_end_each_at_its_own_time(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all((1..=300).map(|id| put(id, "x").lives(id, id)).collect())
        .await;
    let mut passed = 0;
    for now in [1, 2, 50, 149, 150, 151, 300, 301, 599, 600] {
        raw.pass(now - passed);
        passed = now;
        let stale = (1..=300).filter(|id| *id <= now && now < id * 2).count();
        let fresh = 300_u64.saturating_sub(now);
        assert_eq!(raw.counts().await, [fresh, stale as u64, 0], "at {now}");
    }
}
