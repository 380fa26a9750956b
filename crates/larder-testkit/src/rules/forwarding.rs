//! A store behind `Arc` and `Box`, one around the other, is the store.

use std::sync::Arc;

use larder_core::store::{CacheStore, Probe, Want};
use larder_core::{Cache, CacheModel as _, Clock as _, Id as _, Lifetime, Store};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::{
    aggregate, capability, close, crud, expiry, kept, leases, marks, models, paging, revisions,
    tags, text,
};
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "parcel")]
struct Parcel {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
}

fn parcel(id: u64) -> Parcel {
    Parcel {
        id,
        name: format!("parcel {id}"),
    }
}

/// What goes in through one pointer comes out through any other.
pub async fn a_store_and_its_wrappings_are_one_store(harness: Harness) {
    let store = Arc::clone(harness.store());
    let boxed: Box<dyn CacheStore> = Box::new(Arc::clone(&store));
    let wrapped: Store = Arc::new(Arc::new(boxed));
    let plain: Cache<Parcel> = Cache::builder(store).build().await.unwrap();
    let through: Cache<Parcel> = Cache::builder(wrapped).build().await.unwrap();
    assert_eq!(plain.store().capability(), through.store().capability());
    through.put(parcel(1)).await.unwrap();
    plain.put(parcel(2)).await.unwrap();
    for cache in [&plain, &through] {
        for id in [1, 2] {
            assert_eq!(cache.get(&id).await.unwrap(), Some(Arc::new(parcel(id))));
        }
        assert_eq!(cache.stats().await.unwrap().store.objects, 2);
    }
    assert!(through.remove(&2).await.unwrap());
    assert!(!plain.contains(&2).await.unwrap());
}

/// Each method of the contract reaches the store through every pointer with its own arguments.
pub async fn each_method_is_forwarded(harness: Harness) {
    let wrapped = harness.clone().wrapped();
    let cache: Cache<Parcel> = wrapped.cache().await;
    let (store, model) = (wrapped.store(), cache.model());
    assert_eq!(model.schema().name(), "parcel");
    cache.put_many([parcel(1), parcel(2)]).await.unwrap();
    let keys = [1_u64, 9, 2].map(|id| id.to_key());
    let found = store.get_many(model, &keys, Want::Fresh).await.unwrap();
    assert_eq!(
        found.iter().map(Option::is_some).collect::<Vec<_>>(),
        [true, false, true]
    );
    let authoritative = harness.expected().authoritative_probe;
    assert!(matches!(store.probe(model, &keys[0], Want::Fresh), Probe::Hit(_)) || !authoritative);
    assert!(!matches!(
        store.probe(model, &keys[1], Want::Fresh),
        Probe::Hit(_)
    ));
    let touched = store
        .touch_many(model, &keys, Lifetime::Forever)
        .await
        .unwrap();
    assert_eq!(touched, [true, false, true]);
    let inner: Cache<Parcel> = harness.cache().await;
    assert_eq!(inner.get(&2).await.unwrap().unwrap().id_key(), keys[2]);
    assert_eq!(store.models().len(), harness.store().models().len());
    assert_eq!(store.now(), harness.clock().now());
    assert_eq!(store.leases().is_some(), harness.expected().leases);
    cache.clear().await.unwrap();
    assert_eq!(inner.stats().await.unwrap().store.objects, 0);
}

macro_rules! wrapped {
    ($($(#[$doc:meta])* $name:ident($group:ident) [$($rule:ident),+ $(,)?];)+) => {$(
        $(#[$doc])*
        pub async fn $name(harness: Harness) {
            $($group::$rule(harness.clone().wrapped()).await;)+
        }
    )+};
}
wrapped! {
    /// Objects by id behave behind pointers as without.
    objects_by_id_are_the_same_behind_pointers(crud) [conditions_in_one_batch_see_what_stands_before_them];
    /// Removal by id behaves behind pointers as without.
    removal_is_the_same_behind_pointers(crud) [remove_says_whether_it_was_there];
    /// Removal by filter behaves behind pointers as without.
    removal_by_filter_is_the_same_behind_pointers(crud) [find_remove_removes_all_that_match_and_no_other];
    /// Updates behave behind pointers as without.
    updates_are_the_same_behind_pointers(crud) [update_keeps_lifetime_and_tags];
    /// Lifetimes end behind pointers as without.
    lifetimes_are_the_same_behind_pointers(expiry) [touch_gives_a_new_lifetime_from_now];
    /// Probes tell behind pointers what they tell without.
    probes_are_the_same_behind_pointers(capability) [a_probe_tells_what_it_may_tell];
    /// Live objects stay the very same behind pointers.
    live_objects_are_the_same_behind_pointers(capability) [a_live_object_is_the_very_one_that_was_put];
    /// What is denied is denied behind pointers as without.
    denials_are_the_same_behind_pointers(capability) [
        what_is_promised_is_answered_and_what_is_denied_is_unsupported,
    ];
    /// Names of models are taken behind pointers as without.
    models_are_the_same_behind_pointers(models) [two_types_of_one_name_are_refused];
    /// Pages and cursors are the same behind pointers as without.
    pages_are_the_same_behind_pointers(paging) [pages_by_cursor_make_up_the_whole];
    /// Words are found behind pointers as without.
    words_are_the_same_behind_pointers(text) [matches_wants_all_words_and_any_wants_one];
    /// Facets count behind pointers as without.
    facets_are_the_same_behind_pointers(aggregate) [facets_say_how_many_values_were_left_out];
    /// What is stale is kept behind pointers as without, and what is absent known.
    fallbacks_are_the_same_behind_pointers(kept) [
        expire_leaves_a_fallback_and_remove_does_not,
        absence_is_known_to_loads_alone,
    ];
    /// Revisions go behind pointers as without.
    revisions_are_the_same_behind_pointers(revisions) [if_newer_stores_only_over_what_is_older];
    /// Removal by tag takes behind pointers what it takes without.
    tags_are_the_same_behind_pointers(tags) [removal_by_tag_takes_all_that_have_one];
    /// Marks end behind pointers where they end without.
    marks_are_the_same_behind_pointers(marks) [a_mark_ends_where_an_object_that_matches_leaves];
    /// Leases are granted behind pointers as without.
    leases_are_the_same_behind_pointers(leases) [leases_are_answered_in_the_order_asked];
    /// Leases are given back behind pointers as without.
    released_leases_are_the_same_behind_pointers(leases) [a_lease_given_back_is_free];
    /// Fences stand behind pointers as without.
    fences_are_the_same_behind_pointers(leases) [each_writers_fence_is_its_own];
    /// A store is closed behind pointers as without.
    closing_is_the_same_behind_pointers(close) [a_closed_store_refuses_everything];
}
