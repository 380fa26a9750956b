//! One model of a store: which rows are live and which are kept, the overlay, the segments; and the work in the
//! background that takes the one into the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use larder_core::store::{Model, Tombstone};
use larder_core::{Document, IdKey, Result, Schema, Timestamp};
use parking_lot::{Mutex, MutexGuard};

use crate::hidden::{Hidden, Tombstones};
use crate::index::Layout;
use crate::overlay::{Overlay, Pending};
use crate::rows::Row;
use crate::search::Snapshot;
use crate::segment::Live;
use crate::tags::TagIndex;
use crate::watch::Watches;

pub(crate) type Hasher = foldhash::quality::RandomState;

/// How long the revision of what was evicted is remembered.
const EVICTED_FOR: Duration = Duration::from_secs(300);

/// How many segments at the least are made one.
const MERGE_AT: usize = 4;

/// All that the store keeps of one model.
pub(crate) struct ModelState {
    /// As it is given out.
    pub(crate) model: Model,
    layout: Arc<Layout>,
    pub(crate) state: Mutex<State>,
    /// Held by the one flush under way.
    flushing: Mutex<()>,
    /// Held by the one merge under way.
    merging: Mutex<()>,
    /// Whether work in the background has been called for and not begun.
    called: AtomicBool,
    pub(crate) counters: Counters,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) evictions: AtomicU64,
    pub(crate) expirations: AtomicU64,
    pub(crate) flushes: AtomicU64,
    pub(crate) errors: AtomicU64,
}

/// What changes with every write. Held for moments only.
#[derive(Default)]
pub(crate) struct State {
    /// The number of the last write.
    pub(crate) seq: u64,
    pub(crate) live: HashMap<IdKey, Arc<Row>, Hasher>,
    pub(crate) hidden: Hidden,
    pub(crate) tombstones: Tombstones,
    pub(crate) tags: TagIndex,
    pub(crate) watches: Watches,
    pub(crate) overlay: Overlay,
    /// In the order of their rows' numbers.
    segments: Vec<Live>,
    /// Up to which number rows are on their way into a segment.
    taking: u64,
    /// Rows that died on that way.
    late: Vec<u64>,
    /// Documents that died since segments were last tidied.
    died: usize,
    pub(crate) expiries: BTreeMap<(i64, u64), IdKey>,
    pub(crate) bytes: u64,
    /// Bytes of rows that died since the last flush, and may be in memory still.
    dead_bytes: u64,
    /// Whether the store was closed: then nothing is to be put here.
    pub(crate) closed: bool,
}

/// When there is enough to do in the background.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows that are pending, or died in segments.
    pub(crate) rows: usize,
    /// Bytes of dead rows.
    pub(crate) dead_bytes: u64,
}

impl State {
    pub(crate) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Whether the row with this number is there under `id`.
    pub(crate) fn holds(&self, id: &IdKey, seq: u64) -> bool {
        self.live.get(id).is_some_and(|live| live.seq == seq)
    }

    /// What is known under `id` at `now`: a live row, or one that is kept for loads.
    pub(crate) fn known(&self, id: &IdKey, now: Timestamp, idle: Option<i64>) -> Option<&Arc<Row>> {
        let row = self.live.get(id).or_else(|| self.hidden.get(id))?;
        row.is_kept(now, idle).then_some(row)
    }

    /// Takes in a live row, whose number is the last given out. What stood under its id is dead.
    pub(crate) fn add(&mut self, id: IdKey, row: Arc<Row>, document: Document) {
        if let Some(at) = row.expires_at() {
            self.expiries.insert((at.as_millis(), row.seq), id.clone());
        }
        self.bytes += u64::from(row.weight);
        self.tags.insert(&row);
        let pending = Pending::new(Arc::clone(&row), document);
        self.overlay.push(Arc::new(pending));
        self.live.insert(id, row);
    }

    /// Gives a live row another lifetime.
    pub(crate) fn set_expiry(&mut self, row: &Row, until: Option<Timestamp>) {
        if let Some(at) = row.expires_at() {
            self.expiries.remove(&(at.as_millis(), row.seq));
        }
        row.set_expires_at(until);
        // As the row has it: a time beyond all others is none.
        if let Some(at) = row.expires_at() {
            self.expiries
                .insert((at.as_millis(), row.seq), row.id.clone());
        }
    }

