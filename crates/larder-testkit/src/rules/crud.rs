//! Objects by id: put, get, remove, change, and everything that goes with a single object.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use larder_core::store::{Content, Found, Put, Removal, Want};
use larder_core::{
    Cache, CacheModel as _, Change, Condition, Document, ErrorKind, Filter, Id as _, KeyCache,
    PutOptions, PutOutcome, Tags, keep,
};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::{means, refusal};
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "user")]
struct User {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    name: String,
    #[cache(index)]
    team: Option<u32>,
    note: Option<String>,
}

fn user(id: u64) -> User {
    User {
        id,
        name: format!("user {id}"),
        team: Some(7),
        note: None,
    }
}

fn named(id: u64, name: &str) -> User {
    User {
        name: name.to_owned(),
        ..user(id)
    }
}

async fn users(harness: &Harness) -> Cache<User> {
    harness.cache().await
}

async fn get(cache: &Cache<User>, id: u64) -> Option<User> {
    let got = cache.get(&id).await.unwrap();
    got.map(|user| User::clone(&user))
}

async fn found(cache: &Cache<User>, id: u64) -> Option<Found> {
    let keys = [id.to_key()];
    let found = cache
        .store()
        .get_many(cache.model(), &keys, Want::Fresh)
        .await;
    found.unwrap().swap_remove(0)
}

async fn version(cache: &Cache<User>, id: u64) -> u64 {
    found(cache, id).await.unwrap().version
}

fn when(condition: Condition) -> PutOptions {
    PutOptions::default().with_condition(condition)
}

fn stored(outcome: PutOutcome) -> u64 {
    match outcome {
        PutOutcome::Stored(version) => version,
        PutOutcome::Refused(there) => panic!("refused for {there:?}"),
        PutOutcome::Outrun => panic!("no guard was given"),
    }
}

/// What was put is what `get`, `get_many` and `contains` see, and nothing else is there.
pub async fn an_object_put_is_there_to_get(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(user(1)).await.unwrap();
    assert_eq!(get(&cache, 1).await, Some(user(1)));
    assert!(cache.contains(&1).await.unwrap());
    assert_eq!(
        cache.get_many(&[1]).await.unwrap(),
        [Some(Arc::new(user(1)))]
    );
    assert_eq!(get(&cache, 2).await, None);
}

/// A miss is `None`, in every kind of read by id, and no error.
pub async fn an_object_never_put_is_a_miss(harness: Harness) {
    let cache = users(&harness).await;
    assert_eq!(get(&cache, 1).await, None);
    assert!(!cache.contains(&1).await.unwrap());
    assert_eq!(cache.get_many(&[1]).await.unwrap(), [None]);
    assert_eq!(cache.peek(&1), None);
    assert!(!cache.remove(&1).await.unwrap());
    assert!(!cache.touch(&1, Duration::from_secs(1)).await.unwrap());
}

/// `get_many` answers for each id asked, in that order, misses and repeats included.
pub async fn get_many_keeps_the_order_asked(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many([user(1), user(2), user(3)]).await.unwrap();
    let got = cache.get_many(&[3, 9, 1, 3, u64::MAX]).await.unwrap();
    let ids: Vec<_> = got
        .iter()
        .map(|got| got.as_ref().map(|got| got.id))
        .collect();
    assert_eq!(ids, [Some(3), None, Some(1), Some(3), None]);
}

/// A second put under one id leaves one object, the second.
pub async fn put_replaces_what_is_there(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(named(1, "old")).await.unwrap();
    cache.put(named(1, "new")).await.unwrap();
    assert_eq!(get(&cache, 1).await, Some(named(1, "new")));
    if harness.expected().query {
        means(&cache, |u| u.name.eq("old"), &[]).await;
        means(&cache, |u| u.name.eq("new"), &[1]).await;
        assert_eq!(cache.count().await.unwrap(), 1);
    }
}

/// A batch is stored as a whole, however large.
pub async fn put_many_stores_all(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many((0..2_500).map(user)).await.unwrap();
    assert_eq!(cache.count().await.unwrap(), 2_500);
    assert_eq!(get(&cache, 0).await, Some(user(0)));
    assert_eq!(get(&cache, 2_499).await, Some(user(2_499)));
    means(&cache, |u| u.name.eq("user 1234"), &[1_234]).await;
}

