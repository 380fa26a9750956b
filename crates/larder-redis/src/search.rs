//! Queries and aggregates: which command asks for them, and what its answer means.
//!
//! There are three ways. A search by one key or none is `FT.SEARCH`: sorted by a field that is
//! unique, so that the server has no ties to break. What looks at rows one by one on the server
//! (circles, repeated words, several sort keys, a cursor in another order than that of ids) is
//! `FT.AGGREGATE`, several times dearer. What the server cannot say exactly it is asked for more widely, and each row is
//! checked here by the definition itself.

use std::time::Duration;

use larder_core::aggregate::{AggregateQuery, Aggregated, Aggregator};
use larder_core::codec;
use larder_core::expr::Expr;
use larder_core::query::{Order, Place, Query, SortKey};
use larder_core::store::{Found, Tags, Want};
use larder_core::{
    Document, Error, ErrorKind, Extent, FieldSpec, IdKey, Timestamp, Truncation, Value,
};
use redis::{Cmd, cmd};

use crate::error;
use crate::fields::{self, SortBytes};
use crate::layout::{BODY, EXPIRY, HEADER, Header, ID, Reading};
use crate::link::Session;
use crate::query::{Compiled, Rows, compile, compile_tags};
use crate::read::Entry;
use crate::reply::{self, unexpected};
use crate::store::{Shared, Slot};

/// From how many expansions of a pattern on the server finds all that there can be.
const ALL_TERMS: u64 = 100_000_000;
/// The largest number that the server takes as the count of a `LIMIT`.
const MOST_ROWS: u64 = i32::MAX as u64;
/// How many rows come at once where all are looked at.
const BATCH: usize = 10_000;
/// How many ids up to a cursor's may share its rank before another way is taken.
const OF_ONE_RANK: usize = 8;
/// What the server calls the key of a row.
const KEY: &str = "__key";

/// Why an answer did not come.
pub(crate) enum Failure {
    /// There is no index; it may be made anew.
    NoIndex(Error),
    /// Anything else.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// One query or aggregate on its way.
pub(crate) struct Search<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) session: &'a Session,
    pub(crate) slot: &'a Slot,
    /// The name to ask the index by.
    pub(crate) index: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) sought: Sought<'a>,
}

/// Which rows are sought, beside what the filter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sought<'a> {
    /// Fresh ones.
    Fresh,
    /// Fresh ones that will expire, the first of them first.
    Ending,
    /// Those that are kept behind their expiry.
    Stale,
    /// All that are there.
    Kept,
    /// Absences that were stored since this epoch of the model began.
    Absent(u64),
    /// Those with one of these tags, whatever the filter says.
    Tagged(&'a Tags),
}

/// What to bring of each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    Ids,
    Versions,
    Objects,
}

/// A row, with as much of its entry as was asked for.
pub(crate) struct Hit {
    pub(crate) place: Place,
    pub(crate) version: u64,
    pub(crate) found: Option<Found>,
}

/// The rows of a page, how many match in all, and whether there are more behind them.
pub(crate) struct Hits {
    pub(crate) rows: Vec<Hit>,
    pub(crate) total: Option<u64>,
    pub(crate) extent: Extent,
}

impl Hits {
    fn none() -> Self {
        Self {
            rows: Vec::new(),
            total: Some(0),
            extent: Extent::Exhausted,
        }
    }
}