    /// Keeps a row that is not live, or no longer.
    pub(crate) fn hide(&mut self, row: Arc<Row>) {
        self.bytes += u64::from(row.weight);
        self.tags.insert(&row);
        self.hidden.insert(row);
    }

    /// Lets go of what is hidden under `id`.
    pub(crate) fn unhide(&mut self, id: &IdKey) -> Option<Arc<Row>> {
        let row = self.hidden.remove(id)?;
        self.bytes -= u64::from(row.weight);
        self.tags.remove(&row);
        Some(row)
    }

    /// Keeps the revision of a row that was evicted, the write `by`: an older object that is late
    /// is not to be taken for news. The same revision may come back.
    pub(crate) fn remember(&mut self, row: &Row, by: u64, now: Timestamp) {
        let Some(revision) = row.revision.and_then(|revision| revision.checked_sub(1)) else {
            return;
        };
        if self.tombstones.revision(&row.id, now) < Some(revision) {
            let lifetime = EVICTED_FOR;
            let tombstone = Tombstone { revision, lifetime };
            self.tombstones.bury(&row.id, by, tombstone, now);
        }
    }

    /// Lets go of the live row under `id`; `by` is the number of the write that does it.
    pub(crate) fn kill(&mut self, id: &IdKey, by: u64) -> Option<Arc<Row>> {
        let row = self.live.remove(id)?;
        row.kill(by);
        self.bytes -= u64::from(row.weight);
        self.dead_bytes += u64::from(row.weight);
        self.tags.remove(&row);
        if let Some(at) = row.expires_at() {
            self.expiries.remove(&(at.as_millis(), row.seq));
        }
        if row.seq <= self.taking {
            self.late.push(row.seq);
        }
        self.bury(row.seq);
        Some(row)
    }

    /// Takes a row out of the segment that holds it, if any does.
    fn bury(&mut self, seq: u64) {
        // Segments hold rows in order: the first that reaches so far is the only one to look in.
        let at = self.segments.partition_point(|live| !live.reaches(seq));
        if let Some(live) = self.segments.get_mut(at)
            && let Some(doc) = live.locate(seq)
        {
            self.died += usize::from(live.kill(doc));
        }
    }

    /// Lets go of at most `limit` live rows whose lifetime ended by `now`, and gives them.
    pub(crate) fn expire(&mut self, now: Timestamp, limit: usize) -> Vec<Arc<Row>> {
        let mut expired = Vec::new();
        while expired.len() < limit
            && let Some(entry) = self.expiries.first_entry()
            && entry.key().0 <= now.as_millis()
        {
            let ((_, seq), id) = entry.remove_entry();
            if self.holds(&id, seq) {
                let by = self.next_seq();
                expired.extend(self.kill(&id, by));
            }
        }
        expired
    }

    /// Whether some row is still there whose time is over by `now`: that of its life, or that
    /// for which it was kept.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let first = self.expiries.first_key_value();
        let expired = first.is_some_and(|(&(at, _), _)| at <= now.as_millis());
        expired || self.hidden.ended(now).is_some()
    }

    pub(crate) fn pending(&self) -> usize {
        self.overlay.len()
    }

    /// Whether more is pending, or dead beside it, than is good to leave.
    fn wants_flush(&self, limits: Limits) -> bool {
        self.overlay.len() >= limits.rows || self.dead_bytes >= limits.dead_bytes
    }

    pub(crate) fn segments(&self) -> &[Live] {
        &self.segments
    }

    /// Forgets every row and every tombstone. What is returned is to be dropped where nobody
    /// waits.
    pub(crate) fn clear(&mut self) -> Forgotten {
        let by = self.next_seq();
        let live: Vec<_> = self.live.drain().map(|(_, row)| row).collect();
        for row in &live {
            row.kill(by);
        }
        if self.taking > 0 {
            self.late.extend(live.iter().map(|row| row.seq));
        }
        if !live.is_empty() {
            self.watches.all_left();
        }
        self.bytes = 0;
        self.died = 0;
        Forgotten {
            hidden: self.hidden.rows(by),
            live,
            _rest: State {
                hidden: std::mem::take(&mut self.hidden),
                tombstones: std::mem::take(&mut self.tombstones),
                tags: std::mem::take(&mut self.tags),
                segments: std::mem::take(&mut self.segments),
                overlay: std::mem::take(&mut self.overlay),
                expiries: std::mem::take(&mut self.expiries),
                ..Self::default()
            },
        }
    }
}