/// Batches of nothing answer nothing and do nothing.
pub async fn no_objects_at_all_are_fine_too(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(user(1)).await.unwrap();
    cache.put_many::<User>([]).await.unwrap();
    let nobody: [&u64; 0] = [];
    assert_eq!(cache.get_many(nobody).await.unwrap(), []);
    assert_eq!(cache.remove_many(nobody).await.unwrap(), 0);
    assert_eq!(get(&cache, 1).await, Some(user(1)));
}

/// Where an id stands twice in one batch, both are stored, one after the other.
pub async fn of_one_id_twice_in_a_batch_the_later_counts(harness: Harness) {
    let cache = users(&harness).await;
    let batch = [
        named(1, "first"),
        user(2),
        named(1, "second"),
        named(1, "third"),
    ];
    let outcomes = cache.put_many_with(batch, PutOptions::default()).await;
    let versions: Vec<_> = outcomes.unwrap().into_iter().map(stored).collect();
    let distinct: BTreeSet<_> = [versions[0], versions[2], versions[3]].into();
    assert_eq!(
        distinct.len(),
        3,
        "each write has its version: {versions:?}"
    );
    assert_eq!(version(&cache, 1).await, versions[3]);
    assert_eq!(get(&cache, 1).await, Some(named(1, "third")));
    assert_eq!(cache.count().await.unwrap(), 2);
    means(&cache, |u| u.name.in_(["first", "second"]), &[]).await;
    means(&cache, |u| u.name.eq("third"), &[1]).await;
}

/// `remove` is true once, for the one that removed the object.
pub async fn remove_says_whether_it_was_there(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(user(1)).await.unwrap();
    assert!(cache.remove(&1).await.unwrap());
    assert!(!cache.remove(&1).await.unwrap());
    assert_eq!(get(&cache, 1).await, None);
}

/// `remove_many` counts what it removed: not what was missing, and nothing twice.
pub async fn remove_many_counts_each_object_once(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many((1..=4).map(user)).await.unwrap();
    assert_eq!(cache.remove_many(&[1, 1, 9, 3]).await.unwrap(), 2);
    means(&cache, |_| Filter::all(), &[2, 4]).await;
}

/// What was removed is gone from gets, finds, counts and stats alike.
pub async fn a_removed_object_is_in_no_answer(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many([user(1), user(2)]).await.unwrap();
    cache.remove(&1).await.unwrap();
    assert!(!cache.contains(&1).await.unwrap());
    assert_eq!(cache.peek(&1), None);
    means(&cache, |_| Filter::all(), &[2]).await;
    means(&cache, |u| u.team.eq(7), &[2]).await;
    assert_eq!(cache.stats().await.unwrap().store.objects, 1);
}

/// What was removed is there again once it was put again, as it is now.
pub async fn a_removed_object_can_be_put_again(harness: Harness) {
    let cache = users(&harness).await;
    for round in 0..3 {
        let name = format!("round {round}");
        cache.put(named(1, &name)).await.unwrap();
        means(&cache, |u| u.name.eq(&name), &[1]).await;
        assert!(cache.remove(&1).await.unwrap());
        means(&cache, |u| u.name.eq(&name), &[]).await;
    }
}

/// A removal on condition of a version leaves any other version alone.
pub async fn remove_with_another_version_leaves_the_object(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(named(1, "old")).await.unwrap();
    let old = version(&cache, 1).await;
    cache.put(named(1, "new")).await.unwrap();
    let remove = |if_version| {
        let mut removal = Removal::new(1_u64.to_key());
        removal.if_version = Some(if_version);
        let removals = [removal];
        let cache = cache.clone();
        async move {
            cache
                .store()
                .remove_many(cache.model(), &removals)
                .await
                .unwrap()
        }
    };
    assert_eq!(remove(old).await, [false]);
    assert_eq!(get(&cache, 1).await, Some(named(1, "new")));
    assert_eq!(remove(version(&cache, 1).await).await, [true]);
    assert_eq!(get(&cache, 1).await, None);
}

/// `clear` removes every object and nothing of what comes after.
pub async fn clear_leaves_nothing_and_the_store_goes_on(harness: Harness) {
    let cache = users(&harness).await;
    cache.clear().await.unwrap();
    cache.put_many((0..50).map(user)).await.unwrap();
    cache.clear().await.unwrap();
    means(&cache, |_| Filter::all(), &[]).await;
    assert_eq!(get(&cache, 1).await, None);
    cache.put(user(1)).await.unwrap();
    means(&cache, |u| u.name.eq("user 1"), &[1]).await;
    assert_eq!(cache.stats().await.unwrap().store.objects, 1);
}

