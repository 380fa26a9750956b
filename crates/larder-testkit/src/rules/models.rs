//! Models and their names and ids in one store.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

use larder_core::{Cache, CacheModel, ErrorKind, Filter, Id, KeyCache};
use larder_derive::CacheModel;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::asking::{means, refusal};
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "film")]
struct Film {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    title: String,
}

/// Of the same name and the same fields, and another type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "film")]
struct OtherFilm {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    title: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "actor")]
struct Actor {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
}

/// Any id at all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[serde(bound = "")]
#[cache(name = "identified")]
struct Identified<I: Id + Serialize + DeserializeOwned> {
    #[cache(id)]
    id: I,
    #[cache(index)]
    position: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "composite")]
struct Composite {
    #[cache(id)]
    tenant: String,
    #[cache(id)]
    number: i64,
    #[cache(id)]
    uuid: Uuid,
    #[cache(id)]
    path: String,
    #[cache(index)]
    position: u64,
}

fn film(id: u64) -> Film {
    Film {
        id,
        title: format!("film {id}"),
    }
}

/// One name is one type: another under it is `InvalidModel`, and what is there stays.
pub async fn two_types_of_one_name_are_refused(harness: Harness) {
    let films: Cache<Film> = harness.cache().await;
    films.put(film(1)).await.unwrap();
    let builder = || Arc::clone(harness.store());
    let other = Cache::<OtherFilm>::builder(builder()).build().await;
    refusal(other, ErrorKind::InvalidModel, "film");
    let other = Cache::<Actor>::builder(builder())
        .name("film")
        .build()
        .await;
    refusal(other, ErrorKind::InvalidModel, "film");
    let other = KeyCache::<u8>::new(builder(), "film").await;
    refusal(other, ErrorKind::InvalidModel, "film");
    assert_eq!(films.get(&1).await.unwrap(), Some(Arc::new(film(1))));
}

/// The same type under the same name, again or at once from several tasks, is the same objects.
pub async fn the_same_model_twice_is_the_same_objects(harness: Harness) {
    let mut building = Vec::new();
    for _ in 0..8 {
        let harness = harness.clone();
        building.push(tokio::spawn(async move { harness.cache::<Film>().await }));
    }
    let mut caches = Vec::new();
    for cache in building {
        caches.push(cache.await.unwrap());
    }
    for (id, cache) in caches.iter().enumerate() {
        cache.put(film(id as u64)).await.unwrap();
    }
    for cache in &caches {
        assert_eq!(cache.get(&0).await.unwrap(), Some(Arc::new(film(0))));
        assert_eq!(cache.get(&7).await.unwrap(), Some(Arc::new(film(7))));
    }
}

/// A store lists the models that were made in it, each once and in order.
pub async fn a_store_lists_its_models_in_order(harness: Harness) {
    let listed = || {
        let models = harness.store().models();
        let names = models.iter().map(|model| model.schema().name().to_owned());
        names.collect::<Vec<_>>()
    };
    assert!(listed().is_empty());
    let films: Cache<Film> = harness.cache().await;
    assert_eq!(listed(), ["film"]);
    let actors: Cache<Actor> = harness.cache().await;
    let again: Cache<Film> = harness.cache().await;
    assert_eq!(listed(), ["film", "actor"]);
    let models = harness.store().models();
    assert_eq!(models[0].number(), films.model().number());
    assert_eq!(models[0].number(), again.model().number());
    assert_eq!(models[1].number(), actors.model().number());
}

/// Models of one store see nothing of each other: not by id, not by filter, not in `clear`.
pub async fn models_do_not_see_each_other(harness: Harness) {
    let films: Cache<Film> = harness.cache().await;
    let actors: Cache<Actor> = harness.cache().await;
    let builder = Cache::<Film>::builder(Arc::clone(harness.store()));
    let seen = builder.name("seen film").build().await.unwrap();
    films.put_many([film(1), film(2)]).await.unwrap();
    let actor = Actor {
        id: 1,
        name: "film 1".to_owned(),
    };
    actors.put(actor.clone()).await.unwrap();
    seen.put(film(2)).await.unwrap();
    means(&films, |f| f.title.eq("film 1"), &[1]).await;
    means(&actors, |a| a.name.eq("film 1"), &[1]).await;
    means(&seen, |_| Filter::all(), &[2]).await;
    assert_eq!(seen.get(&1).await.unwrap(), None);
    assert!(films.remove(&2).await.unwrap());
    assert!(seen.contains(&2).await.unwrap());
    assert_eq!(films.find(|_| Filter::all()).remove().await.unwrap(), 1);
    films.clear().await.unwrap();
    assert_eq!(actors.get(&1).await.unwrap(), Some(Arc::new(actor)));
    assert_eq!(seen.count().await.unwrap(), 1);
    assert_eq!(films.stats().await.unwrap().store.objects, 0);
}