/// What a cleared model held.
pub(crate) struct Forgotten {
    pub(crate) live: Vec<Arc<Row>>,
    pub(crate) hidden: Vec<Arc<Row>>,
    _rest: State,
}

impl ModelState {
    pub(crate) fn new(model: Model) -> Self {
        Self {
            layout: Arc::new(Layout::of(model.schema())),
            model,
            state: Mutex::default(),
            flushing: Mutex::default(),
            merging: Mutex::default(),
            called: AtomicBool::new(false),
            counters: Counters::default(),
        }
    }

    pub(crate) fn schema(&self) -> &Arc<Schema> {
        self.model.schema()
    }

    /// The model as it is under this lock. Nothing in it has expired if `state` was rid of that.
    pub(crate) fn snapshot(&self, state: &State, now: Timestamp, idle: Option<i64>) -> Snapshot {
        Snapshot {
            schema: Arc::clone(self.schema()),
            at: state.seq,
            now,
            idle,
            objects: state.live.len(),
            overlay: state.overlay.snapshot(),
            segments: state.segments.clone(),
        }
    }

    /// Whether there is work for the background that nobody has been called for.
    pub(crate) fn is_due(&self, state: &State, limits: Limits) -> bool {
        let merges = state.died >= limits.rows && !self.merging.is_locked();
        (merges || state.wants_flush(limits)) && !self.called.load(Ordering::Acquire)
    }

    /// Calls for what is due, in the background, unless somebody has; says whether nobody had.
    pub(crate) fn call(self: &Arc<Self>, limits: Limits) -> bool {
        if self.called.swap(true, Ordering::AcqRel) {
            return false;
        }
        let model = Arc::clone(self);
        blocking::unblock(move || {
            let wants_flush = || model.state.lock().wants_flush(limits);
            while wants_flush() && model.flush_counted() {}
            // Whoever writes from here on calls again; those who have written called in vain if
            // it was after the look above.
            model.called.store(false, Ordering::Release);
            if wants_flush() {
                model.flush_counted();
            }
            // Merges can take long; the next flush does not wait for them.
            let merger = Arc::clone(&model);
            blocking::unblock(move || {
                if let Some(_one) = merger.merging.try_lock()
                    && merger.tidy().is_err()
                {
                    merger.counters.errors.fetch_add(1, Ordering::Relaxed);
                }
            })
            .detach();
        })
        .detach();
        true
    }

