//! G5: what writes that wait for the index cost a find.

use std::hint::black_box;
use std::sync::Arc;

use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, User, Users};
use larder_benches::poll::block_on;
use larder_benches::shape::Shape;
use larder_benches::timing::{in_turns, time};

use crate::args::Scale;
use crate::report::{Goal, Row};
use crate::{Failure, Rows};

const PENDING: u64 = 1_000;
const FINDS: usize = 4;

/// Two stores with the same objects, in one of which the last thousand writes wait.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let (pending, _held) = loaded(scale)?;
    let (settled, store) = loaded(scale)?;
    store.flush()?;
    let waiting = |cache: &Cache<User>| block_on(cache.stats()).map(|stats| stats.store.pending);
    let mut rows = Vec::new();
    for shape in Shape::EACH {
        for sorted in [true, false] {
            let find = |cache: &Cache<User>, variant| {
                let find = if sorted {
                    shape.newest(cache, variant)
                } else {
                    shape.first(cache, variant)
                };
                block_on(find.fetch())
            };
            // Relevance may differ between the two, and so may which objects come first by it.
            if sorted {
                for variant in 0..FINDS {
                    let (a, b) = (find(&pending, variant)?, find(&settled, variant)?);
                    if a.items.is_empty() || a.items != b.items {
                        return Err(format!("wrong answers to {}", shape.name()).into());
                    }
                }
            }
            let run = |cache: &Cache<User>, round: usize| {
                time(|| {
                    for call in 0..FINDS {
                        drop(black_box(find(cache, round * FINDS + call)));
                    }
                })
            };
            let ratio = in_turns(
                scale.find_rounds,
                FINDS,
                |round| run(&pending, round),
                |round| run(&settled, round),
            );
            rows.push(Row::ratio(
                format!(
                    "find, 1000 pending / none, {}{}",
                    shape.name(),
                    if sorted { ", sorted" } else { "" }
                ),
                ratio.ratio,
                Goal::AtMost(1.5),
                (ratio.first, ratio.second),
            ));
        }
    }
    let (waiting, none) = (waiting(&pending)?, waiting(&settled)?);
    if (waiting, none) != (PENDING, 0) {
        return Err(format!("{waiting} and {none} writes wait, not {PENDING} and 0").into());
    }
    Ok(rows)
}

/// A store in which the last thousand of its writes wait, however long.
fn loaded(scale: &Scale) -> Result<(Cache<User>, EmbeddedStore), Failure> {
    let store = EmbeddedStore::builder().flush_at(usize::MAX).build()?;
    let cache = data::load(&store, 1, scale.objects)?;
    let mut users = Users::new(2);
    let step = scale.objects as u64 / PENDING;
    for write in 0..PENDING {
        block_on(cache.put(Arc::new(users.with_id(write * step))))?;
    }
    Ok((cache, store))
}
