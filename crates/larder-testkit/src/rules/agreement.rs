//! Random writes, removals and loads: after each, a store has to have what the reference has.

use std::sync::Arc;

use larder_core::expr::Expr;
use larder_core::store::{
    Begin, Condition, Fate, Found, Guard, LeaseRequest, Lifetime, Mark, Put, PutOutcome, Removal,
    Selection, Token, Tombstone,
};
use larder_core::{Id as _, Store, Tags, Timestamp};

use super::raw::{Note, PutExt as _, Raw, absent, ms, put};
use crate::conformance::{Backend, Harness};
use crate::generate::Dice;
use crate::reference::ReferenceStore;

const IDS: std::ops::Range<u64> = 0..5;
const RUNS: u64 = 10;
const STEPS: usize = 50;

/// Whatever is written, removed and loaded in whatever order, a store has what the reference has:
/// the same objects, fallbacks and absences, answers and counts.
pub async fn random_writes_mean_what_they_mean_to_the_reference(harness: Harness) {
    for seed in 0..RUNS {
        let mut run = Run::begin(&harness, seed).await;
        for step in 0..STEPS {
            let what = run.step().await;
            run.compare(&format!("seed {seed}, step {step}, {what}"))
                .await;
        }
    }
}

/// A store and the reference, side by side.
struct Run {
    store: Raw,
    reference: Raw,
    dice: Dice,
    has_query: bool,
    has_conditions: bool,
    has_leases: bool,
    /// Leases that were granted.
    leases: Vec<(u64, Token)>,
    /// Fences that were put up.
    fences: Vec<(u64, Token)>,
    /// What was marked, in the store and in the reference.
    marks: Vec<[Mark; 2]>,
}

/// What has to be the same of an entry. Versions need not be.
#[derive(Debug, PartialEq)]
struct Seen {
    note: Option<Note>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    stale_for: std::time::Duration,
    cost: std::time::Duration,
    revision: Option<u64>,
    tags: Tags,
}

fn seen(raw: &Raw, found: &Found) -> Seen {
    Seen {
        note: (!found.is_absent()).then(|| raw.read(found)),
        expires_at: found.expires_at,
        created_at: found.created_at,
        stale_for: found.stale_for,
        cost: found.cost,
        revision: found.revision,
        tags: found.tags.clone(),
    }
}

impl Run {
    async fn begin(harness: &Harness, seed: u64) -> Self {
        let (clock, expected) = (harness.clock(), harness.expected());
        let reference: Store = Arc::new(if expected.leases {
            ReferenceStore::shared(clock.clone())
        } else {
            ReferenceStore::new(clock.clone())
        });
        let backend = Backend::new(reference, expected.clone());
        let reference = Harness::new(backend, clock.clone()).unwrap();
        let run = Self {
            store: Raw::of(harness).await,
            reference: Raw::of(&reference).await,
            dice: Dice::new(seed),
            has_query: expected.query,
            has_conditions: expected.conditional_put,
            has_leases: expected.leases,
            leases: Vec::new(),
            fences: Vec::new(),
            marks: Vec::new(),
        };
        // The fences of the run before have come down.
        run.store.pass(1_000);
        run.store.remove_where(Selection::All, Fate::Remove).await;
        run
    }

    async fn compare(&self, at: &str) {
        for id in IDS {
            let (kept, wanted) = (self.store.kept(id).await, self.reference.kept(id).await);
            let kept = kept.map(|found| seen(&self.store, &found));
            let wanted = wanted.map(|found| seen(&self.reference, &found));
            assert_eq!(kept, wanted, "{at}: what is kept under {id}");
            let (fresh, wanted) = (self.store.fresh(id).await, self.reference.fresh(id).await);
            assert_eq!(fresh.is_some(), wanted.is_some(), "{at}: {id} fresh");
        }
        let counts = (self.store.counts().await, self.reference.counts().await);
        assert_eq!(counts.0, counts.1, "{at}: counts");
        for [mark, wanted] in &self.marks {
            let still = self.store.still(mark).await;
            let wanted = self.reference.still(wanted).await;
            assert!(wanted || !still, "{at}: a mark holds that ended");
        }
    }

    fn id(&mut self) -> u64 {
        self.dice.below(IDS.end as usize) as u64
    }

    fn fate(&mut self) -> Fate {
        self.dice.pick(&[Fate::Remove, Fate::Expire])
    }

    fn millis(&mut self, most: i64) -> u64 {
        self.dice.between(0, most).cast_unsigned()
    }

    fn lifetime(&mut self) -> Lifetime {
        match self.dice.below(6) {
            0 => Lifetime::Forever,
            1 => Lifetime::Keep,
            _ => Lifetime::For(ms(self.millis(30))),
        }
    }