    /// Flushes if more than `most` rows are pending once it is this caller's turn.
    pub(crate) fn relieve(&self, most: usize) {
        let one = self.flushing.lock();
        if self.state.lock().pending() > most && self.flush_alone(one).is_err() {
            self.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Flushes; a failure is counted, and leaves the writes pending.
    fn flush_counted(&self) -> bool {
        let flushed = self.flush().is_ok();
        if !flushed {
            self.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
        flushed
    }

    /// Takes what is pending into a new segment. The overlay loses a row only once the segment
    /// that has it is there to be found.
    pub(crate) fn flush(&self) -> Result<()> {
        self.flush_alone(self.flushing.lock())
    }

    fn flush_alone(&self, _one: MutexGuard<'_, ()>) -> Result<()> {
        let (chunks, upto) = {
            let mut state = self.state.lock();
            state.dead_bytes = 0;
            let chunks = state.overlay.take();
            let Some(last) = chunks.last().and_then(|chunk| chunk.rows().last()) else {
                return Ok(());
            };
            let upto = last.row.seq;
            state.taking = upto;
            (chunks, upto)
        };
        let pending: Vec<Arc<Pending>> = chunks
            .iter()
            .flat_map(|chunk| chunk.rows())
            .filter(|pending| !pending.row.is_dead())
            .cloned()
            .collect();
        let built = (!pending.is_empty())
            .then(|| Live::build(&self.layout, &pending))
            .transpose();
        let retired = {
            let mut state = self.state.lock();
            let late = std::mem::take(&mut state.late);
            state.taking = 0;
            // On failure all stays in the overlay, and is found there.
            if let Some(live) = built? {
                state.segments.push(live);
                for seq in late {
                    state.bury(seq);
                }
            }
            state.overlay.retire(upto)
        };
        drop(retired);
        self.counters.flushes.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Merges segments until none are worth it, and drops rows of dead documents from memory.
    /// The caller holds `merging`.
    fn tidy(&self) -> Result<()> {
        let merged = self.merge();
        self.sweep();
        merged
    }

    fn merge(&self) -> Result<()> {
        loop {
            let parts = {
                let mut state = self.state.lock();
                state.died = 0;
                let segments = std::mem::take(&mut state.segments);
                let (living, dead): (Vec<_>, Vec<_>) = segments
                    .into_iter()
                    .partition(|live| !live.alive.is_empty());
                state.segments = living;
                let parts = mergeable(&state.segments).map(|run| state.segments[run].to_vec());
                drop(state);
                drop(dead);
                match parts {
                    Some(parts) => parts,
                    None => return Ok(()),
                }
            };
            let merged = Live::merge(&parts)?;
            let mut state = self.state.lock();
            let old: Vec<_> = parts
                .iter()
                .map_while(|part| {
                    let same = |live: &Live| Arc::ptr_eq(&live.segment, &part.segment);
                    state.segments.iter().position(same)
                })
                .collect();
            // Otherwise the model was cleared meanwhile, and there is nothing to replace.
            if old.len() < parts.len() {
                continue;
            }
            let merged = carry_over(merged, &parts, &state.segments[old[0]..=old[old.len() - 1]]);
            state.segments.splice(old[0]..=old[old.len() - 1], [merged]);
        }
    }

    /// Drops the rows of dead documents where they are many.
    fn sweep(&self) {
        let segments = self.state.lock().segments.clone();
        for live in segments {
            if live.died * 8 < live.rows.len() {
                continue;
            }
            let rows = live.swept();
            let mut state = self.state.lock();
            let same = |known: &&mut Live| Arc::ptr_eq(&known.segment, &live.segment);
            if let Some(known) = state.segments.iter_mut().find(same) {
                known.sweep(rows, live.died);
            }
        }
    }

    /// Flushes and merges until there is nothing left to do.
    pub(crate) fn settle(&self) -> Result<()> {
        self.flush()?;
        let _one = self.merging.lock();
        self.tidy()
    }

    /// Waits for work in the background, and lets go of everything.
    pub(crate) fn shut_down(&self) {
        let _flush = self.flushing.lock();
        let _merge = self.merging.lock();
        let closed = State {
            closed: true,
            ..State::default()
        };
        let old = std::mem::replace(&mut *self.state.lock(), closed);
        drop(old);
    }
}

/// Which segments to make one, if any: the longest run at the end in which the oldest is no
/// larger than all that follow it; or one that is dead for the larger part. So sizes at least
/// double from each segment to the one before it, and a row is rewritten a logarithmic number
/// of times.
fn mergeable(segments: &[Live]) -> Option<std::ops::Range<usize>> {
    let sizes: Vec<usize> = segments.iter().map(|live| live.alive.count()).collect();
    let mut newer = 0;
    let mut from = None;
    for (at, size) in sizes.iter().enumerate().rev() {
        if *size <= newer && segments.len() - at >= MERGE_AT {
            from = Some(at);
        }
        newer += size;
    }
    from.map(|from| from..segments.len()).or_else(|| {
        let hollow = |(live, size): (&Live, &usize)| live.alive.len() as usize > size * 2;
        let at = segments.iter().zip(&sizes).position(hollow)?;
        Some(at..at + 1)
    })
}

/// Marks what died in the old segments while they were being merged.
fn carry_over(mut merged: Live, before: &[Live], now: &[Live]) -> Live {
    let mut doc = 0;
    for (before, now) in before.iter().zip(now) {
        for old in before.alive.iter() {
            if !now.alive.contains(old) {
                merged.kill(doc);
            }
            doc += 1;
        }
    }
    merged
}
