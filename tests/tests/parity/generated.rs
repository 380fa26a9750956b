//! Worlds of models made up at run time, compared at the contract of stores.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use larder::{
    Condition, Document, Error, Filter, IdKey, Lifetime, PutOutcome, Schema, Tags, Total, Value,
};
use larder_core::aggregate::Aggregated;
use larder_core::codec;
use larder_core::expr::Expr;
use larder_core::query::{Answer, Cursor, Order, Projection, Query};
use larder_core::store::{
    Content, Fate, Found, Mark, Model, Object, Put, Removal, Selection, Stored, Tombstone, Want,
};
use larder_testkit::ManualClock;
use larder_testkit::generate::{self, AnyId, AnyObject, Cell, Dice, IdShape, Question, Tree};

use crate::{Contender, Tally, contenders, flush_at};

/// One model in all stores.
struct World {
    schema: Arc<Schema>,
    clock: ManualClock,
    subjects: Vec<(Contender, Model)>,
}

/// What is asked about a tree of conditions.
#[derive(Clone, Debug)]
enum Task {
    Rows(Box<Question<AnyObject>>),
    Count(Tree<AnyObject>),
    Exists(Tree<AnyObject>),
    /// The aggregate is the one that falls from dice of this seed.
    Aggregate(Tree<AnyObject>, u64),
}

impl Task {
    fn any(dice: &mut Dice, schema: &Schema, tree: Tree<AnyObject>) -> Self {
        match dice.below(10) {
            0 => Self::Count(tree),
            1 => Self::Exists(tree),
            2 | 3 => Self::Aggregate(tree, dice.bits()),
            _ => Self::Rows(Box::new(Question::any(dice, schema, tree))),
        }
    }

    fn tree(&self) -> &Tree<AnyObject> {
        match self {
            Self::Rows(question) => &question.tree,
            Self::Count(tree) | Self::Exists(tree) | Self::Aggregate(tree, _) => tree,
        }
    }

    fn with_tree(&self, tree: Tree<AnyObject>) -> Self {
        let mut changed = self.clone();
        match &mut changed {
            Self::Rows(question) => question.tree = tree,
            Self::Count(old) | Self::Exists(old) | Self::Aggregate(old, _) => *old = tree,
        }
        changed
    }
}

/// How a store's answer differs from the reference's.
struct Difference {
    name: &'static str,
    reference: String,
    other: String,
}

pub(crate) async fn world(seed: u64, tally: &mut Tally) {
    let mut dice = Dice::new(seed);
    let begun_at = tally.cases;
    let schema = generate::model(&mut dice, "generated").unwrap();
    // More than a thousand distinct terms, hundreds of them with one start.
    let crowded = dice.chance(8);
    let shape = IdShape::any(&mut dice);
    let ids: Vec<AnyId> = (0..if crowded { 1_500 } else { 1 + dice.below(200) })
        .map(|_| shape.id(&mut dice))
        .collect();
    let flush_at = flush_at(&mut dice);
    let world = World::open(schema, ManualClock::default(), flush_at).await;
    let mut stored: Vec<Arc<AnyObject>> = Vec::new();
    if crowded && let Err(what) = world.crowd(&mut dice, &ids, &mut stored).await {
        tally.differ(seed, begun_at, &what);
        return;
    }
    let mut marks = Vec::new();
    for round in 0..20 {
        let writes = match round {
            0 => dice.below(60),
            _ => dice.below(12),
        };
        for _ in 0..writes {
            if let Err(what) = world.write(&mut dice, &ids, &mut stored).await {
                tally.differ(seed, begun_at, &what);
                return;
            }
        }
        let keys: Vec<IdKey> = (0..8).map(|_| ids[dice.below(ids.len())].key()).collect();
        let agree = async {
            world.read(&keys).await?;
            world.count().await?;
            world.still(&marks).await
        };
        if let Err(what) = agree.await {
            tally.differ(seed, begun_at, &what);
            return;
        }
        let recent = stored.len().saturating_sub(300);
        let samples: Vec<&AnyObject> = stored[recent..].iter().map(|object| &**object).collect();
        if round % 3 == 0 {
            marks = world.mark(&mut dice, &samples).await;
        }
        for _ in 0..10 {
            let mut leaf = |dice: &mut Dice| generate::leaf(dice, &world.schema, &samples);
            let depth = dice.below(6);
            let tree = Tree::any(&mut dice, depth, &mut leaf);
            let task = Task::any(&mut dice, &world.schema, tree);
            let Some(outcome) = world.ask(&task, tally).await else {
                continue;
            };
            if let Some(difference) = outcome {
                let what = world.shrunk(task, difference).await;
                tally.differ(seed, begun_at, &what);
                return;
            }
            if tally.is_done() {
                return;
            }
        }
    }
    world.close().await;
}

