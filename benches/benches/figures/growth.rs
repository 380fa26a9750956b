//! G16: what ten times the objects do to reads, finds and the memory an object takes.

use std::hint::black_box;

use larder::{Cache, EmbeddedStore};
use larder_benches::data::{self, User};
use larder_benches::poll::{block_on, ready};
use larder_benches::shape::Shape;
use larder_benches::timing::{in_turns, time};

use crate::args::Scale;
use crate::report::{Goal, Row, Unit};
use crate::{Failure, Rows};

const FINDS: usize = 2;

pub(crate) fn measure(scale: &Scale) -> Rows {
    let small = Loaded::new(scale.objects)?;
    let large = Loaded::new(scale.grown)?;
    let versus = format!("{}k / {}k", scale.grown / 1_000, scale.objects / 1_000);
    let mut rows = vec![
        memory(&versus, "estimated", large.estimate, small.estimate),
        memory(&versus, "resident", large.resident, small.resident),
    ];
    let ids = |loaded: &Loaded| data::ids(5, loaded.objects as u64, scale.gets);
    let (small_ids, large_ids) = (ids(&small), ids(&large));
    let get = |loaded: &Loaded, ids: &[u64]| {
        time(|| {
            for id in ids {
                drop(black_box(ready(loaded.cache.get(id))));
            }
        })
    };
    let ratio = in_turns(
        scale.find_rounds / 4,
        scale.gets,
        |_| get(&large, &large_ids),
        |_| get(&small, &small_ids),
    );
    let sides = (ratio.first, ratio.second);
    rows.push(Row::ratio(
        format!("{versus}, get, random"),
        ratio.ratio,
        Goal::None,
        sides,
    ));
    for shape in Shape::EACH {
        let find = |loaded: &Loaded, round: usize| {
            time(|| {
                for call in 0..FINDS {
                    let find = shape.newest(&loaded.cache, round * FINDS + call);
                    drop(black_box(block_on(find.fetch())));
                }
            })
        };
        let page = block_on(shape.newest(&large.cache, 0).fetch())?;
        if page.items.is_empty() {
            return Err(format!("nothing found by {}", shape.name()).into());
        }
        let ratio = in_turns(
            scale.find_rounds / 4,
            FINDS,
            |round| find(&large, round),
            |round| find(&small, round),
        );
        rows.push(Row::ratio(
            format!("{versus}, find, {}, sorted", shape.name()),
            ratio.ratio,
            Goal::None,
            (ratio.first, ratio.second),
        ));
    }
    Ok(rows)
}

/// Flat: no more than a tenth above.
fn memory(versus: &str, how: &str, large: f64, small: f64) -> Row {
    Row::new(
        format!("{versus}, {how} bytes an object"),
        large / small,
        Unit::Times,
        Goal::AtMost(1.1),
        format!("{large:.0} B / {small:.0} B"),
    )
}

struct Loaded {
    cache: Cache<User>,
    objects: usize,
    /// Bytes an object by the store's own count.
    estimate: f64,
    /// Bytes an object by what the process has grown.
    resident: f64,
}

impl Loaded {
    fn new(objects: usize) -> Result<Self, Failure> {
        let before = resident()?;
        let store = EmbeddedStore::builder().build()?;
        let cache = data::load(&store, 1, objects)?;
        let stats = block_on(cache.stats())?.store;
        if stats.objects != objects as u64 || stats.pending > 0 {
            return Err(format!("the store holds {stats:?}").into());
        }
        Ok(Self {
            cache,
            objects,
            estimate: stats.bytes as f64 / objects as f64,
            resident: (resident()? - before) / objects as f64,
        })
    }
}

/// How much memory the process holds, in bytes.
fn resident() -> Result<f64, Failure> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = statm
        .split(' ')
        .nth(1)
        .ok_or("no pages in statm")?
        .parse()?;
    Ok(pages * 4_096.0)
}
