//! What core knows of a page's dependencies, as the page cache needs it.

use std::future::Future;
use std::sync::Arc;

use larder_core::{FillContext, Timestamp};

use crate::pages::{Entries, Entry};

/// What is known of what a page was made from.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// For people to read.
    pub(crate) dependencies: Vec<String>,
    /// Why that is not all, if it is not.
    pub(crate) untracked: Option<Arc<str>>,
    /// When the first of it ends by its time.
    pub(crate) until: Option<Timestamp>,
    /// Whether some of it changed meanwhile: the page is not stored.
    pub(crate) is_overtaken: bool,
}

impl Known {
    /// Whether a write will end the page: something was read, and nothing is unknown.
    pub(crate) fn is_whole(&self) -> bool {
        self.untracked.is_none() && !self.dependencies.is_empty()
    }
}

/// Makes a page, and has the entry that is being filled depend on what was read for it.
pub(crate) async fn tracked<F: Future>(
    entries: &Entries,
    fill: &FillContext<Entry>,
    work: F,
) -> (F::Output, Known) {
    let (made, read) = fill.tracked(entries, work).await;
    let known = Known {
        dependencies: read.read.iter().map(ToString::to_string).collect(),
        untracked: read.opaque,
        until: read.until,
        is_overtaken: read.overtaken,
    };
    (made, known)
}