/// `all` brings every object, ordered as numbers are, not as their digits.
pub async fn all_come_by_id(harness: Harness) {
    let cache = users(&harness).await;
    assert_eq!(cache.all().await.unwrap(), []);
    let ids = [100, 20, 3, 0, u64::MAX, 1 << 53, (1 << 53) + 1];
    cache.put_many(ids.map(user)).await.unwrap();
    let all: Vec<_> = cache
        .all()
        .await
        .unwrap()
        .iter()
        .map(|user| user.id)
        .collect();
    assert_eq!(all, [0, 3, 20, 100, 1 << 53, (1 << 53) + 1, u64::MAX]);
}

/// `count`, `exists` and `all` say the same before, between and after writes.
pub async fn count_and_exists_agree_with_all(harness: Harness) {
    let cache = users(&harness).await;
    for round in 0_u64..4 {
        assert_eq!(cache.count().await.unwrap(), round);
        assert_eq!(cache.exists().await.unwrap(), round > 0);
        assert_eq!(cache.all().await.unwrap().len() as u64, round);
        cache.put(user(round)).await.unwrap();
    }
}

/// `update` writes what the closure made of the object and returns it.
pub async fn update_changes_the_object_that_is_there(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many([user(1), user(2)]).await.unwrap();
    let updated = cache.update(&1, |user| user.name.push('!')).await.unwrap();
    assert_eq!(updated, Some(Arc::new(named(1, "user 1!"))));
    assert_eq!(get(&cache, 1).await, Some(named(1, "user 1!")));
    assert_eq!(get(&cache, 2).await, Some(user(2)));
    means(&cache, |u| u.name.eq("user 1"), &[]).await;
    means(&cache, |u| u.name.eq("user 1!"), &[1]).await;
}

/// `update` and `patch` of an object that is not there call no closure and store nothing.
pub async fn update_of_nothing_is_none_and_stores_nothing(harness: Harness) {
    let cache = users(&harness).await;
    let updated = cache.update(&1, |_| panic!("there is nothing to change"));
    assert_eq!(updated.await.unwrap(), None);
    assert_eq!(cache.patch(&1, keep()).await.unwrap(), None);
    assert!(!cache.contains(&1).await.unwrap());
}

/// An update that changes the id is refused, and both ids are as before.
pub async fn update_may_not_change_the_id(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(user(1)).await.unwrap();
    let updated = cache.update(&1, |user| user.id = 2).await;
    refusal(updated, ErrorKind::InvalidModel, "id");
    assert_eq!(get(&cache, 1).await, Some(user(1)));
    assert_eq!(get(&cache, 2).await, None);
}

/// An updated object expires when it would have and keeps its tags.
pub async fn update_keeps_lifetime_and_tags(harness: Harness) {
    let cache = users(&harness).await;
    let options = PutOptions::default()
        .with_ttl(Duration::from_millis(100))
        .with_tags(["a"]);
    cache.put_with(user(1), options).await.unwrap();
    let before = found(&cache, 1).await.unwrap();
    harness.clock().advance(Duration::from_millis(50));
    cache.update(&1, |user| user.team = None).await.unwrap();
    let after = found(&cache, 1).await.unwrap();
    assert_eq!(after.expires_at, before.expires_at);
    assert_eq!(after.tags, before.tags);
    assert_ne!(after.version, before.version);
    harness.clock().advance(Duration::from_millis(50));
    assert_eq!(get(&cache, 1).await, None);
}

/// A patch leaves, clears and sets fields, three different things.
pub async fn patch_keeps_clears_and_sets(harness: Harness) {
    let cache = users(&harness).await;
    let before = User {
        note: Some("noted".to_owned()),
        ..user(1)
    };
    cache.put(before.clone()).await.unwrap();
    let kept = cache.patch(&1, keep()).await.unwrap();
    assert_eq!(kept, Some(Arc::new(before)));
    let patch = UserPatch {
        name: Change::Set("set".to_owned()),
        team: Change::Null,
        note: Change::Keep,
    };
    let patched = cache.patch(&1, patch).await.unwrap().unwrap();
    let expected = User {
        id: 1,
        name: "set".to_owned(),
        team: None,
        note: Some("noted".to_owned()),
    };
    assert_eq!(*patched, expected);
    assert_eq!(get(&cache, 1).await, Some(expected));
    let patch = UserPatch {
        team: Change::Set(9),
        ..keep()
    };
    assert_eq!(cache.patch(&1, patch).await.unwrap().unwrap().team, Some(9));
}

