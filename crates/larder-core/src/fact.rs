//! Facts: of which filters the cache is known to hold every object that matches.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::clock::Timestamp;
use crate::expr::{Expr, Leaf};
use crate::store::Mark;
use crate::value::Value;

/// How many facts of a model are remembered; then the one that ends first is forgotten.
const MAX_FACTS: usize = 1_024;

/// That the cache holds every object which one filter means.
#[derive(Debug)]
pub(crate) struct Fact {
    expr: Expr,
    /// By this the store tells whether any of them has left.
    pub(crate) mark: Mark,
    until: Option<Timestamp>,
    over: AtomicBool,
}

impl Fact {
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.over.load(Ordering::SeqCst) || self.until.is_some_and(|until| until <= now)
    }
}

/// What is known of one model in this process.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// By the canonical form of the filter.
    known: Mutex<HashMap<Vec<u8>, Arc<Fact>>>,
    /// Counts the removals: what was begun before one may not become a fact behind it.
    generation: AtomicU64,
}

impl Facts {
    /// The moment, for [`learn`](Self::learn).
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Takes in a fact whose making began at `generation`, unless something was removed since.
    pub(crate) fn learn(
        &self,
        generation: u64,
        expr: Expr,
        mark: Mark,
        until: Option<Timestamp>,
    ) -> Option<Arc<Fact>> {
        let fact = Arc::new(Fact {
            expr,
            mark,
            until,
            over: AtomicBool::new(false),
        });
        let mut known = self.known.lock();
        if self.generation() != generation {
            return None;
        }
        if known.len() >= MAX_FACTS {
            let end = |fact: &Fact| fact.until.map_or(i64::MAX, Timestamp::as_millis);
            let first = known.iter().min_by_key(|(_, fact)| end(fact));
            if let Some(key) = first.map(|(key, _)| key.clone()) {
                known.remove(&key);
            }
        }
        known.insert(fact.expr.canonical(), Arc::clone(&fact));
        Some(fact)
    }

    /// Ends all of them: something was removed, and nobody knows what its source holds now.
    pub(crate) fn end_all(&self) {
        let mut known = self.known.lock();
        self.generation.fetch_add(1, Ordering::SeqCst);
        for (_, fact) in known.drain() {
            fact.over.store(true, Ordering::SeqCst);
        }
    }

    /// Ends one.
    pub(crate) fn end(&self, fact: &Fact) {
        fact.over.store(true, Ordering::SeqCst);
        self.known
            .lock()
            .retain(|_, known| !std::ptr::eq(&**known, fact));
    }

    /// A fact from which it follows that the cache holds all that `expr` means: of this very
    /// filter, of the whole model, of a condition that the filter is narrowed from, or of a
    /// range that the filter's lies in. Nothing else is tried.
    pub(crate) fn covers(&self, expr: &Expr, now: Timestamp) -> Option<Arc<Fact>> {
        let known = self.known.lock();
        if known.is_empty() {
            return None;
        }
        let live = |fact: &&Arc<Fact>| !fact.is_over(now);
        let exact = |expr: &Expr| known.get(&expr.canonical()).filter(live);
        let conditions = match expr {
            Expr::And(conditions) => &**conditions,
            _ => &[],
        };
        let single = std::slice::from_ref(expr);
        let ranges = || conditions.iter().chain(single).filter_map(range);
        let wider = || {
            known.values().filter(live).find(|fact| {
                let known = range(&fact.expr);
                known.is_some_and(|known| ranges().any(|range| encloses(known, range)))
            })
        };
        exact(expr)
            .or_else(|| exact(&Expr::All))
            .or_else(|| conditions.iter().find_map(exact))
            .or_else(wider)
            .cloned()
    }
}

type Range<'a> = (u16, &'a Bound<Value>, &'a Bound<Value>);

/// The range of a plain condition on one field; a single value is one too.
fn range(expr: &Expr) -> Option<Range<'_>> {
    match expr {
        Expr::Literal {
            leaf: Leaf::Range(field, low, high),
            negated: false,
        } => Some((*field, low, high)),
        _ => None,
    }
}

/// Whether all of `inner` lies in `outer`. Bounds of different kinds do not.
fn encloses(outer: Range<'_>, inner: Range<'_>) -> bool {
    let below = |outer: &Bound<Value>, inner: &Bound<Value>, upper: bool| {
        let (outer, inner, open) = match (outer, inner) {
            (Bound::Unbounded, _) => return true,
            (_, Bound::Unbounded) => return false,
            (Bound::Excluded(outer), Bound::Included(inner)) => (outer, inner, true),
            (Bound::Excluded(outer) | Bound::Included(outer), Bound::Excluded(inner))
            | (Bound::Included(outer), Bound::Included(inner)) => (outer, inner, false),
        };
        if std::mem::discriminant(outer) != std::mem::discriminant(inner) {
            return false;
        }
        let order = outer.cmp(inner);
        let order = if upper { order.reverse() } else { order };
        order.is_lt() || (order.is_eq() && !open)
    };
    outer.0 == inner.0 && below(outer.1, inner.1, false) && below(outer.2, inner.2, true)
}
