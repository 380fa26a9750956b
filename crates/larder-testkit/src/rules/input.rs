//! Bad input: each a clear error that names the thing, and nothing lost.

use std::sync::Arc;
use std::time::SystemTime;

use larder_core::{
    Cache, ErrorKind, Filter, GeoPoint, Invalid, MAX_CONDITIONS, PutOptions, Result,
};
use larder_derive::CacheModel;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

use super::asking::{means, nonsense, refusal};
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "item", validate = short_enough)]
struct Item {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    name: String,
    #[cache(index)]
    size: Option<f64>,
    #[cache(index, sort)]
    ratio: f32,
    #[cache(index)]
    sizes: Vec<f64>,
    #[cache(index)]
    tags: Vec<String>,
    #[cache(sort)]
    sorted: String,
    #[cache(index, scale = 2)]
    #[serde(with = "rust_decimal::serde::str")]
    price: Decimal,
    #[cache(geo)]
    place: Option<GeoPoint>,
    #[cache(index)]
    at: SystemTime,
    carried: f64,
    #[cache(text)]
    text: String,
    #[cache(index)]
    number: u64,
}

fn short_enough(item: &Item) -> Result<(), Invalid> {
    if item.carried > 1e6 {
        return Err(Invalid::field("carried", "must be at most a million"));
    }
    Ok(())
}

fn item(id: u64) -> Item {
    Item {
        id,
        name: format!("item {id}"),
        size: Some(1.0),
        ratio: 1.0,
        sizes: vec![],
        tags: vec![],
        sorted: String::new(),
        price: Decimal::ONE,
        place: None,
        at: SystemTime::UNIX_EPOCH,
        carried: 0.0,
        text: "some words".to_owned(),
        number: id,
    }
}

/// A cache that holds items 1 and 2.
async fn items(harness: &Harness) -> Cache<Item> {
    let cache: Cache<Item> = harness.cache().await;
    cache.put_many([item(1), item(2)]).await.unwrap();
    cache
}

/// Checks that items 1 and 2 are there as they were put, and nothing else is.
async fn nothing_is_lost(harness: &Harness, cache: &Cache<Item>) {
    let got = cache.get_many(&[1, 2, 3]).await.unwrap();
    assert_eq!(
        got,
        [Some(Arc::new(item(1))), Some(Arc::new(item(2))), None]
    );
    if harness.expected().query {
        means(cache, |_| Filter::all(), &[1, 2]).await;
        means(cache, |i| i.name.eq("item 1"), &[1]).await;
    }
    assert_eq!(cache.stats().await.unwrap().store.objects, 2);
}

/// Checks that the change makes an item that is refused, alone, in a batch and by an update, with
/// an error that names the field; and that nothing is lost.
async fn is_refused(harness: &Harness, field: &str, change: impl Fn(&mut Item) + Send + Sync) {
    let cache = items(harness).await;
    let changed = |id| {
        let mut item = item(id);
        change(&mut item);
        item
    };
    let field = &*format!("`{field}`");
    for id in [1, 3] {
        let put = cache.put(changed(id)).await;
        refusal(put, ErrorKind::InvalidModel, field);
        // All are checked before any is stored.
        let good = Item {
            name: "changed".to_owned(),
            ..item(2)
        };
        let put = cache.put_many([good, changed(id)]).await;
        let error = refusal(put, ErrorKind::InvalidModel, field);
        assert_eq!(error.model(), Some("item"), "{error}");
        let with = cache
            .put_with(changed(id), PutOptions::default().with_tags(["a"]))
            .await;
        refusal(with, ErrorKind::InvalidModel, field);
    }
    nothing_is_lost(harness, &cache).await;
    if harness.expected().conditional_put {
        let updated = cache.update(&1, &change).await;
        refusal(updated, ErrorKind::InvalidModel, field);
        nothing_is_lost(harness, &cache).await;
    }
    if harness.expected().conditional_put && harness.expected().query {
        let updated = cache.find(|i| i.number.eq(1)).update(&change).await;
        refusal(updated, ErrorKind::InvalidModel, field);
        nothing_is_lost(harness, &cache).await;
    }
}

