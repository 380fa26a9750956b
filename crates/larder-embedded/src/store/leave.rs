//! How entries leave: removed, expired, or let go of with all others; and what stays of them for
//! loads.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larder_core::expr::Expr;
use larder_core::store::{Fate, Tags};
use larder_core::{Document, IdKey, Result, Timestamp};

use super::{BATCH, Shared, key_of};
use crate::model::{ModelState, State};
use crate::rows::{Row, Slot};
use crate::search::Snapshot;

impl Shared {
    /// Takes away what is under `id`, or lets it expire; says whether that was a fresh object.
    /// Under the model's lock, so that it is not another's that moka drops.
    pub(super) fn depart(
        &self,
        model: &ModelState,
        state: &mut State,
        id: &IdKey,
        fate: Fate,
        now: Timestamp,
    ) -> bool {
        if let Some(row) = state.live.get(id) {
            let fresh = row.is_fresh(now, self.idle);
            if !fresh && fate == Fate::Expire {
                // It has come to its end already, and is taken from here when that is noticed.
                return false;
            }
            let by = state.next_seq();
            if let Some(row) = state.kill(id, by) {
                state.watches.left(model.schema(), &row);
                if fate == Fate::Expire && !row.stale_for().is_zero() {
                    self.hide(state, Arc::new(row.expired(now)));
                } else {
                    self.drop_from_moka(&row);
                }
            }
            return fresh;
        }
        let hidden = state.hidden.get(id);
        if hidden.is_some_and(|row| fate == Fate::Remove || row.object.is_none())
            && let Some(row) = state.unhide(id)
        {
            self.drop_from_moka(&row);
        }
        false
    }

    /// Keeps a row for loads alone. Under the model's lock.
    pub(super) fn hide(&self, state: &mut State, row: Arc<Row>) {
        self.objects.insert(key_of(&row), Slot::hidden(&row));
        state.hide(row);
    }

    pub(super) fn drop_from_moka(&self, row: &Row) {
        self.objects.invalidate(&key_of(row));
    }

    /// Takes away those of `rows` that are still there, or lets them expire; says how many were
    /// fresh. The lock is let go of now and then.
    fn depart_rows(
        &self,
        model: &ModelState,
        rows: &[Arc<Row>],
        fate: Fate,
        now: Timestamp,
    ) -> u64 {
        let mut gone = 0;
        for rows in rows.chunks(BATCH) {
            let mut state = model.state.lock();
            for row in rows {
                let there = state
                    .live
                    .get(&row.id)
                    .or_else(|| state.hidden.get(&row.id));
                if there.is_some_and(|there| there.seq == row.seq) {
                    gone += u64::from(self.depart(model, &mut state, &row.id, fate, now));
                }
            }
        }
        gone
    }

    /// The same of all rows that the snapshot has and `expr` matches, and of those that were
    /// hidden then; of these also all that say that there is no object.
    pub(super) fn depart_matching(
        &self,
        model: &ModelState,
        snapshot: &Snapshot,
        expr: &Expr,
        fate: Fate,
    ) -> Result<u64> {
        let mut rows = Vec::new();
        snapshot.for_each(expr, |row| {
            rows.push(Arc::clone(row));
            Ok(())
        })?;
        for row in model.state.lock().hidden.rows(snapshot.at) {
            let meant = match &row.object {
                Some(object) => expr.matches(&Document::of(model.schema(), &**object)?),
                None => true,
            };
            if meant {
                rows.push(row);
            }
        }
        Ok(self.depart_rows(model, &rows, fate, snapshot.now))
    }

    /// The same of all rows that have one of the tags.
    pub(super) fn depart_tagged(&self, model: &ModelState, tags: &Tags, fate: Fate) -> u64 {
        let now = self.now();
        let upto = model.state.lock().seq;
        let mut gone = 0;
        for tag in tags.as_slice() {
            let mut from = 0;
            loop {
                let mut state = model.state.lock();
                let rows = state.tags.rows(tag, from..=upto, BATCH);
                let Some(last) = rows.last() else {
                    break;
                };
                from = last.seq + 1;
                for row in &rows {
                    gone += u64::from(self.depart(model, &mut state, &row.id, fate, now));
                }
                if from > upto {
                    break;
                }
            }
        }
        gone
    }

    /// Lets go of rows whose lifetime has ended, and of those whose time behind that has: of
    /// `limit` each at the most.
    pub(super) fn expire(
        &self,
        model: &ModelState,
        state: &mut State,
        now: Timestamp,
        limit: usize,
    ) {
        let expired = state.expire(now, limit);
        let counter = &model.counters.expirations;
        counter.fetch_add(expired.len() as u64, Ordering::Relaxed);
        for row in expired {
            state.watches.left(model.schema(), &row);
            if row.is_kept(now, self.idle) {
                // moka has it already, and reads by id see that it has expired.
                state.hide(row);
            } else {
                self.drop_from_moka(&row);
            }
        }
        for _ in 0..limit {
            let Some(id) = state.hidden.ended(now).cloned() else {
                break;
            };
            if let Some(row) = state.unhide(&id) {
                self.drop_from_moka(&row);
            }
        }
    }

    /// Until moka has let go of the rows, reads by id ask the model whether they are there.
    pub(super) fn clear(&self, model: &ModelState) -> u64 {
        self.settle();
        self.clearing.fetch_add(1, Ordering::AcqRel);
        let now = self.now();
        let forgotten = model.state.lock().clear();
        self.drop_dead(model, &forgotten.live);
        self.drop_dead(model, &forgotten.hidden);
        self.clearing.fetch_sub(1, Ordering::AcqRel);
        let fresh = |row: &&Arc<Row>| row.is_fresh(now, self.idle);
        forgotten.live.iter().filter(fresh).count() as u64
    }

    /// Makes moka let go of dead rows, little by little, and only where nothing new stands under
    /// the id.
    fn drop_dead(&self, model: &ModelState, rows: &[Arc<Row>]) {
        for rows in rows.chunks(BATCH) {
            let state = model.state.lock();
            let is_gone = |id| !state.live.contains_key(id) && state.hidden.get(id).is_none();
            let gone = rows.iter().filter(|row| is_gone(&row.id));
            gone.for_each(|row| self.drop_from_moka(row));
        }
    }

    /// Lets go of objects that nobody has read for too long.
    pub(super) fn sweep_idle(&self, model: &ModelState) {
        if self.idle.is_none() {
            return;
        }
        let now = self.now();
        let segments = model.state.lock().segments().to_vec();
        for live in segments {
            let rows = live.rows.iter().flatten();
            let idle = rows.filter(|row| !row.is_dead() && row.is_idle(now, self.idle));
            let idle: Vec<_> = idle.cloned().collect();
            for rows in idle.chunks(BATCH) {
                let mut state = model.state.lock();
                for row in rows {
                    if state.holds(&row.id, row.seq) && row.is_idle(now, self.idle) {
                        self.depart(model, &mut state, &row.id, Fate::Remove, now);
                        model.counters.expirations.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
    }
}
