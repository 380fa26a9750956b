//! G14: many puts at once on Redis against one after the other.

use std::sync::Arc;

use larder_benches::data::{self, User, Users};
use larder_benches::timing::in_turns;

use crate::Rows;
use crate::args::Scale;
use crate::redis::Bench;
use crate::report::{Goal, Row};

/// The same objects under existing ids, made before the clock runs.
pub(crate) fn measure(scale: &Scale) -> Rows {
    let bench = Bench::start(scale.objects)?;
    let users = |round: usize| -> Vec<Arc<User>> {
        let mut users = Users::new(100 + round as u64);
        data::ids(round as u64, scale.objects as u64, scale.trips)
            .into_iter()
            .map(|id| Arc::new(users.with_id(id)))
            .collect()
    };
    let row = |goal| {
        let ratio = in_turns(
            scale.rounds,
            scale.trips,
            |round| {
                let users = users(round);
                bench.time(async {
                    for user in users {
                        bench.cache.put(user).await?;
                    }
                    Ok(())
                })
            },
            |round| {
                let users = users(round);
                bench.time(async { Ok(bench.cache.put_many(users).await?) })
            },
        );
        Row::ratio(
            "puts one by one / put_many",
            ratio.ratio,
            goal,
            (ratio.first, ratio.second),
        )
    };
    let any = row(Goal::AtLeast(3.0)).with_note("on any core");
    let core = bench.on_one_core();
    Ok(vec![any, row(Goal::None).with_note(core.note())])
}