/// NaN is refused at the write, in every indexed float, and kept where nothing asks for it.
pub async fn nan_is_refused_at_the_write(harness: Harness) {
    is_refused(&harness, "size", |item| item.size = Some(f64::NAN)).await;
    is_refused(&harness, "ratio", |item| item.ratio = -f32::NAN).await;
    is_refused(&harness, "sizes", |item| item.sizes = vec![1.0, f64::NAN]).await;
    let cache = items(&harness).await;
    let carried = Item {
        carried: f64::NAN,
        ..item(1)
    };
    cache.put(carried).await.unwrap();
    assert!(cache.get(&1).await.unwrap().unwrap().carried.is_nan());
}

/// A keyword that no index can hold whole is refused at the write, not cut, whether indexed,
/// sorted by or in a list; carried or as text it is fine.
pub async fn a_keyword_too_long_is_refused_at_the_write(harness: Harness) {
    let megabyte = "x".repeat(1 << 20);
    is_refused(&harness, "name", |item| item.name.clone_from(&megabyte)).await;
    is_refused(&harness, "sorted", |item| item.sorted.clone_from(&megabyte)).await;
    is_refused(&harness, "tags", |item| {
        item.tags = vec!["a".to_owned(), megabyte.clone()]
    })
    .await;
    let cache = items(&harness).await;
    let text = Item {
        text: "word ".repeat(1 << 18),
        ..item(1)
    };
    cache.put(text.clone()).await.unwrap();
    assert!(cache.get(&1).await.unwrap() == Some(Arc::new(text)));
}

/// Keywords up to the limit are told apart by their last letter, by every condition.
pub async fn keywords_up_to_the_limit_are_told_apart(harness: Harness) {
    let cache = items(&harness).await;
    let long = |end: &str| format!("{}{end}", "x".repeat(3_990));
    for (id, end) in [(1, "a"), (2, "b"), (3, "ab")] {
        cache
            .put(Item {
                name: long(end),
                ..item(id)
            })
            .await
            .unwrap();
    }
    means(&cache, |i| i.name.eq(long("a")), &[1]).await;
    means(&cache, |i| i.name.in_([long("b"), long("ab")]), &[2, 3]).await;
    means(&cache, |i| i.name.starts_with(long("a")), &[1, 3]).await;
    means(&cache, |i| i.name.ends_with("b"), &[2, 3]).await;
    means(&cache, |i| i.name.eq(long("c")), &[]).await;
    // Longer than any that can be there: no error, and no match.
    means(&cache, |i| i.name.eq("x".repeat(1 << 20)), &[]).await;
    means(&cache, |i| i.name.starts_with("x".repeat(5_000)), &[]).await;
    let sorted = cache.find(|_| Filter::all()).sort(|i| i.name.desc());
    assert_eq!(sorted.ids().await.unwrap().items, [2, 3, 1]);
}

/// Decimals finer or larger than the declared scale, points off the globe and moments outside
/// 64 bits of nanoseconds are refused at the write.
pub async fn values_that_do_not_fit_their_index_are_refused(harness: Harness) {
    is_refused(&harness, "price", |item| item.price = Decimal::new(1, 3)).await;
    is_refused(&harness, "price", |item| item.price = Decimal::MAX).await;
    is_refused(&harness, "place", |item| {
        item.place = Some(GeoPoint::new(91.0, 0.0))
    })
    .await;
    is_refused(&harness, "place", |item| {
        item.place = Some(GeoPoint::new(0.0, f64::NAN))
    })
    .await;
    let year = std::time::Duration::from_secs(365 * 86_400);
    is_refused(&harness, "at", |item| item.at += 300 * year).await;
}

/// What the model's own hook refuses is not stored, and the error names the field.
pub async fn what_the_hook_refuses_is_not_stored(harness: Harness) {
    is_refused(&harness, "carried", |item| item.carried = 2e6).await;
}

