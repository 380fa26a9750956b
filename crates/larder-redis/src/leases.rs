//! Leases and fences: how programs that share the server agree on who loads an entry.

use std::time::Duration;

use larder_core::store::{Begin, LeaseRequest, Removal, Token, Want};
use larder_core::{IdKey, Result};
use redis::Value;

use crate::reply::{self, unexpected};
use crate::store::{Shared, Slot};
use crate::write::write_token;

impl Shared {
    pub(crate) async fn begin_many(
        &self,
        slot: &Slot,
        requests: &[LeaseRequest],
        lifetime: Duration,
    ) -> Result<Vec<Begin>> {
        let now = self.now();
        let session = self.session().await?;
        let script = &self.scripts.begin;
        let followed: Vec<(String, String, i64)> = {
            let followed = slot.followed.lock();
            followed.iter().filter_map(|one| one.renewal(now)).collect()
        };
        let calls = requests.iter().map(|request| {
            let mut keys = vec![
                slot.layout.key(&request.id),
                slot.layout.beside(&request.id),
            ];
            keys.extend(followed.iter().map(|(state, ..)| state.clone()));
            let mut call = self.call(&session, script, slot, &keys, now);
            call.arg(write_token(request.token))
                .arg(now.saturating_add(lifetime).as_millis());
            match request.seen {
                Some(version) => call.arg(version),
                None => call.arg(""),
            };
            for (_, name, millis) in &followed {
                call.arg(name).arg(*millis);
            }
            call
        });
        let answers = self.scripts(&session, script, calls.collect()).await?;
        let begin = |answer| {
            let Value::Array(mut parts) = answer else {
                return Err(unexpected("a lease"));
            };
            Ok(match (parts.first(), parts.get(1)) {
                (Some(Value::Int(1)), _) => {
                    let entry = Value::Array(parts.split_off(1));
                    match slot.looked_at(self, entry, Want::Kept, now)? {
                        Some(found) => Begin::Hit(found),
                        None => return Err(unexpected("a lease")),
                    }
                }
                (Some(Value::Int(2)), _) => Begin::Granted,
                (Some(Value::Int(3)), Some(millis)) => {
                    let millis = reply::whole(millis).unwrap_or_default();
                    Begin::Wait(Duration::from_millis(millis))
                }
                (Some(Value::Int(4)), _) => Begin::Fenced,
                _ => return Err(unexpected("a lease")),
            })
        };
        answers.into_iter().map(begin).collect()
    }

    pub(crate) async fn release_many(&self, slot: &Slot, leases: &[(IdKey, Token)]) -> Result<()> {
        let now = self.now();
        let session = self.session().await?;
        let script = &self.scripts.release;
        let calls = leases.iter().map(|(id, token)| {
            let mut call = self.entry_call(&session, script, slot, id, now);
            call.arg(write_token(*token));
            call
        });
        self.scripts(&session, script, calls.collect()).await?;
        Ok(())
    }

    pub(crate) async fn fence_many(
        &self,
        slot: &Slot,
        ids: &[IdKey],
        fence: Token,
        lifetime: Duration,
    ) -> Result<()> {
        let now = self.now();
        let session = self.session().await?;
        let until = now.saturating_add(lifetime).as_millis();
        let calls = ids.iter().map(|id| {
            let mut call = self.removal(&session, slot, &Removal::new(id.clone()), now);
            call.arg(write_token(fence)).arg(until);
            call
        });
        let script = &self.scripts.remove;
        self.scripts(&session, script, calls.collect()).await?;
        Ok(())
    }
}
