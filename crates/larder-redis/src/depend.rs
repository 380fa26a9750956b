//! Models whose entries are made from those of others: how the server ends these with each write.
//!
//! The state of a model names those that follow it; its scripts end by tag what these made of what
//! is written, in the same step. The server may forget that by itself. So who is about to load an
//! entry says anew what its model follows, and the entry is good only as long as the server has
//! known without a break: since before the lease, or since this program said so first.

use std::time::Duration;

use larder_core::{Result, Timestamp};

use crate::reply::{self, unexpected};
use crate::store::{Shared, Slot};

/// For how long the server knows beyond what it was told: clocks differ.
const GRACE: Duration = Duration::from_secs(3_600);

/// A model that another one follows, as far as this program had it told to the server.
#[derive(Debug)]
pub(crate) struct Followed {
    /// Its name, escaped.
    name: String,
    /// The key of its state.
    state: String,
    /// Since which moment of the follower's; nothing once there was more than one, since the
    /// server forgot.
    since: Option<u64>,
    until: Timestamp,
}

impl Followed {
    /// The key of its state, its name, and for how many milliseconds it is to be followed.
    pub(crate) fn renewal(&self, now: Timestamp) -> Option<(String, String, i64)> {
        let millis = millis(self.until, now);
        (self.until > now).then(|| (self.state.clone(), self.name.clone(), millis))
    }

    /// Its name and the moment, as a put has them.
    pub(crate) fn known(&self) -> Option<String> {
        let since = self.since?;
        Some(format!("{} {since},", self.name))
    }
}

fn millis(until: Timestamp, now: Timestamp) -> i64 {
    let left = until.saturating_since(now).saturating_add(GRACE);
    i64::try_from(left.as_millis()).unwrap_or(i64::MAX)
}

impl Shared {
    pub(crate) async fn depend(&self, slot: &Slot, pages: &Slot, until: Timestamp) -> Result<()> {
        let now = self.now();
        let session = self.session().await?;
        let script = &self.scripts.depend;
        let keys = [pages.layout.state.clone(), pages.layout.tags.clone()];
        let mut call = self.call(&session, script, slot, &keys, now);
        call.arg(&pages.layout.name).arg(millis(until, now));
        let answer = self.script(&session, script, call).await?;
        let since = reply::whole(&answer).ok_or_else(|| unexpected("a dependency"))?;
        let mut followed = pages.followed.lock();
        match followed
            .iter_mut()
            .find(|one| one.state == slot.layout.state)
        {
            Some(one) => {
                one.until = until.max(one.until);
                one.since = one.since.filter(|known| *known == since);
            }
            None => followed.push(Followed {
                name: slot.layout.name.clone(),
                state: slot.layout.state.clone(),
                since: Some(since),
                until,
            }),
        }
        Ok(())
    }
}
