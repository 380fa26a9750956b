//! Watches: whether an object has left that an expression matches. They cost nothing where there
//! are none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use larder_core::expr::Expr;
use larder_core::{Document, Schema};

use crate::rows::Row;

/// What a mark remembers.
#[derive(Debug)]
pub(crate) struct Watch {
    expr: Expr,
    over: AtomicBool,
}

impl Watch {
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn end(&self) {
        self.over.store(true, Ordering::Release);
    }
}

/// Those of one model. A mark that is dropped takes its watch with it.
#[derive(Default)]
pub(crate) struct Watches(Vec<Weak<Watch>>);

impl Watches {
    pub(crate) fn begin(&mut self, expr: &Expr) -> Arc<Watch> {
        // Those of dropped marks go before there is room made for more.
        if self.0.len() == self.0.capacity() {
            self.0.retain(|watch| watch.strong_count() > 0);
        }
        let watch = Arc::new(Watch {
            expr: expr.clone(),
            over: AtomicBool::new(false),
        });
        self.0.push(Arc::downgrade(&watch));
        watch
    }

    /// Ends the watches of the row, which has left.
    pub(crate) fn left(&mut self, schema: &Schema, row: &Row) {
        if self.0.is_empty() {
            return;
        }
        let mut document = None;
        self.0.retain(|watch| {
            let Some(watch) = watch.upgrade().filter(|watch| !watch.is_over()) else {
                return false;
            };
            let concerns = match (&watch.expr, &row.object) {
                (Expr::Nothing, _) | (_, None) => false,
                (Expr::All, _) => true,
                (expr, Some(object)) => document
                    .get_or_insert_with(|| Document::of(schema, &**object))
                    .as_ref()
                    // What cannot be told is on the safe side.
                    .map_or(true, |document| expr.matches(document)),
            };
            if concerns {
                watch.end();
            }
            !concerns
        });
    }

    /// Ends all of them: everything has left.
    pub(crate) fn all_left(&mut self) {
        for watch in self.0.drain(..) {
            if let Some(watch) = watch.upgrade() {
                watch.end();
            }
        }
    }
}
