//! Writes by id: puts, removals, new lifetimes, each a call of one script.

use larder_core::store::{
    Condition, Content, Fate, Guard, Lifetime, Put, PutOutcome, Removal, Tags, Token,
};
use larder_core::{IdKey, Result, Timestamp};
use redis::{Cmd, Value};

use crate::depend::Followed;
use crate::fields;
use crate::layout::{self, NONE, TAGS};
use crate::link::Session;
use crate::mark::Moment;
use crate::reply::{self, unexpected};
use crate::script::Script;
use crate::store::{Shared, Slot};

impl Shared {
    pub(crate) async fn put_many(&self, slot: &Slot, puts: Vec<Put>) -> Result<Vec<PutOutcome>> {
        let codec = self.config.codec_or_default()?;
        let now = self.now();
        // Before anything is stored.
        let mut bodies = Vec::with_capacity(puts.len());
        for put in &puts {
            bodies.push(match &put.content {
                Content::Object(object, document) => Some((object.encode(&*codec)?, document)),
                Content::Absent => None,
            });
        }
        if puts.is_empty() {
            return Ok(Vec::new());
        }
        let session = self.session().await?;
        let known: String = {
            let followed = slot.followed.lock();
            followed.iter().filter_map(Followed::known).collect()
        };
        let mut calls = Vec::with_capacity(puts.len());
        for (put, body) in puts.iter().zip(bodies) {
            let mut call = self.entry_call(&session, &self.scripts.put, slot, &put.id, now);
            match put.condition {
                Condition::Always => call.arg("*"),
                Condition::IfAbsent => call.arg("absent"),
                Condition::IfPresent => call.arg("present"),
                Condition::IfVersion(version) => call.arg(version),
                Condition::IfNewer => call.arg("newer"),
                Condition::IfNotOlder => call.arg("not older"),
            };
            call.arg(self.lifetime(put.lifetime, now));
            match put.stale_for {
                Some(time) => call.arg(layout::write_duration(time)),
                None => call.arg(""),
            };
            match &put.tags {
                Some(tags) => call.arg(format!("={}", layout::write_tags(tags))),
                None => call.arg(""),
            };
            match &body {
                Some((body, _)) => call.arg(codec.number()).arg(&body[..]),
                None => call.arg(NONE).arg(""),
            };
            call.arg(layout::write_revision(put.revision))
                .arg(layout::write_duration(put.cost));
            match &put.guard {
                Some(Guard::Lease(token)) => call.arg("lease").arg(write_token(*token)),
                Some(Guard::Since(mark)) => {
                    let moment = Moment::of(mark, slot)?.number_on(&session);
                    call.arg("since").arg(moment)
                }
                None => call.arg("").arg(""),
            };
            // What is loaded may have been made from other models, which its tags say.
            call.arg(if put.guard.is_some() { &*known } else { "" });
            let tags = put.tags.as_ref().map_or(&[][..], Tags::as_slice);
            if !tags.is_empty() {
                call.arg(TAGS).arg(fields::write_tags(tags));
            }
            let fields = match body {
                Some((_, document)) => fields::write(&slot.schema, document, &put.id),
                None => fields::write_id(&put.id),
            };
            for (name, value) in fields {
                call.arg(name).arg(value);
            }
            calls.push(call);
        }
        slot.register(self, &session).await?;
        self.scripts(&session, &self.scripts.put, calls)
            .await?
            .iter()
            .map(outcome)
            .collect()
    }

    pub(crate) async fn remove_many(&self, slot: &Slot, removals: &[Removal]) -> Result<Vec<bool>> {
        let now = self.now();
        let session = self.session().await?;
        let calls = removals.iter().map(|removal| {
            let mut call = self.removal(&session, slot, removal, now);
            call.arg("").arg("");
            call
        });
        self.tell(&session, &self.scripts.remove, calls.collect())
            .await
    }

    /// The call that removes an entry, up to the fence that it may put up.
    pub(crate) fn removal(
        &self,
        session: &Session,
        slot: &Slot,
        removal: &Removal,
        now: Timestamp,
    ) -> Cmd {
        let mut call = self.entry_call(session, &self.scripts.remove, slot, &removal.id, now);
        call.arg(fate_name(removal.fate));
        match removal.if_version {
            Some(version) => call.arg(version),
            None => call.arg(""),
        };
        match removal.tombstone {
            Some(tombstone) => call
                .arg(layout::write_revision(Some(tombstone.revision)))
                .arg(now.saturating_add(tombstone.lifetime).as_millis()),
            None => call.arg("").arg(""),
        };
        match removal.fence {
            Some(fence) => call.arg(write_token(fence)),
            None => call.arg(""),
        };
        call
    }

    pub(crate) async fn touch_many(
        &self,
        slot: &Slot,
        ids: &[IdKey],
        lifetime: Lifetime,
    ) -> Result<Vec<bool>> {
        let now = self.now();
        let session = self.session().await?;
        let calls = ids.iter().map(|id| {
            let mut call = self.entry_call(&session, &self.scripts.touch, slot, id, now);
            call.arg(self.lifetime(lifetime, now));
            call
        });
        self.tell(&session, &self.scripts.touch, calls.collect())
            .await
    }

    /// Runs calls that answer yes or no.
    async fn tell(&self, session: &Session, script: &Script, calls: Vec<Cmd>) -> Result<Vec<bool>> {
        let answers = self.scripts(session, script, calls).await?;
        Ok(answers
            .iter()
            .map(|answer| matches!(answer, Value::Int(1)))
            .collect())
    }

    fn lifetime(&self, lifetime: Lifetime, now: Timestamp) -> String {
        match lifetime {
            Lifetime::Keep => "keep".to_owned(),
            Lifetime::For(time) => now.saturating_add(time).as_millis().to_string(),
            Lifetime::Default => match self.config.ttl {
                Some(time) => now.saturating_add(time).as_millis().to_string(),
                None => "-".to_owned(),
            },
            Lifetime::Forever => "-".to_owned(),
        }
    }
}

/// A token as scripts know it.
pub(crate) fn write_token(token: Token) -> String {
    format!("{:032x}", token.get())
}

/// A fate as scripts know it.
pub(crate) fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Remove => "remove",
        Fate::Expire => "expire",
    }
}

fn outcome(answer: &Value) -> Result<PutOutcome> {
    let Value::Array(parts) = answer else {
        return Err(unexpected("a write"));
    };
    // A refusal because nothing is there ends at what would be the version.
    let version = parts.get(1).and_then(reply::whole);
    match (parts.first(), version) {
        (Some(Value::Int(1)), Some(version)) => Ok(PutOutcome::Stored(version)),
        (Some(Value::Int(0)), there) => Ok(PutOutcome::Refused(there)),
        (Some(Value::Int(2)), _) => Ok(PutOutcome::Outrun),
        _ => Err(unexpected("a write")),
    }
}