impl Search<'_> {
    /// The rows of a query.
    pub(crate) async fn hits(&self, query: &Query, fetch: Fetch) -> Result<Hits> {
        let Some(compiled) = self.compile(&query.expr, None) else {
            return Ok(Hits::none());
        };
        if !compiled.exact {
            return self.checked(query, fetch).await;
        }
        if compiled.predicates.is_empty() {
            match &query.after {
                None if query.keys().len() <= 1 => {
                    return self.search(&compiled, query, fetch).await;
                }
                Some(after) if query.order == Order::Id => {
                    if let Some(hits) = self.behind_id(query, &after.id, fetch).await? {
                        return Ok(hits);
                    }
                }
                _ => {}
            }
        }
        self.aggregated(&compiled, query, fetch).await
    }

    fn compile(&self, expr: &Expr, from: Option<&IdKey>) -> Option<Compiled> {
        let patterns = self.session.facts().max_expansions >= ALL_TERMS;
        let rows = match self.sought {
            Sought::Fresh => Rows::Fresh(self.now),
            Sought::Ending => Rows::Ending(self.now),
            Sought::Stale => Rows::Stale(self.now),
            Sought::Kept => Rows::Kept,
            Sought::Absent(epoch) => Rows::Absent(self.now, epoch),
            Sought::Tagged(tags) => return Some(compile_tags(tags, from)),
        };
        compile(&self.slot.schema, expr, rows, patterns, from)
    }

    /// What of an entry counts as there.
    fn want(&self) -> Want {
        match self.sought {
            Sought::Fresh | Sought::Ending => Want::Fresh,
            Sought::Stale | Sought::Kept | Sought::Absent(_) | Sought::Tagged(_) => Want::Kept,
        }
    }

    fn spec(&self, field: u16) -> Result<&FieldSpec> {
        Ok(self.slot.schema.field(field)?)
    }

    /// Ends a command as every one ends.
    fn finish(&self, mut command: Cmd, compiled: &Compiled) -> Cmd {
        if !compiled.params.is_empty() {
            command.arg("PARAMS").arg(2 * compiled.params.len());
            for (place, value) in compiled.params.iter().enumerate() {
                command.arg(format!("p{place}")).arg(value);
            }
        }
        command
            .arg("TIMEOUT")
            .arg(self.shared.config.server_timeout().as_millis() as u64)
            .arg("DIALECT")
            .arg(2);
        command
    }

    fn begin(&self, name: &str, compiled: &Compiled) -> Cmd {
        let mut command = cmd(name);
        command.arg(self.index).arg(&compiled.text).arg("VERBATIM");
        command
    }

    /// The most rows of one aggregation.
    fn most_rows(&self) -> u64 {
        self.session.facts().max_aggregate_results.min(MOST_ROWS)
    }

    fn deadline(&self) -> Duration {
        self.shared.config.query_timeout
    }

    /// Runs commands of which each asks the index.
    async fn run(&self, pipe: &redis::Pipeline) -> Result<Vec<redis::Value>> {
        let answers = self.session.run(self.deadline(), pipe).await?;
        for answer in &answers {
            if let redis::Value::ServerError(cause) = answer {
                let error = error::of_server(cause);
                return Err(if error::is_no_such_index(cause) {
                    Failure::NoIndex(error)
                } else {
                    Failure::Other(error)
                });
            }
        }
        Ok(answers)
    }

    /// By `FT.SEARCH`, in one round trip.
    async fn search(&self, compiled: &Compiled, query: &Query, fetch: Fetch) -> Result<Hits> {
        let max = self.session.facts().max_search_results.min(MOST_ROWS) as usize;
        let limit = query
            .limit
            .unwrap_or(usize::MAX)
            .min(max.saturating_sub(query.offset));
        let mut command = self.begin("FT.SEARCH", compiled);
        let key = query.keys().first().copied();
        let mut wanted = Vec::new();
        match fetch {
            Fetch::Ids => {}
            Fetch::Versions => wanted.push(HEADER.to_owned()),
            Fetch::Objects => wanted.extend([HEADER.to_owned(), BODY.to_owned()]),
        }
        wanted.extend(key.map(sort_field));
        if wanted.is_empty() || limit == 0 {
            command.arg("NOCONTENT");
        } else {
            command.arg("RETURN").arg(wanted.len()).arg(&wanted);
        }
        match &query.order {
            Order::Relevance => command.arg("SCORER").arg("BM25STD"),
            Order::Id => command.arg("SORTBY").arg(ID).arg("ASC"),
            Order::Keys(keys) => command
                .arg("SORTBY")
                .arg(
                    keys.first()
                        .copied()
                        .map_or_else(|| ID.to_owned(), sort_field),
                )
                .arg(direction(key.is_some_and(|key| key.descending))),
        };
        // Asked for no rows, the server wants no offset either.
        let offset = if limit == 0 { 0 } else { query.offset };
        command.arg("LIMIT").arg(offset).arg(limit);
        let mut pipe = redis::pipe();
        pipe.add_command(self.finish(command, compiled));
        let answer = self.run(&pipe).await?.pop();
        let (rows, total) = reply::rows(answer.unwrap_or_default(), "FT.SEARCH")?;
        let mut hits = Vec::with_capacity(rows.len());
        for mut row in rows {
            let id = reply::get(&row, "id").and_then(reply::bytes);
            let Some(id) = id.and_then(|key| self.slot.layout.id(key)) else {
                return Err(unexpected("FT.SEARCH").into());
            };
            let mut fields = reply::take(&mut row, "extra_attributes").unwrap_or_default();
            let place = self.place(query.keys(), &id, |name| {
                reply::get(&fields, name).and_then(reply::bytes)
            })?;
            let (found, version) = match fetch {
                Fetch::Ids => (None, 0),
                _ => {
                    let header = reply::take(&mut fields, HEADER).unwrap_or_default();
                    let body = reply::take(&mut fields, BODY);
                    match self
                        .slot
                        .entry(self.shared, header, body, self.now, self.want())
                    {
                        Entry::Own(found) | Entry::Stamped(found) => (Some(found), 0),
                        Entry::Version(version) => (None, version),
                        Entry::Unreadable(number) => return Err(codec::missing(number).into()),
                        // It went while the server was answering.
                        Entry::Missing | Entry::Other | Entry::Foreign => continue,
                    }
                }
            };
            hits.push(Hit {
                place,
                version,
                found,
            });
        }
        let seen = query.offset as u64 + limit as u64;
        Ok(Hits {
            rows: hits,
            total: Some(total),
            extent: self.extent(
                total > seen,
                query.limit.is_none_or(|wanted| wanted > limit),
            ),
        })
    }

    fn extent(&self, more: bool, cut_by_server: bool) -> Extent {
        match (more, cut_by_server) {
            (true, true) => Extent::Truncated(Truncation::ServerLimit),
            (true, false) => Extent::Truncated(Truncation::Limit),
            _ => Extent::Exhausted,
        }
    }

    /// The end of the first row that expires of those that `expr` may mean; `None` if none does.
    pub(crate) async fn first_end(&self, expr: &Expr) -> Result<Option<Timestamp>> {
        let Some(compiled) = self.compile(expr, None) else {
            return Ok(None);
        };
        let mut command = self.begin("FT.SEARCH", &compiled);
        command
            // The server rounds the number that it sorts by.
            .arg(&["RETURN", "1", HEADER, "SORTBY", EXPIRY, "ASC"])
            .arg(&["LIMIT", "0", "1"]);
        let mut pipe = redis::pipe();
        pipe.add_command(self.finish(command, &compiled));
        let answer = self.run(&pipe).await?.pop();
        let (rows, total) = reply::rows(answer.unwrap_or_default(), "FT.SEARCH")?;
        let end = rows.first().and_then(|row| {
            let fields = reply::get(row, "extra_attributes")?;
            let header = reply::get(fields, HEADER).and_then(reply::bytes)?;
            match Header::read(header, &self.slot.layout.fingerprint) {
                Reading::Own(header) => header.expires_at,
                Reading::Other | Reading::Foreign => None,
            }
        });
        // Of a row that is not shown, it went while the server was answering.
        Ok(end.or((total > 0).then_some(self.now)))
    }

    /// What comes behind an id, by `FT.SEARCH` from the id's rank on; `None` if too many ids share
    /// it, as long ones that begin alike do.
    async fn behind_id(&self, query: &Query, id: &IdKey, fetch: Fetch) -> Result<Option<Hits>> {
        if query.total {
            return Ok(None);
        }
        let Some(compiled) = self.compile(&query.expr, Some(id)) else {
            return Ok(Some(Hits::none()));
        };
        let limit = query.limit.unwrap_or(usize::MAX);
        let mut wider = query.clone();
        wider.after = None;
        wider.limit = Some(limit.saturating_add(OF_ONE_RANK));
        let mut hits = self.search(&compiled, &wider, fetch).await?;
        let whole = hits.extent.is_exhausted();
        hits.rows.retain(|hit| hit.place.id > *id);
        if !whole && hits.rows.len() < limit.max(1) {
            return Ok(None);
        }
        hits.extent = self.extent(!whole || hits.rows.len() > limit, false);
        hits.rows.truncate(limit);
        Ok(Some(hits))
    }

    /// A row's place by the fields that it was sorted by.
    fn place<'f>(
        &self,
        keys: &[SortKey],
        id: &IdKey,
        field: impl Fn(&str) -> Option<&'f [u8]>,
    ) -> Result<Place> {
        let mut values = Vec::with_capacity(keys.len());
        if keys.is_empty() {
            return Ok(Place {
                keys: values,
                id: id.clone(),
            });
        }
        let ordered = fields::ordered_id(id);
        for key in keys {
            let spec = self.spec(key.field)?;
            let bytes = field(&sort_field(*key)).unwrap_or_default();
            let tail = ordered.len() + usize::from(key.descending);
            let head = &bytes[..bytes.len().saturating_sub(tail)];
            values.push(fields::from_sort_head(spec, head));
        }
        Ok(Place {
            keys: values,
            id: id.clone(),
        })
    }

    /// By `FT.AGGREGATE`: rows sorted and cut there, then their entries by key.
    async fn aggregated(&self, compiled: &Compiled, query: &Query, fetch: Fetch) -> Result<Hits> {
        let max = self.most_rows() as usize;
        let limit = query
            .limit
            .unwrap_or(usize::MAX)
            .min(max.saturating_sub(query.offset + 1));
        let mut pipe = redis::pipe();
        // Rows and their number are of one moment.
        pipe.atomic();
        pipe.add_command(self.aggregation(compiled, query, limit, fetch)?);
        if query.total {
            pipe.add_command(self.count(compiled));
        }
        let mut answers = self.run(&pipe).await?.into_iter();
        let rows = answers.next().unwrap_or_default();
        let (mut rows, _) = reply::rows(rows, "FT.AGGREGATE")?;
        let total = match answers.next() {
            Some(answer) => Some(count_of(answer, compiled)?),
            None => None,
        };
        let more = rows.len() > limit;
        rows.truncate(limit);
        let mut hits = Vec::with_capacity(rows.len());
        for mut row in rows {
            let mut fields = reply::take(&mut row, "extra_attributes").unwrap_or_default();
            let id = self.id(&fields)?;
            let place = self.place(query.keys(), &id, |name| {
                reply::get(&fields, name).and_then(reply::bytes)
            })?;
            let version = match fetch {
                Fetch::Versions => {
                    let header = reply::take(&mut fields, HEADER).unwrap_or_default();
                    match self
                        .slot
                        .entry(self.shared, header, None, self.now, self.want())
                    {
                        Entry::Version(version) => version,
                        _ => continue,
                    }
                }
                Fetch::Ids | Fetch::Objects => 0,
            };
            hits.push(Hit {
                place,
                version,
                found: None,
            });
        }
        let hits = self.fetched(hits, fetch).await?;
        Ok(Hits {
            rows: hits,
            total,
            extent: self.extent(more, query.limit.is_none_or(|wanted| wanted > limit)),
        })
    }

    fn id(&self, fields: &redis::Value) -> Result<IdKey> {
        reply::get(fields, KEY)
            .and_then(reply::bytes)
            .and_then(|key| self.slot.layout.id(key))
            .ok_or_else(|| unexpected("FT.AGGREGATE").into())
    }

    /// Brings the entries of rows that have none yet; leaves out those that went meanwhile.
    async fn fetched(&self, mut hits: Vec<Hit>, fetch: Fetch) -> Result<Vec<Hit>> {
        if fetch != Fetch::Objects || hits.is_empty() {
            return Ok(hits);
        }
        let ids: Vec<IdKey> = hits.iter().map(|hit| hit.place.id.clone()).collect();
        let found = self
            .slot
            .get(
                self.shared,
                self.session,
                &ids,
                self.want(),
                self.now,
                self.deadline(),
            )
            .await?;
        for (hit, found) in hits.iter_mut().zip(found) {
            hit.found = found;
        }
        hits.retain(|hit| hit.found.is_some());
        Ok(hits)
    }

    fn aggregation(
        &self,
        compiled: &Compiled,
        query: &Query,
        limit: usize,
        fetch: Fetch,
    ) -> Result<Cmd> {
        let keys = query.keys();
        let mut loads = vec![KEY.to_owned(), ID.to_owned()];
        loads.extend(keys.iter().copied().map(sort_field));
        if fetch == Fetch::Versions {
            loads.push(HEADER.to_owned());
        }
        let mut command = self.begin("FT.AGGREGATE", compiled);
        load(&mut command, compiled, loads);
        let mut by: Vec<(String, bool)> = Vec::new();
        match keys {
            [] => {}
            [key] => by.push((format!("@{}", sort_field(*key)), key.descending)),
            keys => {
                for (place, key) in keys.iter().enumerate() {
                    command
                        .arg("APPLY")
                        .arg(head_of(&sort_field(*key), key.descending))
                        .arg("AS")
                        .arg(format!("k{place}"));
                    by.push((format!("@k{place}"), key.descending));
                }
            }
        }
        if let Some(after) = &query.after {
            command.arg("FILTER").arg(self.behind(keys, after)?);
        }
        by.push((format!("@{ID}"), false));
        command.arg("SORTBY").arg(2 * by.len());
        for (field, descending) in by {
            command.arg(field).arg(direction(descending));
        }
        command
            .arg("LIMIT")
            .arg(query.offset)
            .arg(limit.saturating_add(1));
        Ok(self.finish(command, compiled))
    }

    /// The condition that a row comes behind a place. Ordered bytes hold nothing that means
    /// something in a string of an expression.
    fn behind(&self, keys: &[SortKey], place: &Place) -> Result<Vec<u8>> {
        let id = fields::ordered_id(&place.id);
        let compare = |field: &str, sign: &str, wanted: &[u8]| {
            [
                b"@",
                field.as_bytes(),
                sign.as_bytes(),
                b"\"",
                wanted,
                b"\"",
            ]
            .concat()
        };
        let sign = |key: &SortKey| if key.descending { "<" } else { ">" };
        let value = |at: usize| place.keys.get(at).and_then(Option::as_ref);
        if let [key] = keys {
            let spec = self.spec(key.field)?;
            let sorted = SortBytes {
                spec,
                value: value(0),
                id: &id,
            };
            let wanted = fields::sort_bytes(&sorted, key.descending);
            return Ok(compare(&sort_field(*key), sign(key), &wanted));
        }
        // Behind at the first key, or equal there and behind at the next, and so on to the id.
        let mut condition = compare(ID, ">", id.as_bytes());
        for (at, key) in keys.iter().enumerate().rev() {
            let head = fields::sort_head(self.spec(key.field)?, value(at), key.descending);
            let field = format!("k{at}");
            condition = [
                &*compare(&field, sign(key), &head),
                b" || (",
                &compare(&field, "==", &head),
                b" && (",
                &condition,
                b"))",
            ]
            .concat();
        }
        Ok(condition)
    }

    /// The command that counts all that match.
    fn count(&self, compiled: &Compiled) -> Cmd {
        if compiled.predicates.is_empty() {
            let mut command = self.begin("FT.SEARCH", compiled);
            command.arg("LIMIT").arg(0).arg(0);
            return self.finish(command, compiled);
        }
        let mut command = self.begin("FT.AGGREGATE", compiled);
        load(&mut command, compiled, Vec::new());
        command.arg(&["GROUPBY", "0", "REDUCE", "COUNT", "0", "AS", "c"]);
        self.finish(command, compiled)
    }

    /// Looks at every row that may be meant, in the order of ids, and keeps those that `expr`
    /// means. An id stays where it is however often its entry is written meanwhile.
    async fn scan(
        &self,
        expr: &Expr,
        versions: bool,
        mut keep: impl FnMut(IdKey, &Document, u64) -> Result<()>,
    ) -> Result<()> {
        let schema = &self.slot.schema;
        let batch = BATCH.min(self.most_rows() as usize);
        let mut last: Option<IdKey> = None;
        // From the last id's rank on; several ids may share it.
        while let Some(compiled) = self.compile(expr, last.as_ref()) {
            let mut loads = vec![KEY.to_owned(), ID.to_owned()];
            loads.extend(fields::readable(schema));
            if versions {
                loads.push(HEADER.to_owned());
            }
            let mut command = self.begin("FT.AGGREGATE", &compiled);
            load(&mut command, &compiled, loads);
            if let Some(last) = &last {
                let last = fields::ordered_id(last);
                command.arg("FILTER").arg(format!("@{ID}>\"{last}\""));
            }
            command
                .arg(&["SORTBY", "2"])
                .arg(format!("@{ID}"))
                .arg("ASC");
            command.arg("LIMIT").arg(0).arg(batch);
            let mut pipe = redis::pipe();
            pipe.add_command(self.finish(command, &compiled));
            let answer = self.run(&pipe).await?.pop().unwrap_or_default();
            let (rows, _) = reply::rows(answer, "FT.AGGREGATE")?;
            let whole = rows.len() < batch;
            for mut row in rows {
                let mut fields = reply::take(&mut row, "extra_attributes").unwrap_or_default();
                let id = self.id(&fields)?;
                let version = reply::take(&mut fields, HEADER).and_then(|header| {
                    match self
                        .slot
                        .entry(self.shared, header, None, self.now, self.want())
                    {
                        Entry::Version(version) => Some(version),
                        _ => None,
                    }
                });
                let document = fields::read(schema, &id, |name| {
                    reply::get(&fields, name).and_then(reply::bytes)
                });
                last = Some(id.clone());
                // Of an entry that goes meanwhile there is nothing, or a part.
                if let Some(document) = document
                    && (version.is_some() || !versions)
                    && expr.matches(&document)
                {
                    keep(id, &document, version.unwrap_or_default())?;
                }
            }
            if whole {
                break;
            }
        }
        Ok(())
    }

    /// By looking at every row that may be meant.
    async fn checked(&self, query: &Query, fetch: Fetch) -> Result<Hits> {
        let keys = query.keys();
        let mut hits = Vec::new();
        let versions = fetch == Fetch::Versions;
        self.scan(&query.expr, versions, |id, document, version| {
            let value = |key: &SortKey| document.field(key.field).values.one().cloned();
            let place = Place {
                keys: keys.iter().map(value).collect(),
                id,
            };
            hits.push(Hit {
                place,
                version,
                found: None,
            });
            Ok(())
        })
        .await?;
        hits.sort_by(|a, b| a.place.cmp_by(&b.place, keys));
        let total = hits.len() as u64;
        if let Some(after) = &query.after {
            hits.retain(|hit| hit.place.cmp_by(after, keys).is_gt());
        }
        let end = query
            .limit
            .map_or(usize::MAX, |limit| query.offset.saturating_add(limit));
        let extent = self.extent(hits.len() > end, false);
        hits.truncate(end);
        hits.drain(..query.offset.min(hits.len()));
        Ok(Hits {
            rows: self.fetched(hits, fetch).await?,
            total: Some(total),
            extent,
        })
    }

    /// Computes an aggregate: the server counts what has the same values, exactly as they are
    /// stored, and numbers are added up here, since it would round them.
    pub(crate) async fn aggregate(&self, query: &AggregateQuery) -> Result<Aggregated> {
        let schema = &self.slot.schema;
        let mut aggregator = Aggregator::new(query, schema);
        let Some(compiled) = self.compile(&query.expr, None) else {
            return Ok(aggregator.finish());
        };
        let group = query.group_by;
        let columns: Vec<u16> = group
            .into_iter()
            .chain(query.metrics.iter().map(|metric| metric.field))
            .collect();
        if !compiled.exact {
            self.scan(&query.expr, false, |_, document, _| {
                let values = |field: u16| document.field(field).values.as_slice().to_vec();
                let columns = columns.iter().copied().map(values);
                add(&mut aggregator, group, columns, 1);
                Ok(())
            })
            .await?;
            return Ok(aggregator.finish());
        }
        if columns.is_empty() {
            let mut pipe = redis::pipe();
            pipe.add_command(self.count(&compiled));
            let answer = self.run(&pipe).await?.pop().unwrap_or_default();
            let count = count_of(answer, &compiled)?;
            aggregator.add_values(&[], &[], count);
            return Ok(aggregator.finish());
        }
        let mut loads = vec![ID.to_owned()];
        let mut applies = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for field in &columns {
            let spec = self.spec(*field)?;
            let Some(source) = fields::value_field(spec, usize::from(*field)) else {
                return Err(Error::invalid_filter(format!(
                    "field `{}` has no index to compute from; declare it `index`",
                    spec.name
                ))
                .into());
            };
            if !loads.contains(&source) {
                loads.push(source.clone());
            }
            let name = if spec.sort {
                applies.push((head_of(&source, false), format!("s{field}")));
                format!("s{field}")
            } else {
                source
            };
            names.push(name);
        }
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        applies.sort();
        applies.dedup();
        let max = self.most_rows();
        let mut command = self.begin("FT.AGGREGATE", &compiled);
        load(&mut command, &compiled, loads);
        for (expression, name) in applies {
            command.arg("APPLY").arg(expression).arg("AS").arg(name);
        }
        command.arg("GROUPBY").arg(distinct.len());
        for name in &distinct {
            command.arg(format!("@{name}"));
        }
        command.arg(&["REDUCE", "COUNT", "0", "AS", "c"]);
        command.arg("LIMIT").arg(0).arg(max);
        let mut pipe = redis::pipe();
        pipe.add_command(self.finish(command, &compiled));
        let answer = self.run(&pipe).await?.pop().unwrap_or_default();
        let (rows, _) = reply::rows(answer, "FT.AGGREGATE")?;
        if rows.len() as u64 >= max {
            return Err(incomplete(max).into());
        }
        for mut row in rows {
            let fields = reply::take(&mut row, "extra_attributes").unwrap_or_default();
            let count = reply::get(&fields, "c").and_then(reply::whole);
            let count = count.ok_or_else(|| unexpected("FT.AGGREGATE"))?;
            let mut values = Vec::with_capacity(columns.len());
            for (field, name) in columns.iter().zip(&names) {
                let spec = self.spec(*field)?;
                let bytes = reply::get(&fields, name).and_then(reply::bytes);
                values.push(match bytes {
                    None => Vec::new(),
                    // The id was cut off on the server.
                    Some(bytes) => fields::read_values(spec, bytes, "")
                        .ok_or_else(|| unexpected("FT.AGGREGATE"))?,
                });
            }
            add(&mut aggregator, group, values.into_iter(), count);
        }
        Ok(aggregator.finish())
    }
}

