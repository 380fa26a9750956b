//! Pages by offset and by cursor, totals, and streams.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use larder_core::{Cache, Cursor, Extent, Filter, Find, Result, Total, Truncation};
use larder_derive::CacheModel;
use serde::{Deserialize, Serialize};

use super::asking::nonsense;
use crate::conformance::Harness;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheModel)]
#[cache(name = "post")]
struct Post {
    #[cache(id)]
    id: u32,
    #[cache(index, sort)]
    author: Option<String>,
    #[cache(index, sort)]
    votes: i32,
    #[cache(index, sort)]
    score: Option<f64>,
    #[cache(text)]
    text: String,
}

fn post(id: u32) -> Post {
    Post {
        id,
        author: (!id.is_multiple_of(4)).then(|| format!("author {}", id % 3)),
        votes: (id as i32 * 7) % 5 - 2,
        score: [None, Some(-0.0), Some(f64::INFINITY), Some(0.5)][id as usize % 4],
        text: "some text".to_owned(),
    }
}

async fn posts(harness: &Harness, count: u32) -> Cache<Post> {
    let cache: Cache<Post> = harness.cache().await;
    cache.put_many((0..count).map(post)).await.unwrap();
    cache
}

/// The orders that pages are walked in.
type Order = for<'c> fn(Find<'c, Post>) -> Find<'c, Post>;

const ORDERS: [Order; 6] = [
    |find| find,
    |find| find.sort(|p| p.author.asc()),
    |find| find.sort(|p| p.score.desc()),
    |find| find.sort(|p| p.votes.desc()).sort(|p| p.author.desc()),
    |find| {
        find.sort(|p| p.score.asc())
            .sort(|p| p.votes.asc())
            .sort(|p| p.author.desc())
    },
    |find| find.sort(|p| p.votes.asc()),
];

fn all(cache: &Cache<Post>) -> Find<'_, Post> {
    cache.find(|_| Filter::all())
}

/// A cursor as a browser would send it back.
fn sent(cursor: &Cursor) -> Cursor {
    let text = cursor.to_string();
    assert!(
        text.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c)),
        "{text}"
    );
    let read: Cursor = text.parse().unwrap();
    assert_eq!(read, *cursor);
    read
}

/// Walks by cursor to the end, `size` at a time; calls `between` after each page but the last.
async fn walk(
    cache: &Cache<Post>,
    order: Order,
    size: usize,
    mut between: impl AsyncFnMut(usize),
) -> Vec<u32> {
    let mut seen = Vec::new();
    let mut cursor = None;
    for number in 0.. {
        let mut find = order(all(cache)).limit(size);
        if let Some(cursor) = cursor.take() {
            find = find.after(cursor);
        }
        let page = find.ids().await.unwrap();
        seen.extend(&page.items);
        match page.next {
            Some(next) => {
                assert_eq!(page.items.len(), size, "only the last page is short");
                assert_eq!(page.extent, Extent::Truncated(Truncation::Limit));
                cursor = Some(sent(&next));
            }
            None => {
                assert_eq!(page.extent, Extent::Exhausted);
                break;
            }
        }
        between(number).await;
    }
    seen
}

/// Pages by offset, one after the other, are the whole answer: nothing twice, nothing left out.
pub async fn pages_by_offset_make_up_the_whole(harness: Harness) {
    let cache = posts(&harness, 41).await;
    for order in ORDERS {
        let whole = order(all(&cache)).ids().await.unwrap().items;
        assert_eq!(whole.len(), 41);
        for size in [1, 7, 41, 100] {
            let mut paged = Vec::new();
            for number in 1..=41_usize.div_ceil(size) {
                let page = order(all(&cache)).page(number, size).ids().await.unwrap();
                let last = number == 41_usize.div_ceil(size);
                assert_eq!(page.extent.is_exhausted(), last, "page {number} of {size}");
                paged.extend(page.items);
            }
            assert_eq!(paged, whole);
        }
    }
}

