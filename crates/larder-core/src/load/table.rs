//! What is being loaded into one model, and what writes and invalidations tell of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::deps::Readers;
use crate::document::Document;
use crate::error::Result;
use crate::expr::Expr;
use crate::fact::Facts;
use crate::flight::{Flights, Threatening, Writing};
use crate::id::IdKey;
use crate::list::ListLanding;
use crate::model::Object;
use crate::store::{Tags, Token};

/// How many failed loads are remembered, of all keys, so as not to be tried again at once.
const FAILURES: usize = 10_000;

/// What a flight brings: the object, or that there is none.
pub(crate) type Landing = Result<Option<Arc<dyn Object>>>;

/// What a flight of one id may find itself hit by.
#[derive(Clone, Debug)]
pub(crate) enum Threat {
    Tags(Tags),
    Where(Arc<Expr>),
    All,
}

impl Threat {
    /// Whether an entry is meant that holds this.
    pub(crate) fn hits(&self, document: Option<&Document>, tags: &[String]) -> bool {
        match self {
            Self::Tags(invalid) => invalid.as_slice().iter().any(|tag| tags.contains(tag)),
            // Nobody knows whether what is absent would match if it were there.
            Self::Where(expr) => document.is_none_or(|document| expr.matches(document)),
            Self::All => true,
        }
    }
}

pub(crate) type EntryFlights = Flights<IdKey, Landing, Threat>;

/// What is being loaded into one model, by all caches of it in this process.
#[derive(Debug, Default)]
pub(crate) struct Loads {
    pub(crate) entries: Arc<EntryFlights>,
    pub(crate) lists: Arc<Flights<Vec<u8>, ListLanding, ()>>,
    pub(crate) facts: Facts,
    /// Whose entries were made from this model's.
    pub(crate) readers: Readers,
    /// When what failed may be tried again.
    failures: Mutex<HashMap<IdKey, Timestamp>>,
    /// The leases that flights of this process hold. One that was detached may hold one still,
    /// which the next of its key need not wait for.
    held: Mutex<HashMap<IdKey, Token>>,
}

/// A write or a removal under way, as the loads see it.
pub(crate) struct Written<G> {
    loads: Arc<Loads>,
    removes: bool,
    _guard: G,
}

/// A write of some ids.
pub(crate) type Disturbance = Written<Writing<IdKey, Landing, Threat>>;

impl Loads {
    /// Begins a write of these ids; `removes` if it takes away what facts may rest on.
    pub(crate) async fn write(self: &Arc<Self>, ids: Vec<IdKey>, removes: bool) -> Disturbance {
        self.disturb(removes);
        let mut guard = self.entries.write(ids);
        guard.ready().await;
        Written {
            loads: Arc::clone(self),
            removes,
            _guard: guard,
        }
    }

    /// Begins an invalidation.
    pub(crate) async fn threaten(
        self: &Arc<Self>,
        threat: Threat,
    ) -> Written<Threatening<IdKey, Landing, Threat>> {
        self.disturb(true);
        let mut guard = self.entries.threaten(threat);
        guard.ready().await;
        Written {
            loads: Arc::clone(self),
            removes: true,
            _guard: guard,
        }
    }

    /// Keeps later callers from joining loads of lists that began before a write, and ends the
    /// facts that a removal ends.
    fn disturb(&self, removes: bool) {
        if removes {
            self.facts.end_all();
        }
        if self.lists.live() > 0 {
            drop(self.lists.threaten(()));
        }
    }

    pub(super) fn hold(&self, id: &IdKey, lease: Token) {
        self.held.lock().insert(id.clone(), lease);
    }

    pub(super) fn held(&self, id: &IdKey) -> Option<Token> {
        self.held.lock().get(id).copied()
    }

    /// Forgets a lease that was stored with or given back.
    pub(super) fn let_go(&self, id: &IdKey, lease: Token) {
        let mut held = self.held.lock();
        if held.get(id) == Some(&lease) {
            held.remove(id);
        }
    }

    pub(super) fn may_try(&self, id: &IdKey, now: Timestamp) -> bool {
        self.failures.lock().get(id).is_none_or(|at| *at <= now)
    }

    pub(super) fn failed(&self, id: &IdKey, now: Timestamp, pause: Duration) {
        let mut failures = self.failures.lock();
        if failures.len() >= FAILURES {
            failures.retain(|_, at| *at > now);
        }
        if failures.len() < FAILURES {
            failures.insert(id.clone(), now.saturating_add(pause));
        }
    }

    pub(super) fn succeeded(&self, id: &IdKey) {
        self.failures.lock().remove(id);
    }
}

impl<G> Drop for Written<G> {
    fn drop(&mut self) {
        self.loads.disturb(self.removes);
    }
}
