//! Reads by id: what stands under a key, and what invalidations have left of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use larder_core::codec::{self, Codec};
use larder_core::store::{Found, Stored, Want};
use larder_core::{ErrorKind, IdKey, Result, Timestamp};
use redis::Value;

use crate::config::ReadPolicy;
use crate::error;
use crate::layout::{BODY, HEADER, Header, Reading};
use crate::link::Session;
use crate::reply::{self, unexpected};
use crate::store::{BATCH, Shared, Slot};

/// What was found under a key.
pub(crate) enum Entry {
    /// An entry of this model.
    Own(Found),
    /// The same, of which the server has to say whether it was invalidated by a tag. What its index
    /// finds was not.
    Stamped(Found),
    /// Its version, where no more was asked for.
    Version(u64),
    /// Nothing, or nothing of what was wanted.
    Missing,
    /// An entry of another version of the model.
    Other,
    /// An object by a codec of this number, which this build lacks.
    Unreadable(u8),
    /// Something that Larder did not write.
    Foreign,
}

impl Slot {
    /// Reads entries by id.
    pub(crate) async fn get(
        &self,
        shared: &Shared,
        session: &Session,
        ids: &[IdKey],
        want: Want,
        now: Timestamp,
        deadline: Duration,
    ) -> Result<Vec<Option<Found>>> {
        let mut found = Vec::with_capacity(ids.len());
        let (mut foreign, mut stamped) = (Vec::new(), Vec::new());
        for ids in ids.chunks(BATCH) {
            let mut pipe = redis::pipe();
            for id in ids {
                pipe.cmd("HMGET")
                    .arg(self.layout.key(id))
                    .arg(HEADER)
                    .arg(BODY);
            }
            let answers = session.run(deadline, &pipe).await?;
            for (id, answer) in ids.iter().zip(answers) {
                let entry = match answer {
                    Value::Array(mut parts) => {
                        let body = parts.pop();
                        let header = parts.pop().unwrap_or_default();
                        self.entry(shared, header, body, now, want)
                    }
                    // Another kind of value than a hash.
                    Value::ServerError(cause) if cause.code() == "WRONGTYPE" => Entry::Foreign,
                    Value::ServerError(cause) => return Err(error::of_server(&cause)),
                    _ => return Err(unexpected("HMGET")),
                };
                match &entry {
                    Entry::Unreadable(number) => return Err(codec::missing(*number)),
                    Entry::Foreign => foreign.push(id),
                    Entry::Stamped(_) => stamped.push(found.len()),
                    _ => {}
                }
                found.push(entry.found());
            }
        }
        if !stamped.is_empty() {
            let calls = stamped.iter().map(|place| {
                let keys = [self.layout.key(&ids[*place])];
                shared.call(session, &shared.scripts.look, self, &keys, now)
            });
            let calls = calls.collect();
            let answers = shared.scripts(session, &shared.scripts.look, calls).await?;
            for (place, answer) in stamped.into_iter().zip(answers) {
                found[place] = self.looked_at(shared, answer, want, now)?;
            }
        }
        if !foreign.is_empty() {
            let calls = foreign
                .into_iter()
                .map(|id| shared.entry_call(session, &shared.scripts.heal, self, id, now));
            // On a replica it stays what it is, a miss.
            let healed = shared
                .scripts(session, &shared.scripts.heal, calls.collect())
                .await;
            let healed = healed.unwrap_or_default();
            let healed = healed
                .iter()
                .filter(|answer| matches!(answer, Value::Int(1)));
            self.foreign
                .fetch_add(healed.count() as u64, Ordering::Relaxed);
        }
        Ok(found)
    }