impl World {
    async fn open(schema: Arc<Schema>, clock: ManualClock, flush_at: usize) -> Self {
        let mut subjects = Vec::new();
        for contender in contenders(&clock, flush_at).await {
            let model = contender.store.ensure_model(&schema).await.unwrap();
            subjects.push((contender, model));
        }
        Self {
            schema,
            clock,
            subjects,
        }
    }

    async fn close(self) {
        for (contender, _) in &self.subjects {
            contender.close().await;
        }
    }

    fn flush(&self) {
        for (contender, _) in &self.subjects {
            if let Some(store) = &contender.flush {
                store.flush().unwrap();
            }
        }
    }

    /// One write of whatever kind, to every store; what the stores say of it has to be the same.
    async fn write(
        &self,
        dice: &mut Dice,
        ids: &[AnyId],
        stored: &mut Vec<Arc<AnyObject>>,
    ) -> Result<(), String> {
        let id = |dice: &mut Dice| ids[dice.below(ids.len())].clone();
        match dice.below(100) {
            0..64 => {
                let count = if dice.chance(60) {
                    1
                } else {
                    1 + dice.below(8)
                };
                let mut puts: Vec<(Put, bool)> = Vec::new();
                for _ in 0..count {
                    let id = if dice.chance(15) && !puts.is_empty() {
                        // The same again: the later one counts.
                        stored
                            .last()
                            .map_or_else(|| id(dice), |last| last.id.clone())
                    } else {
                        id(dice)
                    };
                    let object = Arc::new(generate::object(dice, &self.schema, id));
                    // Refused by the front, for every store alike.
                    let Ok(document) = Document::of(&self.schema, &*object) else {
                        continue;
                    };
                    if dice.chance(6) {
                        puts.push(put(dice, object.id_key(), Content::Absent));
                        continue;
                    }
                    stored.push(Arc::clone(&object));
                    let id = object.id_key();
                    puts.push(put(dice, id, Content::Object(object, document)));
                }
                self.put(puts).await
            }
            64..76 => {
                let keys: Vec<IdKey> = (0..=dice.below(3)).map(|_| id(dice).key()).collect();
                let stale = dice.below(10);
                let fate = fate(dice);
                let tombstone = dice.chance(15).then(|| Tombstone {
                    revision: dice.below(6) as u64,
                    lifetime: Duration::from_millis(dice.below(60) as u64),
                });
                let mut said = Vec::new();
                for (contender, model) in &self.subjects {
                    let found = contender
                        .store
                        .get_many(model, &keys, Want::Fresh)
                        .await
                        .unwrap();
                    let removals: Vec<Removal> = keys
                        .iter()
                        .zip(&found)
                        .map(|(key, found)| {
                            let mut removal = Removal::new(key.clone());
                            (removal.fate, removal.tombstone) = (fate, tombstone);
                            removal.if_version = match (stale, found) {
                                (0, Some(found)) => Some(found.version),
                                (1, Some(found)) => Some(found.version.wrapping_sub(1)),
                                (0 | 1, None) => Some(1),
                                _ => None,
                            };
                            removal
                        })
                        .collect();
                    said.push(contender.store.remove_many(model, &removals).await.unwrap());
                }
                self.agreed("remove_many", &said)
            }
            76..84 => {
                let keys: Vec<IdKey> = (0..=dice.below(3)).map(|_| id(dice).key()).collect();
                let lifetime = lifetime(dice);
                let mut said = Vec::new();
                for (contender, model) in &self.subjects {
                    let touched = contender.store.touch_many(model, &keys, lifetime);
                    said.push(touched.await.unwrap());
                }
                self.agreed("touch_many", &said)
            }
            84..90 => {
                self.clock
                    .advance(Duration::from_millis(dice.below(15) as u64));
                Ok(())
            }
            90..97 => {
                self.flush();
                Ok(())
            }
            97 if dice.chance(20) => self.remove_where(Selection::All, fate(dice)).await,
            97 if dice.chance(50) => {
                let tags = dice.pick(&[&["a"][..], &["b"], &["b", "c"], &["d"], &[]]);
                let tags = Tags::new(tags.iter().copied());
                self.remove_where(Selection::Tagged(tags), fate(dice)).await
            }
            97 => {
                let samples: Vec<&AnyObject> = stored.iter().map(|object| &**object).collect();
                let filter = generate::leaf(dice, &self.schema, &samples);
                let Ok(expr) = Expr::bind(filter, &self.schema) else {
                    return Ok(());
                };
                self.remove_where(Selection::Where(expr), fate(dice)).await
            }
            _ => {
                self.read(&(0..5).map(|_| id(dice).key()).collect::<Vec<_>>())
                    .await
            }
        }
    }