/// Names of models are exact: upper and lower case, spaces, any letter.
pub async fn models_names_are_told_apart_exactly(harness: Harness) {
    let names = [
        "a", "A", "a ", "ä", "a\u{308}", "a:b", "a{b}", "漢", "a\nb", "a*",
    ];
    let mut caches = Vec::new();
    for name in names {
        let builder = Cache::<Film>::builder(Arc::clone(harness.store()));
        caches.push(builder.name(name).build().await.unwrap());
    }
    for (id, cache) in caches.iter().enumerate() {
        cache.put(film(id as u64)).await.unwrap();
    }
    for (id, cache) in caches.iter().enumerate() {
        means(cache, |_| Filter::all(), &[id as u64]).await;
        assert!(cache.contains(&(id as u64)).await.unwrap());
    }
}

/// A model without a name and a cache with a lifetime of zero are refused.
pub async fn a_cache_that_makes_no_sense_is_refused(harness: Harness) {
    let builder = || Cache::<Film>::builder(Arc::clone(harness.store()));
    let nameless = builder().name("").build().await;
    refusal(nameless, ErrorKind::InvalidModel, "name");
    let lifeless = builder().ttl(std::time::Duration::ZERO).build().await;
    refusal(lifeless, ErrorKind::InvalidConfig, "ttl");
}

/// The ids, given in their order, are told apart, come in that order, and come back as they are.
async fn ids_are_kept<I>(harness: &Harness, ids: &[I])
where
    I: Id + Serialize + DeserializeOwned + Debug,
{
    let cache: Cache<Identified<I>> = harness.cache().await;
    // The last one first, so that the order asked for is not the order of writing.
    for (position, id) in (0..).zip(ids).collect::<Vec<_>>().into_iter().rev() {
        let id = id.clone();
        cache.put(Identified { id, position }).await.unwrap();
    }
    for (position, id) in (0..).zip(ids) {
        let got = cache.get(id).await.unwrap().unwrap();
        assert_eq!((&got.id, got.position), (id, position));
    }
    if harness.expected().query {
        let found = cache.find(|_| Filter::all()).ids().await.unwrap().items;
        assert_eq!(found, ids);
        for (position, id) in (0..).zip(ids) {
            means(
                &cache,
                |i| i.position.eq(position),
                std::slice::from_ref(id),
            )
            .await;
        }
        walk_by_cursor(&cache, ids).await;
    }
    for id in ids {
        assert!(cache.remove(id).await.unwrap());
        assert!(!cache.contains(id).await.unwrap());
    }
}

/// Every id type goes through a cursor.
async fn walk_by_cursor<M: CacheModel>(cache: &Cache<M>, ids: &[M::Id]) {
    let mut seen = Vec::new();
    let mut find = cache.find(|_| Filter::all()).limit(2);
    loop {
        let page = find.ids().await.unwrap();
        seen.extend(page.items);
        let Some(next) = page.next else { break };
        let sent = next.to_string().parse().unwrap();
        find = cache.find(|_| Filter::all()).limit(2).after(sent);
    }
    assert_eq!(seen, ids);
}