/// A patch that clears a field which has to be there is refused whole, naming the field.
pub async fn patch_of_a_needed_field_to_null_changes_nothing(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(user(1)).await.unwrap();
    let patch = UserPatch {
        name: Change::Null,
        team: Change::Set(1),
        ..keep()
    };
    let patched = cache.patch(&1, patch).await;
    refusal(patched, ErrorKind::InvalidModel, "`name`");
    assert_eq!(get(&cache, 1).await, Some(user(1)));
}

/// `find(..).update` changes and counts what matches, and leaves the rest.
pub async fn find_update_changes_all_that_match_and_no_other(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many((1..=6).map(user)).await.unwrap();
    let few = || cache.find(|u| u.name.in_(["user 2", "user 4", "nobody"]));
    assert_eq!(few().update(|user| user.team = None).await.unwrap(), 2);
    means(&cache, |u| u.team.is_none(), &[2, 4]).await;
    let nobody = cache.find(|u| u.name.eq("nobody"));
    assert_eq!(
        nobody.update(|_| panic!("nobody is there")).await.unwrap(),
        0
    );
    // Page and order do not matter.
    let some = few().limit(1).offset(1).sort(|u| u.name.desc());
    assert_eq!(some.update(|user| user.team = Some(1)).await.unwrap(), 2);
    means(&cache, |u| u.team.eq(1), &[2, 4]).await;
}

/// `find(..).remove` removes and counts what matches, and leaves the rest.
pub async fn find_remove_removes_all_that_match_and_no_other(harness: Harness) {
    let cache = users(&harness).await;
    cache.put_many((1..=6).map(user)).await.unwrap();
    let few = || cache.find(|u| u.name.in_(["user 2", "user 4", "nobody"]));
    // Page and order do not matter.
    assert_eq!(
        few()
            .limit(1)
            .sort(|u| u.name.asc())
            .remove()
            .await
            .unwrap(),
        2
    );
    assert_eq!(few().remove().await.unwrap(), 0);
    means(&cache, |_| Filter::all(), &[1, 3, 5, 6]).await;
    assert_eq!(get(&cache, 2).await, None);
    assert_eq!(cache.find(|_| Filter::all()).remove().await.unwrap(), 4);
    assert!(!cache.exists().await.unwrap());
}

/// Each write of an object has a version that none before had, and a read tells it; removal in
/// between does not bring an old one back.
pub async fn each_write_has_a_version_of_its_own(harness: Harness) {
    let cache = users(&harness).await;
    let mut seen = BTreeSet::new();
    for round in 0..6 {
        let outcome = cache
            .put_with(user(1), PutOptions::default())
            .await
            .unwrap();
        let version = stored(outcome);
        assert!(seen.insert(version), "version {version} came twice");
        assert_eq!(found(&cache, 1).await.unwrap().version, version);
        if round % 2 == 1 {
            cache.remove(&1).await.unwrap();
        }
    }
}

/// `IfAbsent` stores where nothing is, and else says which version is there.
pub async fn put_if_absent_stores_only_what_is_not_there(harness: Harness) {
    let cache = users(&harness).await;
    let put = |name| cache.put_with(named(1, name), when(Condition::IfAbsent));
    let first = stored(put("first").await.unwrap());
    assert_eq!(
        put("second").await.unwrap(),
        PutOutcome::Refused(Some(first))
    );
    assert_eq!(get(&cache, 1).await, Some(named(1, "first")));
    cache.remove(&1).await.unwrap();
    assert!(put("third").await.unwrap().is_stored());
    assert_eq!(get(&cache, 1).await, Some(named(1, "third")));
}

/// `IfPresent` stores where something is, and else nothing.
pub async fn put_if_present_stores_only_over_what_is_there(harness: Harness) {
    let cache = users(&harness).await;
    let put = |name| cache.put_with(named(1, name), when(Condition::IfPresent));
    assert_eq!(put("first").await.unwrap(), PutOutcome::Refused(None));
    assert_eq!(get(&cache, 1).await, None);
    cache.put(named(1, "second")).await.unwrap();
    assert!(put("third").await.unwrap().is_stored());
    assert_eq!(get(&cache, 1).await, Some(named(1, "third")));
}