    async fn remove_where(&self, selection: Selection, fate: Fate) -> Result<(), String> {
        let mut said = Vec::new();
        for (contender, model) in &self.subjects {
            let removed = contender.store.remove_where(model, &selection, fate);
            said.push(removed.await.unwrap());
        }
        self.agreed(&format!("remove_where {selection:?} {fate:?}"), &said)
    }

    /// What the stores count of what is there, stale and absent.
    async fn count(&self) -> Result<(), String> {
        let mut said = Vec::new();
        for (contender, model) in &self.subjects {
            let stats = contender.store.stats(model).await.unwrap();
            said.push((stats.objects, stats.stale, stats.absent));
        }
        self.agreed("stats", &said)
    }

    /// A mark in every store, on what a random condition means.
    async fn mark(&self, dice: &mut Dice, samples: &[&AnyObject]) -> Vec<Mark> {
        let filter = generate::leaf(dice, &self.schema, samples);
        let expr = Expr::bind(filter, &self.schema).unwrap_or(Expr::All);
        let mut marks = Vec::new();
        for (contender, model) in &self.subjects {
            marks.push(contender.store.mark(model, &expr).await.unwrap());
        }
        marks
    }

    /// No store may say that all is still there where the reference knows better.
    async fn still(&self, marks: &[Mark]) -> Result<(), String> {
        let mut reference = None;
        for ((contender, model), mark) in self.subjects.iter().zip(marks) {
            let still = contender.store.still(model, mark).await.unwrap();
            if still && !*reference.get_or_insert(still) {
                return Err(format!(
                    "  a mark\n  reference false\n  {} true",
                    contender.name
                ));
            }
        }
        Ok(())
    }

