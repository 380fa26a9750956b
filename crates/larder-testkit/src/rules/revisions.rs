//! Writes in the order of what they are copies of: nothing older takes the place of what is newer,
//! or comes back after it was deleted.

use larder_core::store::{Fate, Put, PutOutcome, Removal, Selection};
use larder_core::{Condition, Id as _};

use super::raw::{PutExt as _, Raw, absent, deleted, ms, note, put};
use crate::conformance::Harness;

fn of_revision(mut put: Put, revision: u64) -> Put {
    put.revision = Some(revision);
    put
}

/// A put only over what is older.
fn newer(id: u64, topic: &str, revision: u64) -> Put {
    let mut put = of_revision(put(id, topic), revision);
    put.condition = Condition::IfNewer;
    put
}

async fn revision(raw: &Raw, id: u64) -> Option<u64> {
    let kept = raw.kept(id).await;
    kept.and_then(|found| found.revision)
}

/// `IfNewer` stores over nothing and over what is older; an equal or a later revision stays.
pub async fn if_newer_stores_only_over_what_is_older(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let version = raw.store(newer(1, "five", 5)).await;
    let there = PutOutcome::Refused(Some(version));
    assert_eq!(raw.put(newer(1, "again", 5)).await, there);
    assert_eq!(raw.put(newer(1, "four", 4)).await, there);
    assert_eq!(raw.read(&raw.fresh(1).await.unwrap()), note(1, "five"));
    assert_eq!(revision(&raw, 1).await, Some(5));
    assert!(raw.put(newer(1, "six", 6)).await.is_stored());
    assert_eq!(raw.read(&raw.fresh(1).await.unwrap()), note(1, "six"));
    assert_eq!(revision(&raw, 1).await, Some(6));
    let batch = vec![newer(2, "b", 2), newer(2, "a", 1), newer(2, "c", 3)];
    let stored = raw.put_all(batch).await;
    let stored: Vec<bool> = stored.iter().map(|outcome| outcome.is_stored()).collect();
    assert_eq!(stored, [true, false, true]);
}

