//! Two-valued logic over values that may be missing, and conditions that were left out.

use larder_core::{Cache, Filter};
use larder_derive::{CacheFields, CacheModel};
use serde::{Deserialize, Serialize};

use super::asking::{means, nonsense};
use crate::conformance::Harness;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CacheFields)]
struct Address {
    #[cache(index, sort)]
    city: Option<String>,
    #[cache(index)]
    floor: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "contact")]
struct Contact {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    name: Option<String>,
    #[cache(index, sort)]
    age: Option<u32>,
    #[cache(index)]
    tags: Option<Vec<String>>,
    #[cache(text)]
    bio: Option<String>,
    #[cache(sort)]
    rank: Option<i64>,
    #[cache(flatten)]
    address: Option<Address>,
}

/// 1 has nothing, 2 has what is empty, 3 and 4 have values.
async fn contacts(harness: &Harness) -> Cache<Contact> {
    let cache: Cache<Contact> = harness.cache().await;
    let nothing = Contact {
        id: 1,
        ..Contact::default()
    };
    let empty = Contact {
        id: 2,
        name: Some(String::new()),
        age: Some(0),
        tags: Some(vec![]),
        bio: Some(String::new()),
        rank: Some(0),
        address: Some(Address::default()),
    };
    let full = |id: u64, name: &str| Contact {
        id,
        name: Some(name.to_owned()),
        age: Some(30 + id as u32),
        tags: Some(vec!["x".to_owned(), name.to_owned()]),
        bio: Some(format!("about {name}")),
        rank: Some(-1),
        address: Some(Address {
            city: Some("Leipzig".to_owned()),
            floor: -1,
        }),
    };
    let all = [nothing, empty, full(3, "ann"), full(4, "bob")];
    cache.put_many(all).await.unwrap();
    cache
}

const NOBODY: [&str; 0] = [];

/// A missing value equals nothing, is in no range and fits no pattern.
pub async fn no_condition_holds_of_a_missing_value(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.name.eq("ann"), &[3]).await;
    means(&cache, |c| c.name.in_(["ann", "bob", "none"]), &[3, 4]).await;
    means(&cache, |c| c.age.ge(0), &[2, 3, 4]).await;
    means(&cache, |c| c.age.le(u32::MAX), &[2, 3, 4]).await;
    means(&cache, |c| c.age.between(..), &[2, 3, 4]).await;
    means(&cache, |c| c.age.lt(1), &[2]).await;
    means(&cache, |c| c.name.starts_with(""), &[2, 3, 4]).await;
    means(&cache, |c| c.name.ends_with(""), &[2, 3, 4]).await;
    means(&cache, |c| c.name.contains(""), &[2, 3, 4]).await;
    means(&cache, |c| c.name.like("*"), &[2, 3, 4]).await;
    means(&cache, |c| c.tags.contains("x"), &[3, 4]).await;
    means(&cache, |c| c.address.floor.le(0), &[2, 3, 4]).await;
}

/// No word occurs in a missing text.
pub async fn no_word_occurs_in_a_missing_text(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.bio.matches("about"), &[3, 4]).await;
    means(&cache, |c| c.bio.prefix("a"), &[3, 4]).await;
    means(&cache, |c| c.bio.any("ann bob"), &[3, 4]).await;
    means(&cache, |c| c.bio.phrase("about ann"), &[3]).await;
    means(&cache, |c| c.bio.fuzzy("anm", 1), &[3]).await;
}

