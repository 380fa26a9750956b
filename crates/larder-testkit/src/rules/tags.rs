//! Tags: what is removed, or expires, with all that is marked by the same word.

use larder_core::store::{Fate, Selection};
use larder_core::{Cache, Lifetime, PutOptions, Tags};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::raw::{PutExt as _, Raw, absent, ms, note, put};
use crate::conformance::Harness;

/// Removal by tags takes each entry that has at least one of them: fresh, stale and absent.
pub async fn removal_by_tag_takes_all_that_have_one(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all(vec![
        put(1, "x").tagged(&["a"]),
        put(2, "x").tagged(&["b", "c"]),
        put(3, "x").tagged(&["c"]),
        put(4, "x"),
        put(5, "x").lives(5, 100).tagged(&["a", "z"]),
        absent(6).tagged(&["b"]),
        absent(7).tagged(&["c"]),
    ])
    .await;
    raw.pass(5);
    assert!(raw.is_stale(5).await);
    raw.remove_tagged(&["a", "b", "nobody's"], Fate::Remove)
        .await;
    for id in [1, 2, 5, 6] {
        assert!(raw.is_gone(id).await, "{id}");
    }
    assert!(raw.fresh(3).await.is_some() && raw.fresh(4).await.is_some());
    assert!(raw.is_absent(7).await);
    assert_eq!(raw.counts().await, [2, 0, 1]);
}

/// It says how many fresh objects it took, each once.
pub async fn removal_by_tag_counts_the_fresh_objects(harness: Harness) {
    let raw = Raw::of(&harness).await;
    for fate in [Fate::Remove, Fate::Expire] {
        raw.put_all(vec![
            put(1, "x").tagged(&["a", "b"]),
            put(2, "x").falls_back(100).tagged(&["b"]),
            put(3, "x").lives(5, 100).tagged(&["a"]),
            absent(4).tagged(&["a"]),
            put(5, "x"),
        ])
        .await;
        raw.pass(5);
        assert_eq!(raw.remove_tagged(&["a", "b"], fate).await, 2);
        assert_eq!(raw.remove_tagged(&["a", "b"], fate).await, 0);
    }
}

/// Expiry by tags leaves the fallbacks of objects.
pub async fn expiry_by_tag_leaves_fallbacks(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all(vec![
        put(1, "x").falls_back(20).tagged(&["a"]),
        put(2, "x").tagged(&["a"]),
        put(3, "x").lives(5, 30).tagged(&["a"]),
        put(4, "x").falls_back(20).tagged(&["b"]),
        absent(5).falls_back(20).tagged(&["a"]),
    ])
    .await;
    raw.pass(5);
    raw.remove_tagged(&["a"], Fate::Expire).await;
    assert!(raw.is_stale(1).await);
    assert_eq!(raw.read(&raw.kept(1).await.unwrap()), note(1, "x"));
    assert!(raw.is_gone(2).await, "it had no fallback");
    assert!(raw.is_stale(3).await);
    assert!(raw.fresh(4).await.is_some());
    assert!(raw.is_gone(5).await);
    raw.pass(19);
    assert!(raw.is_stale(1).await);
    raw.pass(1);
    assert!(raw.is_gone(1).await);
    raw.pass(9);
    assert!(raw.is_stale(3).await);
    raw.pass(1);
    assert!(raw.is_gone(3).await);
}

/// What is stale is still found by its tags.
pub async fn what_expired_by_one_tag_is_removed_by_another(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").falls_back(100).tagged(&["a", "b"]))
        .await;
    raw.remove_tagged(&["a"], Fate::Expire).await;
    assert!(raw.is_stale(1).await);
    raw.remove_tagged(&["b"], Fate::Remove).await;
    assert!(raw.is_gone(1).await);
}

/// What is put after a removal by its tag is there.
pub async fn what_is_put_after_a_removal_by_its_tag_stays(harness: Harness) {
    let raw = Raw::of(&harness).await;
    for round in 0..3 {
        raw.store(put(1, "x").tagged(&["a"])).await;
        assert!(raw.fresh(1).await.is_some(), "{round}");
        raw.remove_tagged(&["a"], Fate::Remove).await;
        assert!(raw.is_gone(1).await, "{round}");
    }
    raw.store(absent(1).tagged(&["a"])).await;
    assert!(raw.is_absent(1).await);
}

/// Tags that another put replaced mean nothing any more, and those that it kept mean the same.
pub async fn only_the_tags_of_the_last_put_count(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").tagged(&["old"])).await;
    raw.store(put(1, "x").tagged(&["new"])).await;
    raw.store(put(2, "x").tagged(&["old"])).await;
    raw.store(put(2, "x")).await;
    raw.store(put(3, "x").tagged(&["old"])).await;
    let mut keeping = put(3, "y");
    keeping.tags = None;
    raw.store(keeping).await;
    raw.store(put(4, "x").tagged(&["old"])).await;
    raw.store(absent(4)).await;
    raw.remove_tagged(&["old"], Fate::Remove).await;
    assert!(raw.fresh(1).await.is_some());
    assert!(raw.fresh(2).await.is_some());
    assert!(raw.is_gone(3).await);
    assert!(raw.is_absent(4).await);
    raw.remove_tagged(&["new"], Fate::Remove).await;
    assert!(raw.is_gone(1).await);
}

