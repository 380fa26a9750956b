//! Marks: whether objects have left a model since a moment, said with certainty or denied.
//!
//! While somebody watches, every script writes down what it took away, and the first expiry of
//! what it stored; see `script/prelude.lua`. What the server does by itself is known by what it
//! counts: another run of it, or an eviction since, and nothing is certain any more.

use std::time::Duration;

use larder_core::expr::Expr;
use larder_core::store::Mark;
use larder_core::{Error, Result, Timestamp};
use redis::Value;

use crate::error;
use crate::index::Progress;
use crate::layout::NONE;
use crate::link::Session;
use crate::reply::{self, unexpected};
use crate::search::Sought;
use crate::store::{Home, Shared, Slot, run_of};

/// How long a mark is watched that nobody asks about.
const WATCH: Duration = Duration::from_secs(3_600);

/// What a mark remembers.
#[derive(Debug)]
pub(crate) struct Moment {
    /// Which model of which namespace it is of.
    state: String,
    /// The moment of the model, as its scripts count them.
    number: String,
    /// The run of the server.
    run: String,
    /// How many entries the server had evicted; `None` if it does not say.
    evicted: Option<u64>,
    /// When the first of the objects expires that were there; `Err` if not all were known.
    first_end: std::result::Result<Option<Timestamp>, Unknown>,
}

/// Not all rows were in the index.
#[derive(Clone, Copy, Debug)]
struct Unknown;

impl Moment {
    /// What a mark of this model remembers.
    ///
    /// # Errors
    /// `Internal` if it is of another model or another store.
    pub(crate) fn of<'a>(mark: &'a Mark, slot: &Slot) -> Result<&'a Self> {
        mark.get()
            .filter(|moment: &&Self| moment.state == slot.layout.state)
            .ok_or_else(|| Error::internal("the mark is of another store").with_store(error::STORE))
    }

    /// The moment, if the server still counts them as it did then; else what is none.
    pub(crate) fn number_on(&self, session: &Session) -> &str {
        if self.run == run_of(session) {
            &self.number
        } else {
            NONE
        }
    }
}

impl Shared {
    pub(crate) async fn mark(&self, slot: &Slot, expr: &Expr) -> Result<Mark> {
        let mut made_anew = false;
        loop {
            let (session, progress, index) = self.begin(slot, "mark").await?;
            // Before the moment: what is evicted between the two ends the mark.
            let evicted = self.evicted(&session).await?;
            let search = self.search(&session, slot, &index, Sought::Ending);
            let script = &self.scripts.mark;
            let mut call = self.call(&session, script, slot, &[], search.now);
            call.arg(WATCH.as_micros() as u64);
            let number = self.script(&session, script, call).await?;
            // Behind the moment: what is written between the two is watched.
            let first_end = match search.first_end(expr).await {
                Ok(end) => end,
                Err(failure) => {
                    slot.again(failure, &mut made_anew)?;
                    continue;
                }
            };
            let is_whole =
                progress == Progress::Complete && matches!(self.home(&session).await?, Home::Here);
            return Ok(Mark::new(Moment {
                state: slot.layout.state.clone(),
                number: reply::bytes(&number)
                    .map(|number| String::from_utf8_lossy(number).into_owned())
                    .ok_or_else(|| unexpected("a mark"))?,
                run: run_of(&session).to_owned(),
                evicted,
                first_end: if is_whole {
                    Ok(first_end)
                } else {
                    Err(Unknown)
                },
            }));
        }
    }

    pub(crate) async fn still(&self, slot: &Slot, mark: &Mark) -> Result<bool> {
        let moment = Moment::of(mark, slot)?;
        let session = self.session().await?;
        let (Ok(first_end), false) = (moment.first_end, moment.run.is_empty()) else {
            return Ok(false);
        };
        if moment.evicted.is_none() || moment.number_on(&session) == NONE {
            return Ok(false);
        }
        let script = &self.scripts.still;
        let mut call = self.call(&session, script, slot, &[], self.now());
        call.arg(WATCH.as_micros() as u64).arg(&moment.number);
        match first_end {
            Some(end) => call.arg(end.as_millis()),
            None => call.arg(NONE),
        };
        let holds = self.script(&session, script, call).await?;
        Ok(matches!(holds, Value::Int(1)) && self.evicted(&session).await? == moment.evicted)
    }

    /// How many entries the server has evicted in this run; `None` if it does not say.
    async fn evicted(&self, session: &Session) -> Result<Option<u64>> {
        let mut pipe = redis::pipe();
        pipe.cmd("INFO").arg("stats");
        let answer = session.run(self.config.timeout, &pipe).await?.pop();
        let answer = answer.unwrap_or_default();
        let text = reply::bytes(&answer).and_then(|text| std::str::from_utf8(text).ok());
        let mut lines = text.unwrap_or_default().lines();
        Ok(lines.find_map(|line| line.strip_prefix("evicted_keys:")?.trim().parse().ok()))
    }
}