/// `ne`, `not_in` and `!` include the rows without a value.
pub async fn complements_include_what_is_missing(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.name.ne("ann"), &[1, 2, 4]).await;
    means(&cache, |c| !c.name.eq("ann"), &[1, 2, 4]).await;
    means(&cache, |c| c.name.not_in(["ann", "bob"]), &[1, 2]).await;
    means(&cache, |c| !c.name.in_(["ann", "bob"]), &[1, 2]).await;
    means(&cache, |c| !c.age.ge(1), &[1, 2]).await;
    means(&cache, |c| !c.name.starts_with("a"), &[1, 2, 4]).await;
    means(&cache, |c| !c.tags.contains("x"), &[1, 2]).await;
    means(&cache, |c| c.age.ne(0), &[1, 3, 4]).await;
    means(&cache, |c| !!c.name.eq("ann"), &[3]).await;
    means(&cache, |c| !!!c.name.eq("ann"), &[1, 2, 4]).await;
    means(&cache, |c| c.age.ge(1) | !c.age.ge(1), &[1, 2, 3, 4]).await;
    means(&cache, |c| c.age.ge(1) & !c.age.ge(1), &[]).await;
    means(&cache, |c| c.age.lt(1) | c.age.ge(1), &[2, 3, 4]).await;
}

/// `is_none` and `is_some` tell missing values from all others, on every kind of field.
pub async fn is_none_and_is_some_tell_what_is_missing(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.name.is_none(), &[1]).await;
    means(&cache, |c| c.name.is_some(), &[2, 3, 4]).await;
    means(&cache, |c| c.age.is_none(), &[1]).await;
    means(&cache, |c| c.tags.is_none(), &[1]).await;
    means(&cache, |c| c.tags.is_some(), &[2, 3, 4]).await;
    means(&cache, |c| c.rank.is_none(), &[1]).await;
    means(&cache, |c| c.address.city.is_none(), &[1, 2]).await;
    means(&cache, |c| c.address.city.is_some(), &[3, 4]).await;
    means(&cache, |c| c.address.floor.is_none(), &[1]).await;
    means(&cache, |c| c.address.floor.is_some(), &[2, 3, 4]).await;
    means(&cache, |c| c.name.is_none() & c.age.is_some(), &[]).await;
    means(&cache, |c| c.name.is_none() | c.age.eq(0), &[1, 2]).await;
}

/// A text that is missing is told from one without words.
pub async fn is_none_tells_a_missing_text_from_an_empty_one(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.bio.is_none(), &[1]).await;
    means(&cache, |c| c.bio.is_some(), &[2, 3, 4]).await;
    means(&cache, |c| c.bio.is_some() & !c.bio.matches("about"), &[2]).await;
}

/// The empty string is a value, the empty list is there without elements, `None` is neither.
pub async fn empty_and_missing_are_different_things(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.name.eq(""), &[2]).await;
    means(&cache, |c| c.name.ne(""), &[1, 3, 4]).await;
    means(&cache, |c| c.tags.is_empty(), &[2]).await;
    means(&cache, |c| !c.tags.is_empty(), &[1, 3, 4]).await;
    means(&cache, |c| c.tags.contains(""), &[]).await;
    let marked = |tags: &[&str]| Contact {
        id: 5,
        tags: Some(tags.iter().map(|tag| (*tag).to_owned()).collect()),
        ..Contact::default()
    };
    cache.put(marked(&[""])).await.unwrap();
    means(&cache, |c| c.tags.is_empty(), &[2]).await;
    means(&cache, |c| c.tags.contains(""), &[5]).await;
    cache.put(marked(&[])).await.unwrap();
    means(&cache, |c| c.tags.is_empty(), &[2, 5]).await;
    means(&cache, |c| c.tags.contains(""), &[]).await;
}

/// One of no values is none, none of no values is all; all of no conditions hold, any of none
/// does not.
pub async fn conditions_over_nothing_have_a_meaning(harness: Harness) {
    let cache = contacts(&harness).await;
    let everyone = [1, 2, 3, 4];
    means(&cache, |c| c.name.in_(NOBODY), &[]).await;
    means(&cache, |c| c.name.not_in(NOBODY), &everyone).await;
    means(&cache, |c| c.tags.contains_any(NOBODY), &[]).await;
    means(&cache, |c| c.tags.contains_all(NOBODY), &everyone).await;
    means(&cache, |c| c.age.in_([]), &[]).await;
    means(&cache, |_| Filter::all_of([]), &everyone).await;
    means(&cache, |_| Filter::any_of([]), &[]).await;
    means(&cache, |_| Filter::all(), &everyone).await;
    means(&cache, |_| Filter::none(), &[]).await;
    means(&cache, |c| c.name.in_(NOBODY) | c.age.eq(0), &[2]).await;
    means(&cache, |c| c.name.not_in(NOBODY) & c.age.eq(0), &[2]).await;
    means(&cache, |c| Filter::none() | c.age.eq(0), &[2]).await;
    means(&cache, |c| Filter::all() & c.age.eq(0), &[2]).await;
}