/// Neither a new lifetime nor an update takes the tags away.
pub async fn tags_count_after_a_touch_and_an_update(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").lives(10, 0).tagged(&["a"])).await;
    raw.store(put(2, "x").tagged(&["a"])).await;
    assert!(raw.touch(1, Lifetime::Forever).await);
    assert!(raw.touch(2, Lifetime::For(ms(100))).await);
    let updated = raw.cache.update(&2, |note| note.size = 7).await.unwrap();
    assert_eq!(updated.map(|note| note.size), Some(7));
    raw.remove_tagged(&["a"], Fate::Remove).await;
    assert!(raw.is_gone(1).await && raw.is_gone(2).await);
}

/// No tag at all, or one that nothing has, removes nothing.
pub async fn without_a_tag_nothing_is_removed(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.store(put(1, "x").tagged(&["a"])).await;
    raw.store(put(2, "x")).await;
    for fate in [Fate::Remove, Fate::Expire] {
        assert_eq!(raw.remove_tagged(&[], fate).await, 0);
        assert_eq!(raw.remove_tagged(&["nobody's"], fate).await, 0);
    }
    assert!(raw.fresh(1).await.is_some() && raw.fresh(2).await.is_some());
}

/// Tags are told apart by every byte.
pub async fn tags_are_told_apart_exactly(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let tags = [
        "", "a", "A", "ab", "a ", "a,b", "a b", "a:b", "a*", "{a}", "a\u{0}", "a\n", "\u{e4}",
        "a\u{308}", "%61", "-", "=",
    ];
    for (id, tag) in (1..).zip(tags) {
        raw.store(put(id, "x").tagged(&[tag])).await;
    }
    for (gone, tag) in (1..).zip(tags) {
        raw.remove_tagged(&[tag], Fate::Remove).await;
        for (id, other) in (1..).zip(tags) {
            let there = raw.fresh(id).await.is_some();
            assert_eq!(there, id > gone, "{other:?} after {tag:?} was removed");
        }
    }
}

/// An entry may have many tags, and each of them counts.
pub async fn each_of_many_tags_counts(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let tags: Vec<String> = (0..100).map(|tag| format!("tag {tag}")).collect();
    let all: Vec<&str> = tags.iter().map(String::as_str).collect();
    for tag in [&all[0], &all[57], &all[99]] {
        raw.store(put(1, "x").tagged(&all)).await;
        assert_eq!(raw.fresh(1).await.unwrap().tags, Tags::new(tags.clone()));
        raw.remove_tagged(&[tag], Fate::Remove).await;
        assert!(raw.is_gone(1).await, "{tag}");
    }
}

/// All of many entries of one tag go, and no others.
pub async fn many_entries_of_one_tag_all_go(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let tagged = |id: u64| put(id, "x").tagged(&[if id.is_multiple_of(3) { "b" } else { "a" }]);
    raw.put_all((0..1_500).map(tagged).collect()).await;
    raw.remove_tagged(&["a"], Fate::Remove).await;
    let ids: Vec<u64> = (0..1_500).collect();
    let got = raw.cache.get_many(&ids).await.unwrap();
    for (id, got) in ids.iter().zip(got) {
        assert_eq!(got.is_some(), id % 3 == 0, "{id}");
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "other note")]
struct OtherNote {
    #[cache(id)]
    id: u64,
}

/// One tag in two models is two tags.
pub async fn a_tag_is_of_one_model(harness: Harness) {
    let raw = Raw::of(&harness).await;
    let others: Cache<OtherNote> = harness.cache().await;
    let options = PutOptions::default().with_tags(["a"]);
    others.put_with(OtherNote { id: 1 }, options).await.unwrap();
    raw.store(put(1, "x").tagged(&["a"])).await;
    raw.remove_tagged(&["a"], Fate::Remove).await;
    assert!(raw.is_gone(1).await);
    assert!(others.contains(&1).await.unwrap());
}

/// What a filter means is not asked of its tags, nor the other way around: both take what is
/// theirs.
pub async fn tags_and_filters_take_what_is_theirs(harness: Harness) {
    let raw = Raw::of(&harness).await;
    raw.put_all(vec![
        put(1, "a").tagged(&["b"]),
        put(2, "b").tagged(&["a"]),
        put(3, "a").tagged(&["a"]),
    ])
    .await;
    raw.remove_tagged(&["a"], Fate::Remove).await;
    assert!(raw.fresh(1).await.is_some());
    assert!(raw.is_gone(2).await && raw.is_gone(3).await);
    let about = Selection::Where(raw.about("a"));
    assert_eq!(raw.remove_where(about, Fate::Remove).await, 1);
    assert!(raw.is_gone(1).await);
}