    /// Stores an object under every id, most with a keyword and a word of their own, and takes
    /// them all into the index.
    async fn crowd(
        &self,
        dice: &mut Dice,
        ids: &[AnyId],
        stored: &mut Vec<Arc<AnyObject>>,
    ) -> Result<(), String> {
        let mut puts = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            let mut object = generate::object(dice, &self.schema, id.clone());
            for (cell, spec) in object.fields.iter_mut().zip(self.schema.fields()) {
                if let Cell::One(Value::Str(text)) = cell
                    && dice.chance(70)
                {
                    *text = match spec.text {
                        Some(_) => format!("{} w{number}", generate::word(dice)),
                        None => format!("term{number}"),
                    };
                }
            }
            let object = Arc::new(object);
            let Ok(document) = Document::of(&self.schema, &*object) else {
                continue;
            };
            stored.push(Arc::clone(&object));
            let id = object.id_key();
            let mut put = put(dice, id, Content::Object(object, document)).0;
            put.condition = Condition::Always;
            puts.push((put, false));
        }
        self.put(puts).await?;
        self.flush();
        Ok(())
    }

    async fn put(&self, puts: Vec<(Put, bool)>) -> Result<(), String> {
        let mut said = Vec::new();
        for (contender, model) in &self.subjects {
            let keys: Vec<IdKey> = puts.iter().map(|(put, _)| put.id.clone()).collect();
            let found = contender
                .store
                .get_many(model, &keys, Want::Fresh)
                .await
                .unwrap();
            let puts = puts
                .iter()
                .zip(found)
                .map(|((put, by_version), found)| {
                    let mut put = put.clone();
                    if *by_version {
                        // Of what is not there no store has this version: not even once an
                        // earlier put of the same batch has stored it.
                        let version = found.map_or(u64::MAX, |found| found.version);
                        put.condition = Condition::IfVersion(version);
                    }
                    put
                })
                .collect();
            let outcomes = contender.store.put_many(model, puts).await.unwrap();
            // Versions are each store's own.
            let outcomes: Vec<(bool, bool)> = outcomes
                .iter()
                .map(|outcome| match outcome {
                    PutOutcome::Stored(_) => (true, true),
                    PutOutcome::Refused(there) => (false, there.is_some()),
                    PutOutcome::Outrun => unreachable!("no put had a guard"),
                })
                .collect();
            said.push(outcomes);
        }
        self.agreed("put_many", &said)
    }

    async fn read(&self, keys: &[IdKey]) -> Result<(), String> {
        for want in [Want::Fresh, Want::Kept] {
            let mut reference: Option<Vec<Option<Found>>> = None;
            for (contender, model) in &self.subjects {
                let found = contender.store.get_many(model, keys, want).await.unwrap();
                let Some(wanted) = &reference else {
                    reference = Some(found);
                    continue;
                };
                let alike =
                    wanted
                        .iter()
                        .zip(&found)
                        .all(|(wanted, found)| match (wanted, found) {
                            (Some(wanted), Some(found)) => same_found(wanted, found),
                            (wanted, found) => wanted.is_none() == found.is_none(),
                        });
                if !alike {
                    return Err(format!(
                        "  get_many {keys:?} {want:?}\n  reference {wanted:?}\n  {} {found:?}",
                        contender.name
                    ));
                }
            }
        }
        Ok(())
    }

    fn agreed<T: PartialEq + std::fmt::Debug>(&self, what: &str, said: &[T]) -> Result<(), String> {
        for ((contender, _), other) in self.subjects.iter().zip(said) {
            if *other != said[0] {
                return Err(format!(
                    "  {what}\n  reference {:?}\n  {} {other:?}",
                    said[0], contender.name
                ));
            }
        }
        Ok(())
    }

    /// Asks every store. `None` if the front refuses the question.
    async fn ask(&self, task: &Task, tally: &mut Tally) -> Option<Option<Difference>> {
        let whole = |tree: &Tree<AnyObject>| Expr::bind(tree.filter(), &self.schema).ok();
        Some(match task {
            Task::Rows(question) => {
                let query = question.bind(&self.schema).ok()?;
                self.pages(query, question.pages, tally).await
            }
            Task::Count(tree) => {
                let mut query = Query::new(whole(tree)?);
                query.order = Order::Id;
                query.limit = Some(0);
                query.total = true;
                self.pages(query, 0, tally).await
            }
            Task::Exists(tree) => {
                let mut query = Query::new(whole(tree)?);
                query.order = Order::Id;
                query.limit = Some(1);
                query.projection = Projection::Ids;
                self.pages(query, 0, tally).await
            }
            Task::Aggregate(tree, seed) => {
                let dice = &mut Dice::new(*seed);
                let aggregate = generate::aggregate::<AnyObject>(dice, &self.schema)?;
                let query = aggregate.bind(whole(tree)?, &self.schema).unwrap();
                let mut reference: Option<Aggregated> = None;
                for (contender, model) in &self.subjects {
                    let answer = contender.store.aggregate(model, &query).await;
                    let answer = match answer {
                        Ok(answer) => answer,
                        Err(error) => return Some(Some(failed(contender, &error))),
                    };
                    match &reference {
                        None => {
                            tally.count(answer.groups.iter().any(|group| group.count > 0));
                            reference = Some(answer);
                        }
                        Some(wanted) if *wanted != answer => {
                            return Some(Some(Difference {
                                name: contender.name,
                                reference: format!("{wanted:?}"),
                                other: format!("{answer:?}"),
                            }));
                        }
                        Some(_) => {}
                    }
                }
                None
            }
        })
    }

    /// Compares the page asked for and up to so many that come behind it.
    async fn pages(&self, query: Query, pages: usize, tally: &mut Tally) -> Option<Difference> {
        let mut query = query;
        for _ in 0..=pages {
            let (answer, difference) = self.page(&query).await;
            tally.count(!answer.rows.is_empty() || answer.total.is_some_and(|t| t.count() > 0));
            if difference.is_some() {
                return difference;
            }
            let place = answer.rows.last()?.place.clone();
            let cursor: Cursor = query
                .cursor(&self.schema, place)?
                .to_string()
                .parse()
                .unwrap();
            query.offset = 0;
            query = query
                .with_cursor(&self.schema, &cursor)
                .unwrap()
                .checked()
                .unwrap();
            if pages > 0 && query.limit == Some(0) {
                return None;
            }
        }
        None
    }

    async fn page(&self, query: &Query) -> (Answer, Option<Difference>) {
        let mut answers = Vec::new();
        for (contender, model) in &self.subjects {
            match contender.store.query(model, query).await {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    return (answers.swap_remove(0), Some(failed(contender, &error)));
                }
            }
        }
        let by_relevance = query.order == Order::Relevance;
        if by_relevance {
            // The order is each store's own; the set of rows is not.
            for answer in &mut answers {
                answer.rows.sort_by(|a, b| a.place.id.cmp(&b.place.id));
            }
        }
        let is_part = by_relevance && (query.limit.is_some() || query.offset > 0);
        let all = if is_part {
            let (contender, model) = &self.subjects[0];
            let mut all = Query::new(query.expr.clone());
            all.order = Order::Id;
            all.projection = Projection::Ids;
            let all = contender.store.query(model, &all).await.unwrap();
            all.rows.into_iter().map(|row| row.place.id).collect()
        } else {
            BTreeSet::new()
        };
        let mut answers = answers.into_iter().zip(&self.subjects);
        let (reference, _) = answers.next().unwrap();
        for (answer, (contender, _)) in answers {
            let ids: BTreeSet<&IdKey> = answer.rows.iter().map(|row| &row.place.id).collect();
            let rows_agree = if is_part {
                answer.rows.len() == reference.rows.len()
                    && ids.len() == answer.rows.len()
                    && ids.iter().all(|id| all.contains(*id))
            } else {
                same_rows(&reference, &answer)
            };
            let brought = |answer: &Answer| {
                answer
                    .rows
                    .iter()
                    .all(|row| row.found.is_some() == (query.projection == Projection::Objects))
            };
            if !rows_agree
                || !brought(&answer)
                || reference.total != answer.total
                || reference.extent != answer.extent
            {
                let difference = Difference {
                    name: contender.name,
                    reference: shown(&reference),
                    other: shown(&answer),
                };
                return (reference, Some(difference));
            }
        }
        (reference, None)
    }

    /// Describes a difference as small as it gets: first with the stores as they are, then, if
    /// it shows there too, with fresh stores and fewer objects.
    async fn shrunk(&self, task: Task, difference: Difference) -> String {
        let mut nothing = Tally::default();
        let (mut task, mut difference) = (task, difference);
        'smaller: loop {
            for tree in task.tree().smaller() {
                let smaller = task.with_tree(tree);
                if let Some(Some(found)) = self.ask(&smaller, &mut nothing).await {
                    (task, difference) = (smaller, found);
                    continue 'smaller;
                }
            }
            break;
        }
        let mut objects = self.objects().await;
        let mut kept = "all objects, as they were written; fresh stores agree on them";
        for (flush, how) in [(false, "not flushed"), (true, "flushed")] {
            let Some(found) = self.again(&objects, flush, &task).await else {
                continue;
            };
            (difference, kept) = (found, how);
            let mut size = objects.len().div_ceil(2);
            while size > 0 {
                let mut from = 0;
                while from < objects.len() {
                    let mut fewer = objects.clone();
                    fewer.drain(from..objects.len().min(from + size));
                    match self.again(&fewer, flush, &task).await {
                        Some(found) => (objects, difference) = (fewer, found),
                        None => from += size,
                    }
                }
                size /= 2;
            }
            break;
        }
        let mut out = String::new();
        for field in self.schema.fields() {
            writeln!(out, "  field {field:?}").unwrap();
        }
        writeln!(out, "  objects ({}, {kept}):", objects.len()).unwrap();
        for object in objects.iter().take(5) {
            writeln!(out, "    {object:?}").unwrap();
        }
        let filter: Filter<AnyObject> = task.tree().filter();
        writeln!(out, "  filter {filter:?}").unwrap();
        writeln!(out, "  bound {:?}", Expr::bind(filter, &self.schema)).unwrap();
        match &task {
            Task::Rows(question) => writeln!(out, "  question {question:?}").unwrap(),
            Task::Aggregate(_, seed) => {
                let aggregate =
                    generate::aggregate::<AnyObject>(&mut Dice::new(*seed), &self.schema);
                writeln!(out, "  aggregate {aggregate:?}").unwrap();
            }
            Task::Count(_) => out.push_str("  count\n"),
            Task::Exists(_) => out.push_str("  exists\n"),
        }
        writeln!(out, "  reference {}", difference.reference).unwrap();
        write!(out, "  {} {}", difference.name, difference.other).unwrap();
        out
    }

    /// Every object that the reference holds.
    async fn objects(&self) -> Vec<Arc<AnyObject>> {
        let (contender, model) = &self.subjects[0];
        let query = Query::new(Expr::All);
        let answer = contender.store.query(model, &query).await.unwrap();
        let objects = answer.rows.into_iter().filter_map(|row| row.found);
        objects.map(|found| Arc::new(read(&found.object))).collect()
    }

    /// Asks fresh stores that hold just these objects.
    async fn again(
        &self,
        objects: &[Arc<AnyObject>],
        flush: bool,
        task: &Task,
    ) -> Option<Difference> {
        let world = Self::open(Arc::clone(&self.schema), ManualClock::default(), 100_000).await;
        let puts: Vec<Put> = objects
            .iter()
            .map(|object| {
                let document = Document::of(&self.schema, &**object).unwrap();
                let object = Arc::clone(object);
                let mut put = Put::new(object.id_key(), Content::Object(object, document));
                put.lifetime = Lifetime::Forever;
                put
            })
            .collect();
        for (contender, model) in &world.subjects {
            contender.store.put_many(model, puts.clone()).await.unwrap();
        }
        if flush {
            world.flush();
        }
        let difference = world.ask(task, &mut Tally::default()).await.flatten();
        world.close().await;
        difference
    }
}