/// NaN in a filter is refused, in every condition, under `!` and in lists.
pub async fn nan_in_a_filter_is_refused(harness: Harness) {
    let cache = items(&harness).await;
    let ask = |filter: fn(ItemFields<Item>) -> Filter<Item>| cache.find(filter).count();
    nonsense(ask(|i| i.size.eq(f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.ne(f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.lt(f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.le(f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.gt(f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.ge(f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.between(0.0..f64::NAN)).await, "`size`");
    nonsense(ask(|i| i.size.between(f64::NAN..)).await, "`size`");
    nonsense(ask(|i| i.size.in_([1.0, f64::NAN])).await, "`size`");
    nonsense(ask(|i| i.ratio.not_in([f32::NAN])).await, "`ratio`");
    nonsense(ask(|i| !i.sizes.contains(f64::NAN)).await, "`sizes`");
    nonsense(
        ask(|i| i.number.eq(1) | i.sizes.contains_any([f64::NAN])).await,
        "`sizes`",
    );
    nothing_is_lost(&harness, &cache).await;
}

/// A range that ends before it begins holds nothing, and is no error.
pub async fn a_range_that_ends_before_it_begins_holds_nothing(harness: Harness) {
    let cache = items(&harness).await;
    #[expect(clippy::reversed_empty_ranges, reason = "what the rule is about")]
    means(&cache, |i| i.number.between(2..1), &[]).await;
    means(&cache, |i| i.number.ge(2) & i.number.lt(2), &[]).await;
    means(&cache, |i| i.number.between(1..1), &[]).await;
    means(
        &cache,
        |i| i.size.between(f64::INFINITY..=f64::NEG_INFINITY),
        &[],
    )
    .await;
}

/// Ten thousand conditions, joined either way, are answered.
pub async fn ten_thousand_conditions_are_answered(harness: Harness) {
    let cache = items(&harness).await;
    let any = |i: ItemFields<Item>| Filter::any_of((0..10_000).map(|n| i.number.eq(n)));
    means(&cache, any, &[1, 2]).await;
    let all = |i: ItemFields<Item>| Filter::all_of((2..10_002).map(|n| i.number.ne(n)));
    means(&cache, all, &[1]).await;
    let mixed = |i: ItemFields<Item>| {
        (0..5_000).fold(Filter::none(), |filter, n| {
            filter | (i.number.eq(n) & i.name.ne("item 2"))
        })
    };
    means(&cache, mixed, &[1]).await;
    // Bracketed from the right, the tree grows at its other end.
    let right =
        |i: ItemFields<Item>| (0..10_000).fold(Filter::none(), |filter, n| i.number.eq(n) | filter);
    means(&cache, right, &[1, 2]).await;
}

/// More conditions than a filter may have are refused, and the message says the way out.
pub async fn more_conditions_than_the_limit_are_refused(harness: Harness) {
    let cache = items(&harness).await;
    let many = |count: usize| {
        cache
            .find(|i| Filter::any_of((0..count as u64).map(|n| i.number.eq(n))))
            .count()
    };
    nonsense(many(MAX_CONDITIONS + 1).await, "in_");
    assert_eq!(
        cache
            .find(|i| i.number.in_(0..100_000))
            .count()
            .await
            .unwrap(),
        2
    );
    nothing_is_lost(&harness, &cache).await;
}

/// A filter nested deeper than the limit is refused, however deep, without running out of stack;
/// one within it is answered.
pub async fn nests_too_deep_are_refused(harness: Harness) {
    let cache = items(&harness).await;
    let nested = |depth: u64| {
        cache.find(|i| (0..depth).fold(i.number.eq(1), |filter, n| !(filter & i.number.ne(n + 50))))
    };
    assert_eq!(nested(20).count().await.unwrap(), 1);
    for depth in [200, 100_000] {
        nonsense(nested(depth).count().await, "deep");
        nonsense(nested(depth).remove().await, "deep");
    }
    let negations = (0..100_001).fold(Filter::all(), |filter, _| !filter);
    assert_eq!(cache.find(|_| negations).count().await.unwrap(), 0);
    nothing_is_lost(&harness, &cache).await;
}

#[derive(Debug, Deserialize, CacheModel)]
#[cache(name = "bomb")]
struct Bomb {
    #[cache(id)]
    id: u64,
    #[serde(default)]
    armed: bool,
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(!self.armed, "no way to write this");
        serializer.serialize_u64(self.id)
    }
}

#[derive(Debug, Deserialize, CacheModel)]
#[cache(name = "failing")]
struct Failing {
    #[cache(id)]
    id: u64,
}

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("this cannot be written"))
    }
}

/// A `Serialize` that panics is an `Encode` error with the panic's message; nothing of its batch
/// is stored, and the store goes on.
pub async fn a_panicking_serialize_is_an_error(harness: Harness) {
    let cache: Cache<Bomb> = harness.cache().await;
    let bomb = |id, armed| Bomb { id, armed };
    let error = refusal(
        cache.put(bomb(1, true)).await,
        ErrorKind::Encode,
        "no way to write this",
    );
    assert!(
        error.to_string().contains("Bomb"),
        "it names the type: {error}"
    );
    let batch = [bomb(1, false), bomb(2, true), bomb(3, false)];
    refusal(
        cache.put_many(batch).await,
        ErrorKind::Encode,
        "no way to write this",
    );
    assert_eq!(cache.stats().await.unwrap().store.objects, 0);
    let items = items(&harness).await;
    nothing_is_lost(&harness, &items).await;
    cache.put(bomb(4, false)).await.unwrap();
    refusal(
        cache.put(bomb(4, true)).await,
        ErrorKind::Encode,
        "no way to write this",
    );
    assert_eq!(cache.stats().await.unwrap().store.objects, 1);
}

/// A `Serialize` that fails is an `Encode` error with its message, and nothing is stored.
pub async fn a_failing_serialize_is_an_error(harness: Harness) {
    let cache: Cache<Failing> = harness.cache().await;
    let put = cache.put(Failing { id: 1 }).await;
    refusal(put, ErrorKind::Encode, "this cannot be written");
    assert_eq!(cache.stats().await.unwrap().store.objects, 0);
    assert!(!cache.contains(&1).await.unwrap());
}

/// A panic in the closure of an update reaches the caller; the object is as before and can be
/// updated again.
pub async fn a_panicking_update_leaves_the_object(harness: Harness) {
    let cache = items(&harness).await;
    let updating = cache.clone();
    let panicked = tokio::spawn(async move {
        let update = updating.update(&1, |item| {
            item.name = "half done".to_owned();
            panic!("not today");
        });
        update.await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    nothing_is_lost(&harness, &cache).await;
    let updated = cache.update(&1, |item| item.size = None).await.unwrap();
    assert_eq!(updated.unwrap().size, None);
}

/// A panic in the closure of `find(..).update` reaches the caller; each object is as before or
/// changed, and the store goes on.
pub async fn a_panicking_find_update_leaves_each_object_whole(harness: Harness) {
    let cache = items(&harness).await;
    let updating = cache.clone();
    let panicked = tokio::spawn(async move {
        let mut calls = 0;
        let update = updating.find(|_| Filter::all()).update(move |item| {
            calls += 1;
            assert!(calls < 2, "not today");
            item.name = "changed".to_owned();
        });
        update.await
    });
    assert!(panicked.await.unwrap_err().is_panic());
    means(&cache, |i| i.name.eq("changed"), &[1]).await;
    means(&cache, |i| i.name.eq("item 2"), &[2]).await;
    assert_eq!(
        cache
            .find(|_| Filter::all())
            .update(|item| item.size = None)
            .await
            .unwrap(),
        2
    );
}

/// Every error of a query names the model, so that a log line tells where to look.
pub async fn errors_name_the_model(harness: Harness) {
    let cache = items(&harness).await;
    let all = || cache.find(|_| Filter::all());
    let unknown = refusal(
        all().sort_by_name("nosuch"),
        ErrorKind::InvalidFilter,
        "`nosuch`",
    );
    assert_eq!(unknown.model(), Some("item"));
    let zero = refusal(
        all().page(0, 1).fetch().await,
        ErrorKind::InvalidFilter,
        "page 0",
    );
    assert_eq!(zero.model(), Some("item"));
    let far = refusal(
        all().offset(20_000).fetch().await,
        ErrorKind::InvalidFilter,
        "20000",
    );
    assert_eq!(far.model(), Some("item"));
    let nan = cache.find(|i| i.size.eq(f64::NAN)).fetch().await;
    assert_eq!(
        refusal(nan, ErrorKind::InvalidFilter, "NaN").model(),
        Some("item")
    );
    let skipped = cache.find(|_| Filter::skipped()).fetch().await;
    let skipped = refusal(skipped, ErrorKind::InvalidFilter, "or_all");
    assert_eq!(skipped.model(), Some("item"), "{skipped}");
}