    fn tags(&mut self) -> Tags {
        let tags = ["a", "b", "c"].into_iter();
        Tags::new(tags.filter(|_| self.dice.chance(40)))
    }

    fn topic(&mut self) -> &'static str {
        self.dice.pick(&["x", "y"])
    }

    fn about(&mut self) -> Expr {
        let topic = self.topic();
        self.store.about(topic)
    }

    /// A put, and the same for the reference, whose versions are others.
    async fn any_put(&mut self) -> [Put; 2] {
        let id = self.id();
        let mut put = match self.dice.chance(25) {
            true => absent(id),
            false => put(id, self.topic()),
        };
        put.lifetime = self.lifetime();
        put.cost = ms(self.millis(3));
        if self.dice.chance(70) {
            put = put.falls_back(self.dice.pick(&[0, 10, 40]));
        } else {
            put.stale_for = None;
        }
        put.tags = self.dice.chance(80).then(|| self.tags());
        put.revision = self.dice.chance(40).then(|| self.millis(4));
        let mut twin = put.clone();
        if self.has_conditions {
            let condition = |version| match version {
                Some(version) => Condition::IfVersion(version),
                None => Condition::IfVersion(1),
            };
            (put.condition, twin.condition) = match self.dice.below(8) {
                0 => (Condition::IfAbsent, Condition::IfAbsent),
                1 => (Condition::IfPresent, Condition::IfPresent),
                2 | 3 => (Condition::IfNewer, Condition::IfNewer),
                4 => {
                    let [version, twins] = self.versions(id).await;
                    (condition(version), condition(twins))
                }
                _ => (Condition::Always, Condition::Always),
            };
        }
        [put, twin]
    }

    /// The versions of what is fresh under an id.
    async fn versions(&self, id: u64) -> [Option<u64>; 2] {
        let version = |found: Option<Found>| found.map(|found| found.version);
        [
            version(self.store.fresh(id).await),
            version(self.reference.fresh(id).await),
        ]
    }

    async fn put(&self, [put, twin]: [Put; 2]) -> String {
        let what = format!("{put:?}");
        let outcome = self.store.put(put).await;
        let wanted = self.reference.put(twin).await;
        let alike = match (outcome, wanted) {
            (PutOutcome::Refused(there), PutOutcome::Refused(wanted)) => {
                there.is_some() == wanted.is_some()
            }
            (outcome, wanted) => {
                std::mem::discriminant(&outcome) == std::mem::discriminant(&wanted)
            }
        };
        assert!(alike, "{outcome:?} and not {wanted:?} of {what}");
        what
    }

    async fn remove(&mut self) -> String {
        let id = self.id();
        let mut removal = Removal::new(id.to_key());
        removal.fate = self.fate();
        if self.dice.chance(30) {
            removal.tombstone = Some(Tombstone {
                revision: self.millis(4),
                lifetime: ms(self.millis(40)),
            });
        }
        if self.dice.chance(30) && !self.fences.is_empty() {
            let place = self.dice.below(self.fences.len());
            let (id, fence) = self.fences.swap_remove(place);
            removal.id = id.to_key();
            removal.fence = Some(fence);
        }
        let mut twin = removal.clone();
        if removal.fence.is_none() && self.dice.chance(15) {
            let [version, twins] = self.versions(id).await;
            (removal.if_version, twin.if_version) = (version.or(Some(1)), twins.or(Some(0)));
        }
        let what = format!("{removal:?}");
        let removed = self.store.remove_as(removal).await;
        assert_eq!(removed, self.reference.remove_as(twin).await, "{what}");
        what
    }

    async fn remove_where(&mut self, selection: Selection) -> String {
        let fate = self.fate();
        let what = format!("{fate:?} {selection:?}");
        let is_counted = self.has_query || !matches!(selection, Selection::Tagged(_));
        let removed = self.store.remove_where(selection.clone(), fate).await;
        let wanted = self.reference.remove_where(selection, fate).await;
        assert!(
            removed == wanted || !is_counted,
            "{what}: {removed} of {wanted}"
        );
        what
    }

    async fn begin_load(&mut self) -> String {
        let (id, token) = (self.id(), Token::random());
        let replaced = if self.dice.chance(30) {
            self.versions(id).await
        } else {
            [None; 2]
        };
        let lifetime = ms(1 + self.millis(30));
        let mut begun = Vec::new();
        for (raw, seen) in [&self.store, &self.reference].into_iter().zip(replaced) {
            let id = id.to_key();
            let requests = [LeaseRequest { id, token, seen }];
            let leases = raw.store.leases().unwrap();
            let answers = leases.begin_many(&raw.model, &requests, lifetime).await;
            begun.push(answers.unwrap().swap_remove(0));
        }
        let what = format!("begin {id}: {begun:?}");
        match (&begun[0], &begun[1]) {
            (Begin::Granted, Begin::Granted) => self.leases.push((id, token)),
            (Begin::Hit(found), Begin::Hit(wanted)) => {
                assert_eq!(seen(&self.store, found), seen(&self.reference, wanted));
            }
            (Begin::Wait(time), Begin::Wait(wanted)) => assert_eq!(time, wanted, "{what}"),
            (Begin::Fenced, Begin::Fenced) => {}
            _ => panic!("{what}"),
        }
        what
    }

    async fn load(&mut self) -> String {
        let mut puts = self.any_put().await;
        if !self.leases.is_empty() {
            let place = self.dice.below(self.leases.len());
            let (id, token) = self.leases[place];
            if self.dice.chance(70) {
                self.leases.swap_remove(place);
            }
            for put in &mut puts {
                put.id = id.to_key();
                put.guard = Some(Guard::Lease(token));
                put.condition = Condition::Always;
            }
        }
        self.put(puts).await
    }

    async fn release(&mut self) {
        let held = std::mem::take(&mut self.leases);
        let held: Vec<_> = held
            .iter()
            .map(|(id, token)| (id.to_key(), *token))
            .collect();
        for raw in [&self.store, &self.reference] {
            let leases = raw.store.leases().unwrap();
            leases.release_many(&raw.model, &held).await.unwrap();
        }
    }

    async fn fence(&mut self) -> String {
        let (id, fence) = (self.id(), Token::random());
        let lifetime = ms(1 + self.millis(30));
        for raw in [&self.store, &self.reference] {
            let ids = [id.to_key()];
            let leases = raw.store.leases().unwrap();
            let fenced = leases.fence_many(&raw.model, &ids, fence, lifetime).await;
            fenced.unwrap();
        }
        self.fences.push((id, fence));
        format!("fence {id}")
    }

    async fn mark(&mut self) -> [Mark; 2] {
        let expr = match self.dice.below(4) {
            0 => Expr::All,
            _ => self.about(),
        };
        [
            self.store.mark(&expr).await,
            self.reference.mark(&expr).await,
        ]
    }

    /// A load of many that is overtaken here and there.
    async fn load_since(&mut self) -> String {
        let marks = self.mark().await;
        let mut what = match self.dice.below(4) {
            0 => self.remove().await,
            1 if self.has_leases => self.fence().await,
            2 => {
                let about = self.about();
                self.remove_where(Selection::Where(about)).await
            }
            _ => {
                let puts = self.any_put().await;
                self.put(puts).await
            }
        };
        for _ in 0..3 {
            let mut puts = self.any_put().await;
            for (put, mark) in puts.iter_mut().zip(&marks) {
                put.guard = Some(Guard::Since(mark.clone()));
                put.condition = Condition::Always;
            }
            what = format!("{what}; since {}", self.put(puts).await);
        }
        what
    }

    async fn step(&mut self) -> String {
        match self.dice.below(20) {
            0..=5 => {
                let puts = self.any_put().await;
                self.put(puts).await
            }
            6..=8 => self.remove().await,
            9 => {
                let (id, lifetime) = (self.id(), self.lifetime());
                let touched = self.store.touch(id, lifetime).await;
                assert_eq!(touched, self.reference.touch(id, lifetime).await);
                format!("touch {id} {lifetime:?}")
            }
            10 | 11 => {
                let millis = 1 + self.millis(14);
                self.store.pass(millis);
                format!("{millis} ms")
            }
            12 => {
                if self.has_leases {
                    // Which leases tags end a store may say more exactly.
                    self.release().await;
                }
                let tags = self.tags();
                self.remove_where(Selection::Tagged(tags)).await
            }
            13 if self.has_query => {
                let about = self.about();
                self.remove_where(Selection::Where(about)).await
            }
            14 if self.dice.chance(30) => self.remove_where(Selection::All).await,
            15 | 16 if self.has_leases => self.begin_load().await,
            17 if self.has_leases => self.load().await,
            18 if self.has_leases => match self.dice.below(3) {
                0 => self.fence().await,
                _ if self.has_query => self.load_since().await,
                _ => self.begin_load().await,
            },
            _ if self.has_query => {
                let marks = self.mark().await;
                self.marks.push(marks);
                if self.marks.len() > 3 {
                    self.marks.remove(0);
                }
                "mark".to_owned()
            }
            _ => "nothing".to_owned(),
        }
    }
}