fn failed(contender: &Contender, error: &Error) -> Difference {
    Difference {
        name: contender.name,
        reference: "an answer".to_owned(),
        other: error.to_string(),
    }
}

fn lifetime(dice: &mut Dice) -> Lifetime {
    match dice.below(10) {
        0 | 1 => Lifetime::For(Duration::from_millis(dice.below(60) as u64)),
        2 => Lifetime::Keep,
        3 => Lifetime::Default,
        _ => Lifetime::Forever,
    }
}

fn fate(dice: &mut Dice) -> Fate {
    if dice.chance(40) {
        Fate::Expire
    } else {
        Fate::Remove
    }
}

/// A put on any condition; and whether that is to be the version that the store holds.
fn put(dice: &mut Dice, id: IdKey, content: Content) -> (Put, bool) {
    let condition = match dice.below(20) {
        0 => Condition::IfAbsent,
        1 => Condition::IfPresent,
        2 => Condition::IfVersion(u64::MAX),
        3 | 4 => Condition::IfNewer,
        _ => Condition::Always,
    };
    let tags = match dice.below(8) {
        0 => Some(Tags::new(["a", "b"])),
        1 => Some(Tags::default()),
        2 => Some(Tags::new(["c"])),
        _ => None,
    };
    let millis = |dice: &mut Dice| Duration::from_millis(dice.below(40) as u64);
    let mut put = Put::new(id, content);
    put.lifetime = lifetime(dice);
    put.tags = tags;
    put.condition = condition;
    put.stale_for = match dice.below(4) {
        0 => None,
        1 => Some(millis(dice)),
        _ => Some(Duration::ZERO),
    };
    put.revision = dice.chance(20).then(|| dice.below(6) as u64);
    put.cost = millis(dice);
    (put, dice.chance(5))
}

