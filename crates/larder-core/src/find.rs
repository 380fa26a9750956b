//! `find`: one query, put together step by step, and all that can be done with what it means.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::aggregate::{Aggregate, Aggregated, Facets};
use crate::cache::{Cache, decode};
use crate::deps;
use crate::error::{Error, ErrorKind, Result};
use crate::expr::Expr;
use crate::field::{Caps, Field, Yes};
use crate::filter::Filter;
use crate::model::CacheModel;
use crate::query::{Answer, Cursor, Extent, Page, Projection, Query, Sort, SortKey, Truncation};
use crate::store::{BoxFuture, CacheStore, Fate, Selection};

/// How many objects `stream` fetches at a time.
const STREAM_PAGE: usize = 500;

/// A query in the making. Nothing happens before one of the methods that return a future.
#[derive(Debug)]
#[must_use = "a query does nothing until it is fetched"]
pub struct Find<'a, M> {
    cache: &'a Cache<M>,
    filter: Filter<M>,
    sort: Vec<SortKey>,
    offset: usize,
    limit: Option<usize>,
    after: Option<Cursor>,
    total: bool,
    page_zero: bool,
}

impl<'a, M: CacheModel> Find<'a, M> {
    pub(crate) fn new(cache: &'a Cache<M>, filter: Filter<M>) -> Self {
        Self {
            cache,
            filter,
            sort: Vec::new(),
            offset: 0,
            limit: None,
            after: None,
            total: false,
            page_zero: false,
        }
    }

    /// Orders by one more key; up to three. Behind the last stands the id, so that pages never
    /// overlap. Without any: by relevance if the filter asks for words, else by id.
    pub fn sort(mut self, key: impl FnOnce(M::Fields<M>) -> Sort<M>) -> Self {
        self.sort.push(key(M::FIELDS).key());
        self
    }