/// `IfVersion` stores over that version alone, and else says which one is there.
pub async fn put_if_version_stores_only_over_that_version(harness: Harness) {
    let cache = users(&harness).await;
    let put = |name, version| cache.put_with(named(1, name), when(Condition::IfVersion(version)));
    assert_eq!(put("none", 1).await.unwrap(), PutOutcome::Refused(None));
    let first = stored(
        cache
            .put_with(user(1), PutOptions::default())
            .await
            .unwrap(),
    );
    let second = stored(put("second", first).await.unwrap());
    assert_eq!(
        put("third", first).await.unwrap(),
        PutOutcome::Refused(Some(second))
    );
    assert_eq!(get(&cache, 1).await, Some(named(1, "second")));
}

/// Within a batch each condition is judged by what stands before it, in the order given.
pub async fn conditions_in_one_batch_see_what_stands_before_them(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(named(2, "there")).await.unwrap();
    let there = version(&cache, 2).await;
    let batch = [
        named(1, "first"),
        named(1, "second"),
        named(2, "third"),
        user(3),
    ];
    let outcomes = cache
        .put_many_with(batch, when(Condition::IfAbsent))
        .await
        .unwrap();
    let first = stored(outcomes[0]);
    assert_eq!(outcomes[1], PutOutcome::Refused(Some(first)));
    assert_eq!(outcomes[2], PutOutcome::Refused(Some(there)));
    assert!(outcomes[3].is_stored());
    assert_eq!(get(&cache, 1).await, Some(named(1, "first")));
    assert_eq!(get(&cache, 2).await, Some(named(2, "there")));
    assert_eq!(get(&cache, 3).await, Some(user(3)));
}

/// A put that was refused leaves object, version, lifetime, tags and index as they were.
pub async fn a_refused_put_changes_nothing(harness: Harness) {
    let cache = users(&harness).await;
    let options = PutOptions::default()
        .with_ttl(Duration::from_secs(9))
        .with_tags(["a"]);
    cache.put_with(user(1), options).await.unwrap();
    let before = found(&cache, 1).await.unwrap();
    let refused = when(Condition::IfAbsent)
        .with_ttl(Duration::ZERO)
        .with_tags(["b"]);
    assert!(
        !cache
            .put_with(named(1, "other"), refused)
            .await
            .unwrap()
            .is_stored()
    );
    let after = found(&cache, 1).await.unwrap();
    assert_eq!(after.version, before.version);
    assert_eq!(after.expires_at, before.expires_at);
    assert_eq!(after.tags, before.tags);
    means(&cache, |u| u.name.eq("other"), &[]).await;
    means(&cache, |u| u.name.eq("user 1"), &[1]).await;
}

/// Tags come back in order and once each; a put sets them anew, an update leaves them.
pub async fn tags_are_sorted_replaced_by_put_and_kept_by_update(harness: Harness) {
    let cache = users(&harness).await;
    let tagged = |tags: &'static [&'static str]| {
        cache.put_with(
            user(1),
            PutOptions::default().with_tags(tags.iter().copied()),
        )
    };
    let tags = || async { found(&cache, 1).await.unwrap().tags.as_slice().to_vec() };
    tagged(&["b", "a", "b", ""]).await.unwrap();
    assert_eq!(tags().await, ["", "a", "b"]);
    cache.update(&1, |user| user.team = None).await.unwrap();
    assert_eq!(tags().await, ["", "a", "b"]);
    tagged(&["c"]).await.unwrap();
    assert_eq!(tags().await, ["c"]);
    cache.put(user(1)).await.unwrap();
    assert_eq!(tags().await, [""; 0]);
}

/// A store's put that names no tags keeps those of the object it replaces.
pub async fn tags_of_what_is_replaced_stay_where_none_are_given(harness: Harness) {
    let cache = users(&harness).await;
    let put = |tags: Option<Tags>| {
        let object = Arc::new(user(1));
        let document = Document::of(cache.schema(), &*object).unwrap();
        let mut put = Put::new(object.id_key(), Content::Object(object, document));
        put.tags = tags;
        let cache = cache.clone();
        async move {
            let outcomes = cache.store().put_many(cache.model(), vec![put]).await;
            assert!(outcomes.unwrap()[0].is_stored());
            found(&cache, 1).await.unwrap().tags
        }
    };
    assert_eq!(put(None).await, Tags::default());
    let tags = Tags::new(["x", "y"]);
    assert_eq!(put(Some(tags.clone())).await, tags);
    assert_eq!(put(None).await, tags);
    assert_eq!(put(Some(Tags::default())).await, Tags::default());
}