fn same_rows(a: &Answer, b: &Answer) -> bool {
    a.rows.len() == b.rows.len()
        && a.rows.iter().zip(&b.rows).all(|(a, b)| {
            a.place == b.place
                && match (&a.found, &b.found) {
                    (Some(a), Some(b)) => same_found(a, b),
                    (a, b) => a.is_none() == b.is_none(),
                }
        })
}

fn same_found(a: &Found, b: &Found) -> bool {
    let one_object = match (&a.object, &b.object) {
        (Stored::Live(a), Stored::Live(b)) if Arc::ptr_eq(a, b) => true,
        (Stored::Absent, other) | (other, Stored::Absent) => matches!(other, Stored::Absent),
        // As text, which tells `-0.0` from `0.0`.
        (a, b) => format!("{:?}", read(a)) == format!("{:?}", read(b)),
    };
    let terms = |found: &Found| {
        let Found {
            expires_at,
            created_at,
            stale_for,
            cost,
            revision,
            ..
        } = *found;
        (expires_at, created_at, stale_for, cost, revision)
    };
    one_object && terms(a) == terms(b) && a.tags == b.tags
}

fn read(stored: &Stored) -> AnyObject {
    match stored {
        Stored::Live(object) => {
            let any: &dyn Any = &**object;
            any.downcast_ref::<AnyObject>().unwrap().clone()
        }
        Stored::Encoded(bytes, codec) => codec::decode(&**codec, bytes).unwrap(),
        Stored::Absent => unreachable!("an answer of objects"),
    }
}

fn shown(answer: &Answer) -> String {
    let mut out = format!(
        "{} rows, total {:?}, {:?}:",
        answer.rows.len(),
        answer.total.map(Total::count),
        answer.extent
    );
    for row in answer.rows.iter().take(20) {
        write!(out, " {:?} {:?}", row.place.id, row.place.keys).unwrap();
    }
    out
}