/// Pages by cursor, sent as text and back, are the whole answer in every order, by id, by values
/// and by missing ones.
pub async fn pages_by_cursor_make_up_the_whole(harness: Harness) {
    let cache = posts(&harness, 41).await;
    for order in ORDERS {
        let whole = order(all(&cache)).ids().await.unwrap().items;
        for size in [1, 7, 40, 41, 100] {
            assert_eq!(walk(&cache, order, size, async |_| ()).await, whole);
        }
    }
}

/// A page says `Truncated` just if something comes behind it.
pub async fn a_page_says_whether_anything_comes_behind_it(harness: Harness) {
    let cache = posts(&harness, 10).await;
    let more = |extent: Extent| extent == Extent::Truncated(Truncation::Limit);
    assert!(!more(all(&cache).fetch().await.unwrap().extent));
    assert!(!more(all(&cache).limit(10).fetch().await.unwrap().extent));
    assert!(more(all(&cache).limit(9).fetch().await.unwrap().extent));
    assert!(!more(
        all(&cache).offset(1).limit(9).fetch().await.unwrap().extent
    ));
    assert!(more(all(&cache).page(2, 4).fetch().await.unwrap().extent));
    assert!(!more(all(&cache).page(3, 4).fetch().await.unwrap().extent));
    assert!(!more(
        all(&cache).limit(usize::MAX).fetch().await.unwrap().extent
    ));
    let page = all(&cache)
        .offset(5)
        .limit(usize::MAX)
        .fetch()
        .await
        .unwrap();
    assert_eq!((page.items.len(), more(page.extent)), (5, false));
    assert!(page.next.is_none());
}

/// A total is there if asked for, counts all that match and not the page, and is exact.
pub async fn a_total_counts_all_that_match(harness: Harness) {
    let cache = posts(&harness, 25).await;
    let page = all(&cache).limit(3).fetch().await.unwrap();
    assert_eq!(page.total, None);
    for (offset, limit) in [(0, 3), (24, 3), (25, 1), (100, 10), (0, 100), (7, 0)] {
        let page = all(&cache).offset(offset).limit(limit).with_total();
        let page = page.fetch().await.unwrap();
        assert_eq!(page.total, Some(Total::Exact(25)));
    }
    let first = all(&cache).limit(10).with_total().fetch().await.unwrap();
    let second = all(&cache)
        .limit(10)
        .with_total()
        .after(first.next.unwrap());
    let second = second.fetch().await.unwrap();
    assert_eq!(
        second.total,
        Some(Total::Exact(25)),
        "a cursor leaves nothing out of the total"
    );
    let some = cache
        .find(|p| p.votes.ge(2))
        .limit(1)
        .with_total()
        .sort(|p| p.votes.asc());
    let some = some.ids().await.unwrap();
    assert_eq!(some.total, Some(Total::Exact(5)));
    let none = cache
        .find(|_| Filter::none())
        .with_total()
        .fetch()
        .await
        .unwrap();
    assert_eq!((none.items.len(), none.total), (0, Some(Total::Exact(0))));
}

/// Page 0 is refused: pages are counted from 1.
pub async fn page_zero_is_refused(harness: Harness) {
    let cache = posts(&harness, 3).await;
    nonsense(all(&cache).page(0, 10).fetch().await, "page 0");
    nonsense(all(&cache).page(0, 10).ids().await, "page 0");
    nonsense(all(&cache).page(0, 10).stream(), "page 0");
    assert_eq!(
        all(&cache).page(1, 10).ids().await.unwrap().items,
        [0, 1, 2]
    );
}

/// Limit 0 brings nothing, and still the total; it says whether anything matches.
pub async fn limit_zero_brings_nothing_but_the_total(harness: Harness) {
    let cache = posts(&harness, 3).await;
    let page = all(&cache).limit(0).with_total().fetch().await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
    assert_eq!(page.total, Some(Total::Exact(3)));
    assert_eq!(page.extent, Extent::Truncated(Truncation::Limit));
    let page = all(&cache).page(1, 0).ids().await.unwrap();
    assert!(page.items.is_empty());
    let page = cache
        .find(|_| Filter::none())
        .limit(0)
        .fetch()
        .await
        .unwrap();
    assert_eq!(page.extent, Extent::Exhausted);
}