    /// Orders by one more key, named by a string that need not be trusted: `"joined"`, or
    /// `"-joined"` for the largest first.
    ///
    /// # Errors
    /// `InvalidFilter` if there is no such field or it is not sortable.
    pub fn sort_by_name(mut self, name: &str) -> Result<Self> {
        let (descending, name) = match name.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, name),
        };
        let schema = self.cache.schema();
        let field = schema.position(name)?;
        if !schema.field(field)?.sort {
            let sortable: Vec<_> = schema
                .fields()
                .iter()
                .filter(|field| field.sort)
                .map(|field| &*field.name)
                .collect();
            return Err(Error::invalid_filter(format!(
                "field `{name}` is not sortable; sortable are: {}",
                sortable.join(", ")
            ))
            .with_model(schema.name()));
        }
        self.sort.push(SortKey { field, descending });
        Ok(self)
    }

    /// At most so many objects. Zero brings none, and still a total if asked.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Leaves out so many at the start; at most 10,000.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// The page with this number, the first being 1, of `size` objects each.
    pub fn page(mut self, number: usize, size: usize) -> Self {
        self.page_zero = number == 0;
        self.offset = number.saturating_sub(1).saturating_mul(size);
        self.limit = Some(size);
        self
    }

    /// Goes on where the page that gave this cursor ended. Costs the same on every page, and
    /// neither skips nor repeats an object that stays while others come and go.
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Counts all that match besides bringing the page. Without it a query may stop early.
    pub fn with_total(mut self) -> Self {
        self.total = true;
        self
    }

    pub(crate) fn cache(&self) -> &'a Cache<M> {
        self.cache
    }

    pub(crate) fn query(self) -> Result<(&'a Cache<M>, Query)> {
        let cache = self.cache;
        let schema = cache.schema();
        if self.page_zero {
            return Err(
                Error::invalid_filter("page 0 is asked for; pages are counted from 1")
                    .with_model(schema.name()),
            );
        }
        let expr = Expr::bind(self.filter, schema)?;
        let mut query = Query::new(expr).with_sort(schema, self.sort)?;
        query.offset = self.offset;
        query.limit = self.limit;
        query.total = self.total;
        if let Some(cursor) = &self.after {
            query = query.with_cursor(schema, cursor)?;
        }
        Ok((
            cache,
            query
                .checked()
                .map_err(|error| error.with_model(schema.name()))?,
        ))
    }

    /// Brings the objects.
    ///
    /// # Errors
    /// `InvalidFilter` for a filter, sort, page or cursor that makes no sense; those of the
    /// store.
    pub async fn fetch(self) -> Result<Page<Arc<M>>> {
        let (cache, query) = self.query()?;
        fetch(cache, &query).await
    }

    /// Brings the ids alone.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn ids(self) -> Result<Page<M::Id>> {
        let (cache, mut query) = self.query()?;
        query.projection = Projection::Ids;
        let answer = run(cache, &query).await?;
        let next = next(cache, &query, &answer);
        let ids = answer
            .rows
            .iter()
            .map(|row| cache.id_of(&row.place.id))
            .collect::<Result<_>>()?;
        Ok(Page::new(ids, answer.total, answer.extent, next))
    }

    /// Brings the first object, if there is one.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn first(self) -> Result<Option<Arc<M>>> {
        Ok(self.limit(1).fetch().await?.items.into_iter().next())
    }

    /// Brings the only object, if there is one.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch); `Conflict` if more than one matches.
    pub async fn one(self) -> Result<Option<Arc<M>>> {
        let name = self.cache.schema().name();
        let mut items = self.limit(2).fetch().await?.items;
        if items.len() > 1 {
            return Err(Error::new(
                ErrorKind::Conflict,
                "`one` found several objects; narrow the filter, or take the `first` of a sort",
            )
            .with_model(name));
        }
        Ok(items.pop())
    }

    /// How many objects match; page and order do not matter.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn count(self) -> Result<u64> {
        let (cache, mut query) = self.whole()?;
        query.limit = Some(0);
        query.total = true;
        let answer = run(cache, &query).await?;
        match (answer.total, answer.extent) {
            (
                Some(crate::query::Total::Exact(total)),
                Extent::Exhausted | Extent::Truncated(Truncation::Limit),
            ) => Ok(total),
            (_, extent) => Err(Error::new(
                ErrorKind::Incomplete,
                format!("the store could not count to the end: {extent:?}"),
            )),
        }
    }

    /// Whether any object matches. Brings no object.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn exists(self) -> Result<bool> {
        let (cache, mut query) = self.whole()?;
        query.limit = Some(1);
        query.projection = Projection::Ids;
        let answer = run(cache, &query).await?;
        match answer.extent {
            // The one that was found went meanwhile; more are there.
            Extent::Truncated(Truncation::Limit) => Ok(true),
            extent if answer.rows.is_empty() => complete(extent).map(|()| false),
            _ => Ok(true),
        }
    }

    /// The filter alone, without order and page.
    fn whole(self) -> Result<(&'a Cache<M>, Query)> {
        let cache = self.cache;
        let expr = Expr::bind(self.filter, cache.schema())?;
        let mut query = Query::new(expr);
        query.order = crate::query::Order::Id;
        Ok((cache, query))
    }

    /// Brings the objects one by one, fetching them in portions: for more than fits in memory.
    /// Without a sort they come by id. `limit` is kept; an offset is refused. An object written
    /// meanwhile may or may not come.
    ///
    /// # Errors
    /// At once, as [`fetch`](Self::fetch) for what is wrong with the query; later, those of the
    /// store, after which the stream ends.
    pub fn stream(self) -> Result<FindStream<M>> {
        let (cache, mut query) = self.query()?;
        if query.offset > 0 {
            return Err(Error::invalid_filter(
                "a stream begins at the start or behind a cursor; leave the offset out",
            ));
        }
        if query.order == crate::query::Order::Relevance {
            query.order = crate::query::Order::Id;
        }
        Ok(FindStream {
            cache: cache.clone(),
            left: query.limit.unwrap_or(usize::MAX),
            query: Some(query),
            ready: VecDeque::new(),
            pending: None,
        })
    }

    /// Removes every object that matches; says how many. Page and order do not matter.
    ///
    /// Objects that come to match while this runs may stay. What is being loaded meanwhile and
    /// turns out to match is answered and not stored; and of no list it is known any more that
    /// the cache holds all of it.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn remove(self) -> Result<u64> {
        let (cache, query) = self.whole()?;
        cache
            .depart(Selection::Where(query.expr), Fate::Remove)
            .await
    }

    /// Lets every object that matches expire now; says how many. As [`remove`](Self::remove),
    /// but what was stored to be kept behind its expiry is, for loads to fall back on.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn expire(self) -> Result<u64> {
        let (cache, query) = self.whole()?;
        cache
            .depart(Selection::Where(query.expr), Fate::Expire)
            .await
    }

    /// Changes every object that matches; says how many. Page and order do not matter.
    ///
    /// Each object is changed as [`Cache::update`] does it: on a copy, again if another writer
    /// comes between, and only if it still matches then. Objects that come to match while this
    /// runs may be left out.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch) and [`Cache::update`]; objects changed before stay changed.
    pub async fn update(self, mut change: impl FnMut(&mut M) + Send) -> Result<u64>
    where
        M: Clone,
    {
        let (cache, mut query) = self.whole()?;
        query.projection = Projection::Ids;
        let answer = run(cache, &query).await?;
        complete(answer.extent)?;
        let mut changed = 0;
        for row in answer.rows {
            let rewritten = cache
                .rewrite(&row.place.id, Some(&query.expr), &mut |object| {
                    change(object);
                    Ok(())
                })
                .await?;
            changed += u64::from(rewritten.is_some());
        }
        Ok(changed)
    }

    /// How often each value of a field occurs among the objects that match: the `limit` most
    /// frequent, then by value.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn facets<C, T, S>(
        self,
        field: impl FnOnce(M::Fields<M>) -> Field<M, C, Caps<Yes, T, S>>,
        limit: usize,
    ) -> Result<Facets> {
        self.aggregate(|fields| Aggregate::new().group_by(field(fields)).limit(limit))
            .await
            .map(Facets::from)
    }

    /// Computes over the objects that match.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn aggregate(
        self,
        aggregate: impl FnOnce(M::Fields<M>) -> Aggregate<M>,
    ) -> Result<Aggregated> {
        let aggregate = aggregate(M::FIELDS);
        let (cache, query) = self.whole()?;
        note(cache, &query.expr).await;
        let query = aggregate.bind(query.expr, cache.schema())?;
        cache.store().aggregate(cache.model(), &query).await
    }
}