/// Adds objects that share their values: those of the group's field, if there is one, and then
/// those of each metric.
fn add(
    aggregator: &mut Aggregator<'_>,
    group: Option<u16>,
    mut values: impl Iterator<Item = Vec<Value>>,
    count: u64,
) {
    let keys = match group {
        Some(_) => values.next().unwrap_or_default(),
        None => Vec::new(),
    };
    let metrics: Vec<Option<Value>> = values.map(|values| values.into_iter().next()).collect();
    aggregator.add_values(&keys, &metrics, count);
}

fn incomplete(max: u64) -> Error {
    Error::new(
        ErrorKind::Incomplete,
        format!(
            "the aggregate has {max} groups or rows or more, and the server computes no more of them; narrow the filter, or raise MAXAGGREGATERESULTS on the server"
        ),
    )
    .with_store("redis")
}

fn count_of(answer: redis::Value, compiled: &Compiled) -> Result<u64> {
    let (rows, total) = reply::rows(answer, "a count")?;
    if compiled.predicates.is_empty() {
        return Ok(total);
    }
    let Some(row) = rows.first() else {
        return Ok(0);
    };
    reply::get(row, "extra_attributes")
        .and_then(|fields| reply::get(fields, "c"))
        .and_then(reply::whole)
        .ok_or_else(|| unexpected("a count").into())
}

/// The field that rows are sorted by for a key.
fn sort_field(key: SortKey) -> String {
    format!("{}{}", if key.descending { 'd' } else { 'a' }, key.field)
}

fn direction(descending: bool) -> &'static str {
    if descending { "DESC" } else { "ASC" }
}

/// The expression that cuts the id off a sort field.
fn head_of(field: &str, descending: bool) -> String {
    let more = if descending { " - 1" } else { "" };
    format!("substr(@{field},0,strlen(@{field})-strlen(@{ID}){more})")
}

/// Loads fields, those of predicates with them, and applies the predicates.
fn load(command: &mut Cmd, compiled: &Compiled, mut names: Vec<String>) {
    for name in &compiled.loads {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    if !names.is_empty() {
        command.arg("LOAD").arg(names.len());
        for name in names {
            command.arg(format!("@{name}"));
        }
    }
    for predicate in &compiled.predicates {
        command.arg("FILTER").arg(predicate);
    }
}
