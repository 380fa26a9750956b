//! How rules ask a cache and check what it answers.

use larder_core::{Cache, CacheModel, Error, ErrorKind, Filter, Result};

/// Checks that the filter means just the objects with these ids, however it is asked: for ids,
/// for objects, for their number, for whether there are any; and that its complement means all
/// the others.
pub(crate) async fn means<M: CacheModel>(
    cache: &Cache<M>,
    filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    expected: &[M::Id],
) {
    let filter = filter(M::FIELDS);
    means_positively(cache, |_| filter.clone(), expected).await;
    let mut others = ids(cache, Filter::all()).await;
    others.retain(|id| !expected.contains(id));
    means_positively(cache, |_| !filter, &others).await;
}

/// As [`means`], without the complement: for what a store need not answer under `!`.
pub(crate) async fn means_positively<M: CacheModel>(
    cache: &Cache<M>,
    filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    expected: &[M::Id],
) {
    let filter = filter(M::FIELDS);
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(ids(cache, filter.clone()).await, expected, "{filter:?}");
    let page = cache.find(|_| filter.clone()).fetch().await.unwrap();
    let mut found: Vec<M::Id> = page.items.iter().map(|object| object.id()).collect();
    found.sort();
    assert_eq!(found, expected, "objects of {filter:?}");
    let count = cache.find(|_| filter.clone()).count().await.unwrap();
    assert_eq!(count, expected.len() as u64, "count of {filter:?}");
    let exists = cache.find(|_| filter.clone()).exists().await.unwrap();
    assert_eq!(exists, !expected.is_empty(), "exists of {filter:?}");
}

/// The ids that the filter means, in their own order whatever the answer's.
async fn ids<M: CacheModel>(cache: &Cache<M>, filter: Filter<M>) -> Vec<M::Id> {
    let answer = cache.find(|_| filter.clone()).ids().await;
    let mut ids = answer
        .unwrap_or_else(|error| panic!("{filter:?}: {error}"))
        .items;
    ids.sort();
    ids
}

/// The error there has to be: of this kind, with a message that holds `names`.
#[track_caller]
pub(crate) fn refusal<T>(result: Result<T>, kind: ErrorKind, names: &str) -> Error {
    let Err(error) = result else {
        panic!("an error of kind `{kind}` was expected");
    };
    assert_eq!(error.kind(), kind, "{error}");
    assert!(
        error.to_string().contains(names),
        "the message does not name {names:?}: {error}"
    );
    error
}

/// As [`refusal`], of the kind `InvalidFilter`.
#[track_caller]
pub(crate) fn nonsense<T>(result: Result<T>, names: &str) {
    refusal(result, ErrorKind::InvalidFilter, names);
}