/// `&` and `|` bind as in Rust, nest, and do not care for order or repetition.
pub async fn and_or_and_not_follow_the_laws_of_logic(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.name.eq("ann") | c.name.eq("bob"), &[3, 4]).await;
    means(&cache, |c| c.name.eq("ann") & c.name.eq("bob"), &[]).await;
    means(
        &cache,
        |c| c.age.eq(0) | c.age.ge(33) & c.name.eq("bob"),
        &[2, 4],
    )
    .await;
    means(
        &cache,
        |c| (c.age.eq(0) | c.age.ge(33)) & c.name.eq("bob"),
        &[4],
    )
    .await;
    means(&cache, |c| !(c.name.eq("ann") | c.name.is_none()), &[2, 4]).await;
    means(&cache, |c| !(c.name.eq("ann") & c.age.eq(33)), &[1, 2, 4]).await;
    means(
        &cache,
        |c| !(!c.name.eq("ann") & !c.name.eq("bob")),
        &[3, 4],
    )
    .await;
    means(&cache, |c| c.name.eq("ann") & c.name.eq("ann"), &[3]).await;
    let several = |c: ContactFields<Contact>| {
        Filter::all_of([c.age.ge(30), !c.name.eq("ann"), c.tags.contains("x")])
    };
    means(&cache, several, &[4]).await;
    let several = |c: ContactFields<Contact>| {
        Filter::any_of([c.age.is_none(), c.name.eq(""), c.tags.contains("bob")])
    };
    means(&cache, several, &[1, 2, 4]).await;
    // An `or` inside an `and` whose disjunct holds a negation: one engine gets this wrong.
    let nested = |c: ContactFields<Contact>| {
        c.tags.contains("x") & (c.name.eq("ann") | (c.age.ge(30) & !c.name.eq("ann")))
    };
    means(&cache, nested, &[3, 4]).await;
}

/// A condition without a value stands for nothing, under `&`, `|` and `!` alike.
pub async fn skipped_conditions_stand_for_nothing(harness: Harness) {
    let cache = contacts(&harness).await;
    let no: Option<&str> = None;
    means(&cache, |c| c.name.eq_if(Some("ann")), &[3]).await;
    means(&cache, |c| c.name.eq_if(no) & c.age.eq(0), &[2]).await;
    means(&cache, |c| c.age.eq(0) & c.name.eq_if(no), &[2]).await;
    means(&cache, |c| c.name.eq_if(no) | c.age.eq(0), &[2]).await;
    means(&cache, |c| !c.name.eq_if(no) & c.age.eq(0), &[2]).await;
    means(&cache, |c| !(c.name.eq_if(no) | c.age.eq(0)), &[1, 3, 4]).await;
    let none: Option<[&str; 1]> = None;
    let all = |c: ContactFields<Contact>| {
        Filter::all_of([
            c.name.ne_if(no),
            c.name.in_if(none),
            c.name.not_in_if(none),
            c.name.starts_with_if(no),
            c.name.ends_with_if(no),
            c.name.contains_if(no),
            c.name.like_if(no),
            c.tags.contains_if(no),
            c.tags.contains_any_if(none),
            c.tags.contains_all_if(none),
            c.age.lt_if(None),
            c.age.le_if(None),
            c.age.gt_if(None),
            c.age.ge_if(None),
            c.age.between_if(None::<std::ops::Range<u32>>),
        ])
    };
    assert!(all(<Contact as larder_core::CacheModel>::FIELDS).is_skipped());
    means(&cache, |c| all(c) & c.age.eq(0), &[2]).await;
    means(&cache, |c| Filter::any_of([all(c), c.age.eq(0)]), &[2]).await;
}