    /// The entry that a script answers: its header and its object, as invalidations have left it.
    pub(crate) fn looked_at(
        &self,
        shared: &Shared,
        answer: Value,
        want: Want,
        now: Timestamp,
    ) -> Result<Option<Found>> {
        let Value::Array(parts) = answer else {
            return Err(unexpected("a script"));
        };
        let mut parts = parts.into_iter();
        let header = parts.next().unwrap_or_default();
        let body = parts.next().unwrap_or_default();
        let header = match Header::read(
            reply::bytes(&header).unwrap_or_default(),
            &self.layout.fingerprint,
        ) {
            Reading::Own(header) => header,
            Reading::Other | Reading::Foreign => return Ok(None),
        };
        match shared.whole(header, body, now, want) {
            Entry::Unreadable(number) => Err(codec::missing(number)),
            entry => Ok(entry.found()),
        }
    }

    /// What an entry is, by its header, and with its object if that is given.
    pub(crate) fn entry(
        &self,
        shared: &Shared,
        header: Value,
        body: Option<Value>,
        now: Timestamp,
        want: Want,
    ) -> Entry {
        let header = match (&header, &body) {
            (Value::Nil, None | Some(Value::Nil)) => return Entry::Missing,
            (header, _) => reply::bytes(header).unwrap_or_default(),
        };
        let header: Header = match Header::read(header, &self.layout.fingerprint) {
            Reading::Own(header) => header,
            Reading::Other => return Entry::Other,
            Reading::Foreign => return Entry::Foreign,
        };
        let Some(body) = body else {
            // Of what is looked for to be removed it does not matter how long it is kept.
            return match want {
                Want::Object | Want::Times | Want::Fresh
                    if header.expires_at.is_some_and(|at| at <= now) =>
                {
                    Entry::Missing
                }
                _ => Entry::Version(header.version),
            };
        };
        let is_stamped = header.is_stamped;
        match shared.whole(header, body, now, want) {
            Entry::Own(found) if is_stamped => Entry::Stamped(found),
            entry => entry,
        }
    }
}

impl Entry {
    fn found(self) -> Option<Found> {
        match self {
            Self::Own(found) => Some(found),
            _ => None,
        }
    }
}

impl Shared {
    /// The entry of a header and an object, if it is what is wanted.
    fn whole(&self, header: Header, body: Value, now: Timestamp, want: Want) -> Entry {
        let object = match header.codec {
            None => Stored::Absent,
            Some(number) => {
                let Some(body) = reply::into_bytes(body) else {
                    return Entry::Foreign;
                };
                let Some(codec) = self.codec(number) else {
                    return Entry::Unreadable(number);
                };
                Stored::Encoded(body.into(), codec)
            }
        };
        let found = Found {
            object,
            version: header.version,
            expires_at: header.expires_at,
            tags: header.tags,
            created_at: header.created_at,
            stale_for: header.stale_for,
            seen_at: None,
            cost: header.cost,
            revision: header.revision,
        };
        let end = |at: Timestamp| at.saturating_add(found.stale_for) > now;
        let is_wanted = match want {
            Want::Object | Want::Times | Want::Fresh => !found.is_absent() && !found.is_stale(now),
            Want::Kept => found.expires_at.is_none_or(end),
        };
        if is_wanted {
            Entry::Own(found)
        } else {
            Entry::Missing
        }
    }

    /// The codec of a number, if this build has it.
    fn codec(&self, number: u8) -> Option<Arc<dyn Codec>> {
        match self.config.codec_or_default() {
            Ok(codec) if codec.number() == number => Some(codec),
            _ => codec::by_number(number),
        }
    }

    /// Reads entries by id; while the server cannot be reached, as the configuration has it.
    pub(crate) async fn get_many(
        &self,
        slot: &Slot,
        ids: &[IdKey],
        want: Want,
    ) -> Result<Vec<Option<Found>>> {
        let read = async {
            let session = self.session().await?;
            slot.get(self, &session, ids, want, self.now(), self.config.timeout)
                .await
        };
        match read.await {
            Err(error)
                if self.config.reads == ReadPolicy::FailOpen
                    && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) =>
            {
                self.failed_reads.fetch_add(1, Ordering::Relaxed);
                Ok(vec![None; ids.len()])
            }
            read => read,
        }
    }
}