macro_rules! integer_ids {
    ($($(#[$doc:meta])* $rule:ident($type:ty) [$($id:expr),+];)+) => {$(
        $(#[$doc])*
        pub async fn $rule(harness: Harness) {
            ids_are_kept::<$type>(&harness, &[$($id),+]).await;
        }
    )+};
}
integer_ids! {
    /// Ids of type `u8` are all 256 told apart, in the order of numbers.
    ids_may_be_u8(u8) [0, 1, 9, 10, 99, 100, 127, 128, 254, 255];
    /// Ids of type `u16` come in the order of numbers.
    ids_may_be_u16(u16) [0, 1, 255, 256, 32_767, 32_768, u16::MAX];
    /// Ids of type `u32` come in the order of numbers.
    ids_may_be_u32(u32) [0, 1, 65_535, 65_536, u32::MAX / 2, u32::MAX];
    /// Ids of type `u64` come in the order of numbers, beyond what an `i64` or an `f64` holds.
    ids_may_be_u64(u64) [0, 2, 10, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, u64::MAX - 1, u64::MAX];
    /// Ids of type `i8` come in the order of numbers, negative ones first.
    ids_may_be_i8(i8) [-128, -127, -1, 0, 1, 127];
    /// Ids of type `i16` come in the order of numbers, negative ones first.
    ids_may_be_i16(i16) [i16::MIN, -256, -255, -1, 0, 1, i16::MAX];
    /// Ids of type `i32` come in the order of numbers, negative ones first.
    ids_may_be_i32(i32) [i32::MIN, -65_536, -1, 0, 1, i32::MAX];
    /// Ids of type `i64` come in the order of numbers, negative ones first, to both ends.
    ids_may_be_i64(i64) [i64::MIN, i64::MIN + 1, -(1 << 53) - 1, -(1 << 53), -1, 0, 1, i64::MAX - 1, i64::MAX];
}

/// Ids of strings are compared by their bytes: the empty one, zero bytes, any letter, any length.
pub async fn ids_may_be_strings_of_any_kind(harness: Harness) {
    let long = "x".repeat(1_000);
    let longer = "x".repeat(1_001);
    let ids: Vec<String> = [
        "",
        "\0",
        "\0\0",
        "\0\u{1}",
        "\0a",
        "\u{1}",
        "\n",
        " ",
        " a",
        "*",
        ":",
        "?",
        "A",
        "\\",
        "_",
        "a",
        "a\0",
        "a\0\0",
        "a\0b",
        "a\u{1}",
        "a ",
        "aa",
        "b",
        &long,
        &longer,
        "{a}",
        "\u{7f}",
        "\u{80}",
        "e\u{301}",
        "é",
        "ß",
        "漢",
        "\u{e000}",
        "\u{ffff}",
        "🙂",
        "\u{10ffff}",
    ]
    .map(str::to_owned)
    .into();
    let sorted: Vec<String> = ids
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    assert_eq!(sorted.len(), 36);
    ids_are_kept(&harness, &sorted).await;
}

/// An object with a `String` id is found by a `&str`.
pub async fn string_ids_are_asked_for_by_str(harness: Harness) {
    let cache: Cache<Identified<String>> = harness.cache().await;
    let object = Identified {
        id: "a\0b".to_owned(),
        position: 1,
    };
    cache.put(object.clone()).await.unwrap();
    assert_eq!(cache.get("a\0b").await.unwrap(), Some(Arc::new(object)));
    assert!(cache.contains("a\0b").await.unwrap());
    assert_eq!(cache.get_many(["a", "a\0b"]).await.unwrap().len(), 2);
    assert!(cache.remove("a\0b").await.unwrap());
    assert!(!cache.contains("a\0b").await.unwrap());
}

/// UUIDs as ids come in the order of their bytes.
pub async fn ids_may_be_uuids(harness: Harness) {
    let ids = [0, 1, 0x80 << 120, u128::MAX - 1, u128::MAX].map(Uuid::from_u128);
    ids_are_kept(&harness, &ids).await;
}

/// Ids of several parts come in the order of their parts, and no part runs into the next.
pub async fn ids_may_have_several_parts(harness: Harness) {
    let cache: Cache<Composite> = harness.cache().await;
    let mut ids = BTreeSet::new();
    for tenant in ["", "\0", "a", "a\0", "a\0\u{ff}", "ab"] {
        for number in [i64::MIN, -1, 0, i64::MAX] {
            for uuid in [Uuid::nil(), Uuid::max()] {
                for path in ["", "b", "\0"] {
                    ids.insert((tenant.to_owned(), number, uuid, path.to_owned()));
                }
            }
        }
    }
    let ids: Vec<_> = ids.into_iter().collect();
    let objects = (0..).zip(&ids).map(|(position, id)| Composite {
        tenant: id.0.clone(),
        number: id.1,
        uuid: id.2,
        path: id.3.clone(),
        position,
    });
    let objects: Vec<_> = objects.collect();
    // The last one first, so that the order asked for is not the order of writing.
    cache.put_many(objects.into_iter().rev()).await.unwrap();
    for (position, id) in (0..).zip(&ids) {
        assert_eq!(cache.get(id).await.unwrap().unwrap().position, position);
    }
    if harness.expected().query {
        let found = cache.find(|_| Filter::all()).ids().await.unwrap().items;
        assert_eq!(found, ids);
        walk_by_cursor(&cache, &ids).await;
    }
    assert_eq!(cache.remove_many(&ids).await.unwrap(), ids.len() as u64);
}

/// A field that is a tuple is an id of several parts as well.
pub async fn an_id_may_be_one_tuple(harness: Harness) {
    let ids = [
        ("", 1),
        ("\0", 0),
        ("a", 0),
        ("a", 255),
        ("a", 256),
        ("a\0", 0),
        ("b", 0),
    ];
    let ids = ids.map(|(text, number)| (text.to_owned(), number));
    ids_are_kept::<(String, u64)>(&harness, &ids).await;
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "carried")]
struct Carried {
    #[cache(id)]
    id: u64,
    payload: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "sorted")]
struct Sorted {
    #[cache(id)]
    id: u64,
    #[cache(sort)]
    place: u8,
}

/// Objects that nothing can be asked of but all together are found, sorted and counted.
pub async fn objects_without_an_indexed_field_are_found_too(harness: Harness) {
    let carried: Cache<Carried> = harness.cache().await;
    let payload = "anything".to_owned();
    carried.put(Carried { id: 1, payload }).await.unwrap();
    means(&carried, |_| Filter::all(), &[1]).await;
    let sorted: Cache<Sorted> = harness.cache().await;
    let rows = [(1, 2), (2, 3), (3, 1)].map(|(id, place)| Sorted { id, place });
    sorted.put_many(rows).await.unwrap();
    means(&sorted, |_| Filter::all(), &[1, 2, 3]).await;
    let page = sorted
        .find(|_| Filter::all())
        .sort(|s| s.place.desc())
        .ids()
        .await
        .unwrap();
    assert_eq!(page.items, [2, 1, 3]);
    assert_eq!(sorted.stats().await.unwrap().store.objects, 3);
}
