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
    /// How many keys the server had evicted; `None` if nothing is certain, since it does not say,
    /// or since its index lacked rows.
    evicted: Option<String>,
    /// When the first of the objects expires that were there; `None` if none does.
    first_end: Option<Timestamp>,
}

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
            let search = self.search(&session, slot, &index, Sought::Ending);
            let script = &self.scripts.mark;
            let mut call = self.call(&session, script, slot, &[], search.now);
            call.arg(WATCH.as_micros() as u64);
            let answer = self.script(&session, script, call).await?;
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
            let Value::Array(parts) = answer else {
                return Err(unexpected("a mark"));
            };
            let word = |place: usize| {
                let word = parts.get(place).and_then(reply::bytes)?;
                std::str::from_utf8(word).ok().map(str::to_owned)
            };
            return Ok(Mark::new(Moment {
                state: slot.layout.state.clone(),
                number: word(0).ok_or_else(|| unexpected("a mark"))?,
                run: run_of(&session).to_owned(),
                evicted: word(1).filter(|_| is_whole),
                first_end,
            }));
        }
    }

    pub(crate) async fn still(&self, slot: &Slot, mark: &Mark) -> Result<bool> {
        let moment = Moment::of(mark, slot)?;
        let session = self.session().await?;
        let Some(evicted) = &moment.evicted else {
            return Ok(false);
        };
        if moment.run.is_empty() || moment.number_on(&session) == NONE {
            return Ok(false);
        }
        let script = &self.scripts.still;
        let mut call = self.call(&session, script, slot, &[], self.now());
        call.arg(WATCH.as_micros() as u64)
            .arg(&moment.number)
            .arg(evicted);
        match moment.first_end {
            Some(end) => call.arg(end.as_millis()),
            None => call.arg(NONE),
        };
        let holds = self.script(&session, script, call).await?;
        Ok(matches!(holds, Value::Int(1)))
    }
}
