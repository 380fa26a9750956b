//! Marks: whether what an answer was made of is all still there.

use larder_core::expr::Expr;
use larder_core::store::{Fate, Mark, Selection};
use larder_core::{ErrorKind, Lifetime};

use super::asking::refusal;
use super::raw::{PutExt as _, Raw, absent, deleted, ms, put};
use crate::conformance::Harness;

/// A mark on `x`, after a note on `x` and one on `y` were stored.
async fn marked(raw: &Raw) -> Mark {
    raw.put_all(vec![
        put(1, "x").falls_back(100).tagged(&["a"]),
        put(2, "y").falls_back(100).tagged(&["b"]),
    ])
    .await;
    let mark = raw.mark(&raw.about("x")).await;
    assert!(raw.still(&mark).await);
    mark
}

/// Each way in which an object that matches can leave ends a mark.
pub async fn a_mark_ends_where_an_object_that_matches_leaves(harness: Harness) {
    let raw = Raw::of(&harness).await;
    for way in 0..9 {
        let mark = marked(&raw).await;
        match way {
            0 => drop(raw.remove(1).await),
            1 => drop(raw.expire(1).await),
            2 => drop(raw.remove_as(deleted(1, 6, 0)).await),
            3 => drop(raw.remove_tagged(&["a"], Fate::Remove).await),
            4 => drop(raw.remove_tagged(&["a"], Fate::Expire).await),
            5 => {
                let about = Selection::Where(raw.about("x"));
                raw.remove_where(about, Fate::Remove).await;
            }
            6 => {
                let about = Selection::Where(raw.about("x"));
                raw.remove_where(about, Fate::Expire).await;
            }
            7 => drop(raw.remove_where(Selection::All, Fate::Remove).await),
            _ => drop(raw.remove_where(Selection::All, Fate::Expire).await),
        }
        assert!(!raw.still(&mark).await, "way {way}");
        assert!(!raw.still(&mark).await, "it does not begin anew");
        let later = raw.mark(&raw.about("x")).await;
        assert!(raw.still(&later).await, "a mark of later knows nothing");
    }
}

/// A lifetime that ends takes the object from the mark, seen or unseen, at that moment.
pub async fn a_mark_ends_where_a_lifetime_does(harness: Harness) {
    let raw = Raw::of(&harness).await;
    for stale in [0, 100] {
        raw.store(put(1, "x").lives(10, stale)).await;
        let mark = raw.mark(&raw.about("x")).await;
        raw.pass(9);
        assert!(raw.still(&mark).await);
        raw.pass(1);
        assert!(!raw.still(&mark).await);
        let later = raw.mark(&raw.about("x")).await;
        raw.pass(1_000);
        if raw.is_exact {
            assert!(raw.still(&later).await, "what is stale has left before");
        }
    }
    raw.store(put(1, "x")).await;
    let mark = raw.mark(&raw.about("x")).await;
    assert!(raw.touch(1, Lifetime::For(ms(5))).await);
    assert!(raw.still(&mark).await);
    assert!(raw.touch(1, Lifetime::For(ms(0))).await);
    assert!(!raw.still(&mark).await);
}

/// An object that another one takes the place of has not left, even if that one does not match.
pub async fn a_mark_outlives_replacement(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let mark = marked(&raw).await;
    if raw.is_exact {
        // Else the end of a lifetime may count that was replaced.
        raw.store(put(1, "x").lives(10, 0)).await;
    }
    raw.store(put(1, "z")).await;
    raw.store(put(3, "x")).await;
    assert!(raw.touch(3, Lifetime::For(ms(100))).await);
    raw.pass(50);
    assert!(raw.still(&mark).await);
}

/// Where absence takes the place of an object, or one that has expired at once, it has left.
pub async fn a_mark_ends_where_absence_takes_the_place(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let mark = marked(&raw).await;
    raw.store(absent(1)).await;
    assert!(!raw.still(&mark).await);
    let mark = marked(&raw).await;
    raw.store(put(1, "x").lives(0, 100)).await;
    assert!(!raw.still(&mark).await);
}

/// What does not match, what was stale or absent, and what was never there, ends no mark.
pub async fn a_mark_outlives_what_is_not_its_own(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(3, "x").lives(10, 100)).await;
    raw.store(absent(4).lives(20, 0)).await;
    raw.pass(10);
    let mark = marked(&raw).await;
    assert!(raw.is_stale(3).await);
    raw.remove(3).await;
    raw.remove(9).await;
    raw.remove_as(deleted(8, 6, 10)).await;
    raw.pass(10);
    raw.remove(2).await;
    raw.remove_tagged(&["b"], Fate::Remove).await;
    // A store of many programs may be on the safe side.
    if raw.is_exact {
        assert!(raw.still(&mark).await);
    }
    assert!(raw.fresh(1).await.is_some());
}

/// A mark on everything ends with whatever leaves; one on nothing never.
pub async fn a_mark_may_be_on_everything_or_nothing(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let mark = marked(&raw).await;
    let all = raw.mark(&Expr::All).await;
    let nothing = raw.mark(&Expr::Nothing).await;
    raw.store(put(3, "z")).await;
    assert!(raw.still(&all).await);
    raw.remove(3).await;
    assert!(!raw.still(&all).await);
    if raw.is_exact {
        assert!(raw.still(&mark).await && raw.still(&nothing).await);
    }
}

/// Marks do not hear of each other, nor of other clones' ends.
pub async fn marks_are_independent(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let first = marked(&raw).await;
    let same = first.clone();
    drop(raw.mark(&raw.about("x")).await);
    raw.remove(1).await;
    let second = marked(&raw).await;
    assert!(!raw.still(&first).await && !raw.still(&same).await);
    assert!(raw.still(&second).await);
    drop(first);
    assert!(!raw.still(&same).await);
}

/// A mark that the store did not make is an `Internal` error.
pub async fn a_mark_of_another_store_is_refused(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let foreign = Mark::new(7_u8);
    let answer = raw.store.still(&raw.model, &foreign).await;
    refusal(answer, ErrorKind::Internal, "another store");
}