/// A page of no rows says whether anything comes behind its place all the same.
pub async fn limit_zero_tells_what_is_behind_its_place(harness: Harness) {
    let cache = posts(&harness, 3).await;
    for (offset, is_all) in [(0, false), (2, false), (3, true), (20, true)] {
        let page = all(&cache).offset(offset).limit(0).fetch().await.unwrap();
        assert_eq!(page.extent.is_exhausted(), is_all, "{offset}");
    }
    let mut find = all(&cache);
    for left in [2, 1] {
        let next = find.limit(1).fetch().await.unwrap().next.unwrap();
        let page = all(&cache).after(next.clone()).limit(0).fetch().await;
        assert!(!page.unwrap().extent.is_exhausted(), "{left}");
        find = all(&cache).after(next);
    }
    let last = all(&cache).limit(2).fetch().await.unwrap().next.unwrap();
    let rest = all(&cache).after(last).limit(5).fetch().await.unwrap();
    assert_eq!((rest.items.len(), rest.extent), (1, Extent::Exhausted));
}

/// An offset past the end brings nothing, and there is nothing behind.
pub async fn an_offset_past_the_end_is_an_empty_page(harness: Harness) {
    let cache = posts(&harness, 3).await;
    for offset in [3, 4, 10_000] {
        for order in ORDERS {
            let page = order(all(&cache))
                .offset(offset)
                .limit(5)
                .fetch()
                .await
                .unwrap();
            assert!(page.items.is_empty() && page.next.is_none());
            assert_eq!(page.extent, Extent::Exhausted);
        }
    }
    let page = all(&cache).page(9, 5).fetch().await.unwrap();
    assert!(page.items.is_empty());
}