/// Revisions are whole numbers of 64 bits, compared as such.
pub async fn revisions_compare_exactly(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let ascending = [
        0,
        9,
        10,
        u64::from(u32::MAX),
        (1 << 53) - 1,
        1 << 53,
        (1 << 53) + 1,
        i64::MAX as u64,
        i64::MAX as u64 + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    for (at, later) in ascending.into_iter().enumerate() {
        assert!(raw.put(newer(1, "x", later)).await.is_stored(), "{later}");
        assert_eq!(revision(&raw, 1).await, Some(later));
        for earlier in &ascending[..=at] {
            let outcome = raw.put(newer(1, "x", *earlier)).await;
            assert!(!outcome.is_stored(), "{earlier} over {later}");
        }
    }
}

/// `IfNewer` without a revision stores only where no revision is known.
pub async fn if_newer_without_a_revision_yields_to_any(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let unnamed = |id| {
        let mut put = put(id, "unnamed");
        put.condition = Condition::IfNewer;
        put
    };
    assert!(raw.put(unnamed(1)).await.is_stored());
    assert!(raw.put(unnamed(1)).await.is_stored(), "none is known yet");
    let version = raw.store(newer(1, "named", 0)).await;
    let there = PutOutcome::Refused(Some(version));
    assert_eq!(raw.put(unnamed(1)).await, there);
    raw.remove_as(deleted(2, 0, 1_000)).await;
    assert_eq!(raw.put(unnamed(2)).await, PutOutcome::Refused(None));
}

/// What is stale or absent still has its revision.
pub async fn what_is_stale_or_absent_keeps_its_revision(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(of_revision(put(1, "x").lives(10, 20), 5)).await;
    raw.store(of_revision(absent(2), 5)).await;
    raw.store(of_revision(put(3, "x").falls_back(1_000), 5))
        .await;
    assert!(raw.expire(3).await);
    raw.pass(10);
    for id in [1, 2, 3] {
        assert_eq!(revision(&raw, id).await, Some(5));
        let refused = PutOutcome::Refused(None);
        assert_eq!(raw.put(newer(id, "y", 5)).await, refused, "{id}");
    }
    assert!(raw.put(newer(2, "y", 6)).await.is_stored());
    assert!(raw.put(newer(3, "y", 6)).await.is_stored());
    raw.pass(20);
    assert!(raw.put(newer(1, "y", 1)).await.is_stored(), "it is gone");
}

/// A put that names no revision leaves the one that is known; one that does replaces it, whatever
/// it was.
pub async fn a_plain_put_keeps_the_revision(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(newer(1, "x", 5)).await;
    raw.store(put(1, "y")).await;
    assert_eq!(revision(&raw, 1).await, Some(5));
    assert!(!raw.put(newer(1, "z", 5)).await.is_stored());
    raw.store(absent(1)).await;
    assert_eq!(revision(&raw, 1).await, Some(5));
    raw.remove_as(deleted(1, 7, 1_000)).await;
    raw.store(put(1, "y")).await;
    assert_eq!(revision(&raw, 1).await, Some(7));
    raw.pass(1_000);
    assert!(!raw.put(newer(1, "z", 7)).await.is_stored());
    raw.store(of_revision(put(1, "back"), 3)).await;
    assert_eq!(revision(&raw, 1).await, Some(3));
    assert!(raw.put(newer(1, "z", 4)).await.is_stored());
    raw.store(put(2, "x")).await;
    assert_eq!(revision(&raw, 2).await, None);
}

/// What was deleted under a revision does not come back with it or an earlier one.
pub async fn a_tombstone_keeps_what_is_older_from_coming_back(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(newer(1, "x", 5)).await;
    assert!(raw.remove_as(deleted(1, 6, 1_000)).await);
    assert!(!raw.remove_as(deleted(2, 6, 1_000)).await, "of nothing too");
    for id in [1, 2] {
        for revision in [1, 5, 6] {
            let refused = PutOutcome::Refused(None);
            assert_eq!(raw.put(newer(id, "x", revision)).await, refused);
        }
        assert!(raw.put(newer(id, "x", 7)).await.is_stored());
        assert!(!raw.put(newer(id, "x", 6)).await.is_stored());
    }
}

/// A removal that is older than what is known leaves it, and says that nothing was removed.
pub async fn a_removal_older_than_what_is_known_leaves_it(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(newer(1, "x", 8)).await;
    assert!(!raw.remove_as(deleted(1, 7, 1_000)).await);
    assert!(raw.fresh(1).await.is_some());
    assert!(raw.put(newer(1, "x", 9)).await.is_stored());
    assert!(
        raw.remove_as(deleted(1, 9, 1_000)).await,
        "its very revision"
    );
    assert!(raw.is_gone(1).await);
    assert!(!raw.remove_as(deleted(1, 8, 1_000)).await);
    assert!(!raw.put(newer(1, "x", 9)).await.is_stored(), "9 is known");
    raw.store(of_revision(put(2, "x").falls_back(1_000), 8))
        .await;
    raw.expire(2).await;
    assert!(!raw.remove_as(deleted(2, 7, 1_000)).await);
    assert!(raw.is_stale(2).await);
}

/// A tombstone is remembered for its lifetime, to the millisecond.
pub async fn a_tombstone_is_remembered_for_its_lifetime(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.remove_as(deleted(1, 6, 10)).await;
    raw.remove_as(deleted(2, 6, 10)).await;
    raw.remove_as(deleted(3, 6, 0)).await;
    assert!(raw.put(newer(3, "x", 1)).await.is_stored());
    raw.pass(5);
    raw.remove_as(deleted(2, 7, 10)).await;
    raw.pass(4);
    assert!(!raw.put(newer(1, "x", 6)).await.is_stored());
    raw.pass(1);
    assert!(raw.put(newer(1, "x", 1)).await.is_stored());
    raw.pass(4);
    assert!(!raw.put(newer(2, "x", 7)).await.is_stored());
    raw.pass(1);
    assert!(raw.put(newer(2, "x", 1)).await.is_stored());
}

/// A tombstone is no entry: no read sees it, and nothing counts it.
pub async fn a_tombstone_is_no_entry(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(newer(1, "x", 5)).await;
    raw.remove_as(deleted(1, 6, 1_000)).await;
    assert!(raw.is_gone(1).await);
    assert_eq!(raw.counts().await, [0, 0, 0]);
    assert!(!raw.remove(1).await);
    assert!(
        !raw.put(newer(1, "x", 6)).await.is_stored(),
        "it is still known"
    );
}

/// A tombstone outlives what is written over it without a later revision, an absence too: what it
/// keeps out may be on its way still.
pub async fn a_later_revision_takes_the_place_of_a_tombstone(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.remove_as(deleted(1, 6, 1_000)).await;
    raw.store(absent(1).lives(10, 0)).await;
    raw.store(put(1, "x")).await;
    assert_eq!(revision(&raw, 1).await, Some(6));
    assert!(raw.remove(1).await);
    assert!(!raw.put(newer(1, "y", 6)).await.is_stored());
    assert!(raw.put(newer(1, "y", 7)).await.is_stored());
    assert!(raw.remove(1).await);
    assert!(
        raw.put(newer(1, "z", 1)).await.is_stored(),
        "all is forgotten"
    );
}

/// What is not older takes the place of an entry of its own revision, and not of a tombstone.
pub async fn what_is_not_older_takes_the_place_of_its_like(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let not_older = |revision| {
        let mut put = of_revision(put(1, "y"), revision);
        put.condition = Condition::IfNotOlder;
        put
    };
    assert!(raw.put(not_older(5)).await.is_stored());
    assert!(raw.put(not_older(5)).await.is_stored());
    assert!(!raw.put(not_older(4)).await.is_stored());
    raw.remove_as(deleted(1, 6, 1_000)).await;
    assert!(!raw.put(not_older(6)).await.is_stored());
    assert!(raw.put(not_older(7)).await.is_stored());
}

/// Without a tombstone a removal forgets the revision too.
pub async fn a_plain_removal_forgets_the_revision(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(newer(1, "x", 5)).await;
    assert!(raw.remove(1).await);
    assert!(raw.put(newer(1, "x", 1)).await.is_stored());
    assert_eq!(revision(&raw, 1).await, Some(1));
}

/// A removal by version that removes nothing leaves no tombstone.
pub async fn a_tombstone_is_left_only_where_the_version_is_right(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let version = raw.store(newer(1, "x", 5)).await;
    let mut removal = deleted(1, 9, 1_000);
    removal.if_version = Some(version + 1);
    assert!(!raw.remove_as(removal.clone()).await);
    let next = raw.store(newer(1, "y", 6)).await;
    removal.if_version = Some(next);
    assert!(raw.remove_as(removal).await);
    assert!(!raw.put(newer(1, "z", 9)).await.is_stored());
}

/// An object that expires under a revision is a fallback, and does not come back with it.
pub async fn expiry_under_a_revision_leaves_fallback_and_tombstone(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(of_revision(put(1, "x").falls_back(10), 5)).await;
    let mut removal: Removal = deleted(1, 6, 1_000);
    removal.fate = Fate::Expire;
    assert!(raw.remove_as(removal).await);
    assert!(raw.is_stale(1).await);
    assert!(!raw.put(newer(1, "y", 6)).await.is_stored());
    raw.pass(10);
    assert!(raw.is_gone(1).await);
    assert!(!raw.put(newer(1, "y", 6)).await.is_stored());
    assert!(raw.put(newer(1, "y", 7)).await.is_stored());
}

/// Removal of all forgets tombstones; what is removed by tag or by id leaves those of others.
pub async fn removal_of_all_forgets_tombstones(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.remove_as(deleted(1, 6, 1_000)).await;
    raw.store(put(2, "x").tagged(&["a"])).await;
    raw.remove_tagged(&["a"], Fate::Remove).await;
    raw.remove(1).await;
    assert!(!raw.put(newer(1, "x", 6)).await.is_stored());
    raw.remove_where(Selection::All, Fate::Remove).await;
    assert!(raw.put(newer(1, "x", 1)).await.is_stored());
}

/// Removal by a filter, which cannot know whether what is buried would match, leaves tombstones.
pub async fn removal_by_filter_leaves_tombstones(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(of_revision(put(1, "x"), 5)).await;
    raw.remove_as(deleted(1, 6, 1_000)).await;
    let about = Selection::Where(raw.about("x"));
    raw.remove_where(about, Fate::Remove).await;
    assert!(!raw.put(newer(1, "x", 6)).await.is_stored());
    assert!(raw.put(newer(1, "x", 7)).await.is_stored());
}

/// Many tombstones end each at its own time.
pub async fn many_tombstones_end_each_at_its_own_time(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let removals: Vec<Removal> = (1..=300).map(|id| deleted(id, 6, id)).collect();
    let removed = raw.store.remove_many(&raw.model, &removals).await.unwrap();
    assert!(removed.iter().all(|removed| !removed));
    raw.clock.advance(ms(150));
    let puts = (1..=300).map(|id| newer(id, "x", 6)).collect();
    let stored = raw.put_all(puts).await;
    let stored: Vec<bool> = stored.iter().map(|outcome| outcome.is_stored()).collect();
    let expected: Vec<bool> = (1..=300).map(|id| id <= 150).collect();
    assert_eq!(stored, expected);
}

/// The id of a tombstone is told apart from all others.
pub async fn a_tombstone_is_of_one_id(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.remove_as(deleted(1, 6, 1_000)).await;
    for id in [0, 2, 10, 11, u64::MAX] {
        assert!(raw.put(newer(id, "x", 1)).await.is_stored(), "{id}");
        assert!(raw.remove_as(Removal::new(id.to_key())).await);
    }
    assert!(!raw.put(newer(1, "x", 1)).await.is_stored());
}