/// The optional twin of each condition is that condition when there is a value.
pub async fn optional_conditions_with_a_value_are_their_twins(harness: Harness) {
    let cache = contacts(&harness).await;
    means(&cache, |c| c.name.ne_if(Some("ann")), &[1, 2, 4]).await;
    means(&cache, |c| c.name.in_if(Some(["ann"])), &[3]).await;
    means(&cache, |c| c.name.not_in_if(Some(["ann"])), &[1, 2, 4]).await;
    means(&cache, |c| c.name.starts_with_if(Some("a")), &[3]).await;
    means(&cache, |c| c.name.ends_with_if(Some("b")), &[4]).await;
    means(&cache, |c| c.name.contains_if(Some("n")), &[3]).await;
    means(&cache, |c| c.name.like_if(Some("b*b")), &[4]).await;
    means(&cache, |c| c.tags.contains_if(Some("bob")), &[4]).await;
    means(
        &cache,
        |c| c.tags.contains_any_if(Some(["bob", "x"])),
        &[3, 4],
    )
    .await;
    means(&cache, |c| c.tags.contains_all_if(Some(["bob", "x"])), &[4]).await;
    means(&cache, |c| c.age.eq_if(Some(33)), &[3]).await;
    means(&cache, |c| c.age.lt_if(Some(33)), &[2]).await;
    means(&cache, |c| c.age.le_if(Some(33)), &[2, 3]).await;
    means(&cache, |c| c.age.gt_if(Some(33)), &[4]).await;
    means(&cache, |c| c.age.ge_if(Some(33)), &[3, 4]).await;
    means(&cache, |c| c.age.between_if(Some(1..34)), &[3]).await;
}

/// A filter of which everything was skipped is refused wherever it is used, for reading and
/// above all for removing.
pub async fn a_filter_of_skipped_conditions_is_refused(harness: Harness) {
    let cache = contacts(&harness).await;
    let no: Option<&str> = None;
    type Ask = fn(ContactFields<Contact>, Option<&str>) -> Filter<Contact>;
    let filters: [Ask; 5] = [
        |c, no| c.name.eq_if(no),
        |c, no| !c.name.eq_if(no),
        |c, no| c.name.eq_if(no) & c.age.eq_if(None),
        |c, no| c.name.eq_if(no) | !c.age.eq_if(None),
        |_, _| Filter::any_of([Filter::skipped()]),
    ];
    for filter in filters {
        let find = || cache.find(|c| filter(c, no));
        nonsense(find().fetch().await, "or_all");
        nonsense(find().ids().await, "or_all");
        nonsense(find().first().await, "or_all");
        nonsense(find().one().await, "or_all");
        nonsense(find().count().await, "or_all");
        nonsense(find().exists().await, "or_all");
        nonsense(find().stream(), "or_all");
        nonsense(find().update(|_| ()).await, "or_all");
        nonsense(find().remove().await, "or_all");
        nonsense(find().facets(|c| c.name, 1).await, "or_all");
    }
    means(&cache, |_| Filter::all(), &[1, 2, 3, 4]).await;
}

/// `or_all` makes a filter of skipped conditions mean every object, and changes no other.
pub async fn or_all_is_the_word_for_every_object(harness: Harness) {
    let cache = contacts(&harness).await;
    let no: Option<&str> = None;
    means(&cache, |c| c.name.eq_if(no).or_all(), &[1, 2, 3, 4]).await;
    means(&cache, |c| (!c.name.eq_if(no)).or_all(), &[1, 2, 3, 4]).await;
    means(&cache, |c| c.name.eq_if(Some("ann")).or_all(), &[3]).await;
    means(&cache, |_| Filter::none().or_all(), &[]).await;
}