/// Whether nothing is missing between the rows of a page: at most behind them.
pub(crate) fn is_page(extent: Extent) -> bool {
    matches!(
        extent,
        Extent::Exhausted | Extent::Truncated(Truncation::Limit)
    )
}

fn complete(extent: Extent) -> Result<()> {
    match extent {
        Extent::Exhausted => Ok(()),
        Extent::Truncated(why) => Err(Error::new(
            ErrorKind::Incomplete,
            format!("the store could not list all that matches: {why:?}"),
        )),
    }
}

async fn run<M: CacheModel>(cache: &Cache<M>, query: &Query) -> Result<Answer> {
    note(cache, &query.expr).await;
    cache.store().query(cache.model(), query).await
}

/// Takes down that a filter is asked, if this task's reads are taken down.
async fn note<M: CacheModel>(cache: &Cache<M>, expr: &Expr) {
    if let Some(scope) = deps::current() {
        Box::pin(scope.reads_filter(cache, expr, false)).await;
    }
}

async fn fetch<M: CacheModel>(cache: &Cache<M>, query: &Query) -> Result<Page<Arc<M>>> {
    note(cache, &query.expr).await;
    fetch_quietly(cache, query).await
}

/// The page, with nothing taken down but when it ends.
pub(crate) async fn fetch_quietly<M: CacheModel>(
    cache: &Cache<M>,
    query: &Query,
) -> Result<Page<Arc<M>>> {
    let answer = cache.store().query(cache.model(), query).await?;
    if let Some(scope) = deps::current() {
        let found = answer.rows.iter().filter_map(|row| row.found.as_ref());
        scope.ends(found.filter_map(|found| found.expires_at).min());
    }
    let next = next(cache, query, &answer);
    let rows = answer.rows.len();
    let mut items = Vec::with_capacity(rows);
    for row in answer.rows {
        let Some(found) = row.found else {
            return Err(Error::internal(
                "the store brought a row without its object",
            ));
        };
        match decode(&found) {
            Ok(object) => items.push(object),
            Err(_) => items.extend(
                cache
                    .open(&row.place.id, found)
                    .await?
                    .map(|(object, _)| object),
            ),
        }
    }
    let dropped = items.len() < rows;
    Ok(Page {
        dropped,
        ..Page::new(items, answer.total, answer.extent, next)
    })
}

pub(crate) fn next<M: CacheModel>(
    cache: &Cache<M>,
    query: &Query,
    answer: &Answer,
) -> Option<Cursor> {
    if answer.extent.is_exhausted() {
        return None;
    }
    let place = answer.rows.last()?.place.clone();
    query.cursor(cache.schema(), place)
}

/// The objects of a query, one by one. See [`Find::stream`].
#[must_use = "a stream does nothing until it is polled"]
pub struct FindStream<M> {
    cache: Cache<M>,
    /// None once the last portion has been fetched.
    query: Option<Query>,
    left: usize,
    ready: VecDeque<Arc<M>>,
    pending: Option<Portion<M>>,
}

/// A page on its way, with the query that asks for it.
type Portion<M> = BoxFuture<'static, Result<(Page<Arc<M>>, Query)>>;

impl<M> std::fmt::Debug for FindStream<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindStream")
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

impl<M: CacheModel> Stream for FindStream<M> {
    type Item = Result<Arc<M>>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(object) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(object)));
            }
            if this.pending.is_none() {
                let Some(mut query) = this.query.take().filter(|_| this.left > 0) else {
                    return Poll::Ready(None);
                };
                query.limit = Some(this.left.min(STREAM_PAGE));
                let cache = this.cache.clone();
                this.pending = Some(Box::pin(async move {
                    let page = fetch(&cache, &query).await?;
                    Ok((page, query))
                }));
            }
            let Some(pending) = &mut this.pending else {
                return Poll::Ready(None);
            };
            let fetched = match pending.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(fetched) => fetched,
            };
            this.pending = None;
            match fetched {
                Err(error) => return Poll::Ready(Some(Err(error))),
                Ok((page, _)) if !is_page(page.extent) => {
                    if let Err(error) = complete(page.extent) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Ok((page, mut query)) => {
                    this.left -= page.items.len().min(this.left);
                    if let Some(cursor) = page.next {
                        query.after = Some(cursor.into_place());
                        this.query = Some(query);
                    }
                    this.ready.extend(page.items);
                }
            }
        }
    }
}
