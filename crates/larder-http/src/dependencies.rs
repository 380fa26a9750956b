//! The seam to what core knows of a page's dependencies.

use std::future::Future;

use larder_core::FillContext;

use crate::pages::{Entries, Entry};

/// What is known of what a page was made from.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// For people to read.
    pub(crate) dependencies: Vec<String>,
    /// Whether that is all, and something: whether a write will end the page.
    pub(crate) is_whole: bool,
}

/// Makes a page, and has the entry that is being filled depend on what was read for it.
pub(crate) async fn tracked<F: Future>(
    _entries: &Entries,
    _fill: &FillContext<Entry>,
    work: F,
) -> (F::Output, Known) {
    (work.await, Known::default())
}