/// An object of megabytes, with every byte in it, comes back as it was put.
pub async fn large_objects_come_back_whole(harness: Harness) {
    let cache = users(&harness).await;
    let note: String = ('\0'..='\u{ff}').cycle().take(2 << 20).collect();
    let large = User {
        note: Some(note),
        ..user(1)
    };
    cache.put(large.clone()).await.unwrap();
    assert!(get(&cache, 1).await == Some(large), "it came back changed");
}

#[derive(Debug, Serialize, CacheModel)]
#[cache(name = "unreadable")]
struct Unreadable {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
}

impl<'de> Deserialize<'de> for Unreadable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom("no way to read this"))
    }
}

/// Bytes that cannot be read are a miss in every kind of read, counted with the reason of the
/// last, and removed; a store of live objects has no bytes and no such misses.
pub async fn bytes_that_cannot_be_read_are_a_miss_and_are_removed(harness: Harness) {
    let cache: Cache<Unreadable> = harness.cache().await;
    let unreadable = (0..4).map(|id| Unreadable {
        id,
        name: "x".to_owned(),
    });
    cache.put_many(unreadable).await.unwrap();
    let live = harness.expected().live_objects;
    assert_eq!(cache.get(&0).await.unwrap().is_some(), live);
    assert_eq!(cache.get_many(&[1]).await.unwrap()[0].is_some(), live);
    let found = cache.find(|u| u.name.eq("x")).fetch().await.unwrap();
    assert_eq!(found.items.len(), if live { 4 } else { 0 });
    let stats = cache.stats().await.unwrap();
    assert_eq!(stats.undecodable, if live { 0 } else { 4 });
    let reason = stats.last_undecodable.as_deref();
    assert_eq!(reason.is_none(), live);
    assert!(reason.is_none_or(|reason| reason.contains("model unreadable")));
    assert_eq!(stats.store.objects, if live { 4 } else { 0 });
}

/// Reads by id are counted as hits and misses, batches singly; `contains` is not.
pub async fn reads_are_counted_as_hits_and_misses(harness: Harness) {
    let cache = users(&harness).await;
    cache.put(user(1)).await.unwrap();
    cache.get(&1).await.unwrap();
    cache.get(&2).await.unwrap();
    cache.get_many(&[1, 2, 3]).await.unwrap();
    cache.contains(&1).await.unwrap();
    cache.contains(&2).await.unwrap();
    let stats = cache.stats().await.unwrap();
    assert_eq!((stats.hits, stats.misses, stats.undecodable), (2, 3, 0));
}

/// `stats` counts the objects that are there.
pub async fn the_store_counts_its_objects(harness: Harness) {
    let cache = users(&harness).await;
    let objects = || async { cache.stats().await.unwrap().store.objects };
    assert_eq!(objects().await, 0);
    cache.put_many((0..10).map(user)).await.unwrap();
    cache.put(user(5)).await.unwrap();
    assert_eq!(objects().await, 10);
    cache.remove(&5).await.unwrap();
    assert_eq!(objects().await, 9);
}

/// `KeyCache` keeps any serde value under a string key: no model, the same promises.
pub async fn values_under_keys_need_no_model(harness: Harness) {
    let store = Arc::clone(harness.store());
    let cache = KeyCache::<Vec<(u8, String)>>::new(store, "keyed")
        .await
        .unwrap();
    let forever = Duration::MAX;
    let value = vec![(1, "x".to_owned())];
    cache.set("a", value.clone(), forever).await.unwrap();
    cache.set("", vec![], forever).await.unwrap();
    assert_eq!(cache.get("a").await.unwrap(), Some(Arc::new(value.clone())));
    assert_eq!(cache.get("").await.unwrap(), Some(Arc::new(vec![])));
    assert_eq!(cache.get("b").await.unwrap(), None);
    let several = cache.get_many(["b", "a"]).await.unwrap();
    assert_eq!(several, [None, Some(Arc::new(value))]);
    assert!(cache.contains("a").await.unwrap());
    assert!(cache.touch("a", Duration::from_millis(1)).await.unwrap());
    if harness.expected().query {
        assert_eq!(cache.count().await.unwrap(), 2);
    }
    assert!(cache.remove("a").await.unwrap());
    assert!(!cache.contains("a").await.unwrap());
    cache.clear().await.unwrap();
    assert_eq!(cache.get("").await.unwrap(), None);
}