/// An offset beyond 10,000 is refused, and the message names the way on.
pub async fn an_offset_too_large_names_the_cursor(harness: Harness) {
    let cache = posts(&harness, 3).await;
    nonsense(all(&cache).offset(10_001).fetch().await, ".after");
    nonsense(all(&cache).offset(usize::MAX).fetch().await, ".after");
    nonsense(
        all(&cache).page(usize::MAX, usize::MAX).ids().await,
        ".after",
    );
    nonsense(all(&cache).page(1_002, 10).fetch().await, ".after");
    assert!(
        all(&cache)
            .page(1_001, 10)
            .fetch()
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

/// A cursor is refused by any other filter, order or model, and beside an offset.
pub async fn a_cursor_of_another_query_is_refused(harness: Harness) {
    let cache = posts(&harness, 10).await;
    let some = |votes| cache.find(move |p| p.votes.ge(votes));
    let page = some(-2)
        .sort(|p| p.votes.asc())
        .limit(2)
        .fetch()
        .await
        .unwrap();
    let cursor = || page.next.clone().unwrap();
    nonsense(all(&cache).after(cursor()).fetch().await, "cursor");
    nonsense(some(-2).after(cursor()).fetch().await, "cursor");
    nonsense(
        some(-1)
            .sort(|p| p.votes.asc())
            .after(cursor())
            .fetch()
            .await,
        "cursor",
    );
    nonsense(
        some(-2)
            .sort(|p| p.votes.desc())
            .after(cursor())
            .fetch()
            .await,
        "cursor",
    );
    nonsense(
        some(-2)
            .sort(|p| p.score.asc())
            .after(cursor())
            .fetch()
            .await,
        "cursor",
    );
    let more = some(-2).sort(|p| p.votes.asc()).sort(|p| p.score.asc());
    nonsense(more.after(cursor()).ids().await, "cursor");
    let offset = some(-2).sort(|p| p.votes.asc()).after(cursor()).offset(1);
    nonsense(offset.fetch().await, "offset");
    let builder = Cache::<Post>::builder(Arc::clone(harness.store()));
    let other = builder.name("other post").build().await.unwrap();
    let other = other.find(|p| p.votes.ge(-2)).sort(|p| p.votes.asc());
    nonsense(other.after(cursor()).fetch().await, "cursor");
    // Written another way it is the same query still; the page's size may change.
    let same = cache
        .find(|p| p.votes.ge(-2) & p.votes.ge(-2))
        .sort(|p| p.votes.asc());
    assert_eq!(
        same.after(cursor())
            .limit(8)
            .ids()
            .await
            .unwrap()
            .items
            .len(),
        8
    );
}

/// A cursor that was cut, changed or made up is refused, and never goes on somewhere else.
pub async fn a_damaged_cursor_is_refused(harness: Harness) {
    let cache = posts(&harness, 10).await;
    let find = || {
        all(&cache)
            .sort(|p| p.author.asc())
            .sort(|p| p.score.desc())
            .limit(3)
    };
    let text = find().fetch().await.unwrap().next.unwrap().to_string();
    let damaged = |text: &str| match text.parse::<Cursor>() {
        Ok(cursor) => find().after(cursor),
        Err(error) => {
            nonsense::<()>(Err(error), "cursor");
            // As if it had been refused where it is used.
            find().page(0, 1)
        }
    };
    for end in 0..text.len() {
        assert!(damaged(&text[..end]).fetch().await.is_err(), "cut at {end}");
    }
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(damaged(&changed).fetch().await.is_err(), "changed at {at}");
    }
    let longer = format!("{text}00");
    let twice = format!("{text}{text}");
    for made_up in [
        "", "0", "zz", "nonsense", "é", " ", "00", "01", "ff", &longer, &twice,
    ] {
        assert!(damaged(made_up).fetch().await.is_err(), "{made_up}");
    }
    assert!(
        damaged(&text).fetch().await.is_ok(),
        "it is the damage that is refused"
    );
}

/// An order by relevance gives no cursor and takes none; the message names the sort.
pub async fn an_order_by_relevance_has_no_cursor(harness: Harness) {
    let cache = posts(&harness, 10).await;
    let find = || cache.find(|p| p.text.matches("text")).limit(3);
    let page = find().fetch().await.unwrap();
    assert_eq!(page.items.len(), 3);
    assert_eq!(page.extent, Extent::Truncated(Truncation::Limit));
    assert!(page.next.is_none());
    let sorted = find().sort(|p| p.votes.asc()).fetch().await.unwrap();
    let next = sorted.next.unwrap();
    let second = find()
        .sort(|p| p.votes.asc())
        .after(next.clone())
        .fetch()
        .await
        .unwrap();
    assert_eq!(second.items.len(), 3);
    nonsense(find().after(next).fetch().await, "cursor");
}

/// While objects come, go and change between the pages, those that stay come once each.
pub async fn cursors_neither_skip_nor_repeat_what_stays(harness: Harness) {
    for order in ORDERS {
        let cache = posts(&harness, 60).await;
        let staying = |id: &u32| id % 10 >= 3;
        let seen = walk(&cache, order, 7, async |number| {
            let number = number as u32;
            // One goes, one comes, one moves: none of those that stay.
            cache.remove(&(number * 10)).await.unwrap();
            cache.put(post(1_000 + number)).await.unwrap();
            let moved = number % 6 * 10 + 1;
            let change = Post {
                votes: 2 - number as i32,
                author: None,
                ..post(moved)
            };
            cache.put(change).await.unwrap();
        })
        .await;
        let mut stayed: Vec<u32> = seen
            .iter()
            .copied()
            .filter(|id| *id < 60 && staying(id))
            .collect();
        stayed.sort_unstable();
        assert_eq!(stayed, (0..60).filter(staying).collect::<Vec<_>>());
        let mut once = seen.clone();
        once.retain(|id| !id.is_multiple_of(10) && id % 10 != 1);
        let before = once.len();
        once.sort_unstable();
        once.dedup();
        assert_eq!(
            once.len(),
            before,
            "no object that was not changed came twice"
        );
        cache.clear().await.unwrap();
    }
}

/// A cursor goes on even when the object it ended on is gone.
pub async fn a_cursor_goes_on_where_its_object_is_gone(harness: Harness) {
    let cache = posts(&harness, 6).await;
    let first = all(&cache).limit(2).ids().await.unwrap();
    assert_eq!(first.items, [0, 1]);
    cache.remove_many(&[1, 2]).await.unwrap();
    let next = first.next.unwrap();
    assert_eq!(
        all(&cache).after(next.clone()).ids().await.unwrap().items,
        [3, 4, 5]
    );
    cache.clear().await.unwrap();
    let page = all(&cache).after(next).ids().await.unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

/// `first` brings the first; `one` the only one, and a `Conflict` if there are more.
pub async fn first_and_one_bring_single_objects(harness: Harness) {
    let cache = posts(&harness, 5).await;
    let first = all(&cache).sort(|p| p.votes.desc()).first().await.unwrap();
    assert_eq!(first.unwrap().votes, 2);
    let none = cache.find(|_| Filter::none());
    assert_eq!(none.first().await.unwrap(), None);
    let none = cache.find(|_| Filter::none());
    assert_eq!(none.one().await.unwrap(), None);
    let one = cache.find(|p| p.votes.eq(-2)).one().await.unwrap();
    assert_eq!(one.map(|post| post.votes), Some(-2));
    let several = all(&cache).one().await;
    super::asking::refusal(several, larder_core::ErrorKind::Conflict, "several");
}

async fn collect(find: Find<'_, Post>) -> Result<Vec<u32>> {
    let mut stream = find.stream()?;
    let mut ids = Vec::new();
    loop {
        let next =
            poll_fn(|context| futures_core::Stream::poll_next(Pin::new(&mut stream), context));
        match next.await {
            Some(post) => ids.push(post?.id),
            None => return Ok(ids),
        }
    }
}

/// A stream brings all that match, across its portions, in the order asked or by id.
pub async fn a_stream_brings_everything_in_order(harness: Harness) {
    let cache = posts(&harness, 1_203).await;
    let by_id: Vec<u32> = (0..1_203).collect();
    assert_eq!(collect(all(&cache)).await.unwrap(), by_id);
    for order in ORDERS {
        let whole = order(all(&cache)).ids().await.unwrap().items;
        assert_eq!(collect(order(all(&cache))).await.unwrap(), whole);
    }
    let text = cache.find(|p| p.text.is_some());
    assert_eq!(collect(text).await.unwrap(), by_id);
    let none = collect(cache.find(|_| Filter::none())).await.unwrap();
    assert!(none.is_empty());
}

/// A stream over a text condition comes by id, since relevance gives no place to go on from.
pub async fn a_stream_of_words_comes_by_id(harness: Harness) {
    let cache = posts(&harness, 1_100).await;
    let words = cache.find(|p| p.text.matches("text"));
    let by_id: Vec<u32> = (0..1_100).collect();
    assert_eq!(collect(words).await.unwrap(), by_id);
}

/// A stream keeps its limit, goes on behind a cursor, and refuses an offset.
pub async fn a_stream_keeps_limit_and_cursor_and_refuses_an_offset(harness: Harness) {
    let cache = posts(&harness, 1_203).await;
    for limit in [0, 1, 499, 500, 501, 1_203, 5_000] {
        let ids = collect(all(&cache).limit(limit)).await.unwrap();
        assert_eq!(ids, (0..1_203.min(limit as u32)).collect::<Vec<_>>());
    }
    let page = all(&cache).limit(600).ids().await.unwrap();
    let rest = collect(all(&cache).after(page.next.unwrap()))
        .await
        .unwrap();
    assert_eq!(rest, (600..1_203).collect::<Vec<_>>());
    nonsense(all(&cache).offset(1).stream(), "offset");
}
