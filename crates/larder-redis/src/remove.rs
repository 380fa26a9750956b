//! Removal of many entries at once: by filter, by tag, of all.

use larder_core::expr::Expr;
use larder_core::query::{Order, Query};
use larder_core::store::{Fate, Selection, Tags};
use larder_core::{ErrorKind, Result};

use crate::error;
use crate::index::{self, Progress};
use crate::layout;
use crate::link::Session;
use crate::reply::{self, unexpected};
use crate::search::{Failure, Fetch, Hits, Sought};
use crate::store::{Home, Shared, Slot, complete};
use crate::write::fate_name;

/// How many entries are looked for at once.
const FOUND_AT_ONCE: usize = 10_000;
/// How many entries one script takes away: it keeps the server from all else.
const REMOVED_AT_ONCE: usize = 200;

/// What an entry has to be, still, to be taken away.
enum Meant<'a> {
    /// Of this version, each.
    Versions(&'a [u64]),
    /// Invalidated by a tag.
    Tagged,
    /// Anything.
    Anything,
}

impl Shared {
    pub(crate) async fn remove_where(
        &self,
        slot: &Slot,
        selection: &Selection,
        fate: Fate,
    ) -> Result<u64> {
        match selection {
            Selection::Where(expr) => self.remove_matching(slot, expr, fate).await,
            Selection::Tagged(tags) => self.remove_tagged(slot, tags, fate).await,
            Selection::All => self.remove_all(slot, fate).await,
        }
    }

    /// Each entry only if nobody has written it since it was seen to match.
    async fn remove_matching(&self, slot: &Slot, expr: &Expr, fate: Fate) -> Result<u64> {
        let (session, ..) = self.begin(slot, "remove_where").await?;
        self.end_epoch(&session, slot, "").await?;
        let mut query = in_parts(expr.clone());
        let mut removed = 0;
        loop {
            let (hits, progress) = self
                .hits(slot, "remove_where", &query, Sought::Kept, Fetch::Versions)
                .await?;
            complete(progress)?;
            let (keys, versions) = hits
                .rows
                .iter()
                .map(|hit| (slot.layout.key(&hit.place.id), hit.version))
                .unzip::<_, _, Vec<_>, Vec<_>>();
            let meant = Meant::Versions(&versions);
            removed += self.depart(slot, &keys, &meant, fate).await?;
            if !next_part(&mut query, &hits) {
                return Ok(removed);
            }
        }
    }

    /// Writes down that the tags are invalid, which ends what has them for every read by id at
    /// once; then takes it out of the indexes of all versions of the model.
    async fn remove_tagged(&self, slot: &Slot, tags: &Tags, fate: Fate) -> Result<u64> {
        if tags.as_slice().is_empty() {
            return Ok(0);
        }
        let session = self.session().await?;
        let script = &self.scripts.invalidate;
        let mut call = self.call(&session, script, slot, &[], self.now());
        call.arg(fate_name(fate));
        for tag in tags.as_slice() {
            call.arg(layout::write_tag(tag));
        }
        self.script(&session, script, call).await?;
        if !self.capability.query {
            return Ok(0);
        }
        let mut removed = 0;
        let mut query = in_parts(Expr::All);
        let sought = Sought::Tagged(tags);
        loop {
            let (hits, progress) = self
                .hits(slot, "remove_where", &query, sought, Fetch::Ids)
                .await?;
            complete(progress)?;
            removed += self.depart_tagged(slot, &hits, fate).await?;
            if !next_part(&mut query, &hits) {
                break;
            }
        }
        for index in index::registered(&session, self.config.timeout, &slot.layout).await? {
            let timeout = self.config.timeout;
            let Some(info) = index::info(&session, timeout, &index).await? else {
                continue;
            };
            if index::progress(&info) != Progress::Complete {
                complete(Progress::Scanning)?;
            }
            let mut query = in_parts(Expr::All);
            loop {
                let search = self.search(&session, slot, &index, sought);
                let hits = match search.hits(&query, Fetch::Ids).await {
                    Ok(hits) => hits,
                    // Dropped meanwhile, as unused.
                    Err(Failure::NoIndex(_)) => break,
                    Err(Failure::Other(error)) => return Err(error),
                };
                removed += self.depart_tagged(slot, &hits, fate).await?;
                if !next_part(&mut query, &hits) {
                    break;
                }
            }
        }
        Ok(removed)
    }

    async fn depart_tagged(&self, slot: &Slot, hits: &Hits, fate: Fate) -> Result<u64> {
        let keys = hits.rows.iter().map(|hit| slot.layout.key(&hit.place.id));
        let keys: Vec<String> = keys.collect();
        self.depart(slot, &keys, &Meant::Tagged, fate).await
    }

    /// By going through the keys of the server: only so is everything reached that any version
    /// of the model has left, in an index or not.
    async fn remove_all(&self, slot: &Slot, fate: Fate) -> Result<u64> {
        let session = self.session().await?;
        self.end_epoch(&session, slot, "all").await?;
        let (mut removed, mut cursor) = (0, None);
        while let Some(keys) = self.keys(&session, slot, &mut cursor).await? {
            let keys = keys.into_iter().map(String::from_utf8);
            // Escaped as they are, keys of ours are text.
            let keys: Vec<String> = keys.filter_map(std::result::Result::ok).collect();
            removed += self.depart(slot, &keys, &Meant::Anything, fate).await?;
        }
        match self.home(&session).await? {
            Home::Here => Ok(removed),
            // A node that is not the home of a key says nothing of it when asked for all.
            Home::Elsewhere | Home::Between => Err(error::new(
                ErrorKind::Unavailable,
                "the namespace moves to another node of the cluster, and not all may be removed; try again",
            )),
        }
    }

    /// Ends all leases and absences, and tombstones if these are `all` meant.
    async fn end_epoch(&self, session: &Session, slot: &Slot, which: &str) -> Result<()> {
        let script = &self.scripts.epoch;
        let mut call = self.call(session, script, slot, &[], self.now());
        call.arg(which);
        self.script(session, script, call).await.map(drop)
    }

    /// Takes entries away that are still what they were; says how many fresh objects they were.
    async fn depart(
        &self,
        slot: &Slot,
        keys: &[String],
        meant: &Meant<'_>,
        fate: Fate,
    ) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        let session = self.session().await?;
        let (script, now) = (&self.scripts.depart, self.now());
        let parts = keys.chunks(REMOVED_AT_ONCE).enumerate();
        let calls = parts.map(|(part, keys)| {
            let mut call = self.call(&session, script, slot, keys, now);
            call.arg(fate_name(fate));
            match meant {
                Meant::Versions(versions) => {
                    let from = part * REMOVED_AT_ONCE;
                    call.arg("version").arg(&versions[from..from + keys.len()])
                }
                Meant::Tagged => call.arg("tags"),
                Meant::Anything => call.arg("all"),
            };
            call
        });
        let answers = self.scripts(&session, script, calls.collect()).await?;
        let counts = answers
            .iter()
            .map(|answer| reply::whole(answer).ok_or_else(|| unexpected("a removal")));
        counts.sum()
    }
}

/// The query that goes through all that matches, in the order of ids.
fn in_parts(expr: Expr) -> Query {
    let mut query = Query::new(expr);
    query.order = Order::Id;
    query.limit = Some(FOUND_AT_ONCE);
    query
}

/// Turns to what comes behind these; says whether there is more.
fn next_part(query: &mut Query, hits: &Hits) -> bool {
    match hits.rows.last() {
        Some(last) if !hits.extent.is_exhausted() => {
            query.after = Some(last.place.clone());
            true
        }
        _ => false,
    }
}
