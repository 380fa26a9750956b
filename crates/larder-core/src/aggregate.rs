//! Aggregates: counts, facets, minima, maxima, sums and averages, in all or by group.

use std::collections::HashMap;
use std::marker::PhantomData;

use crate::error::{Error, Result};
use crate::expr::Expr;
use crate::field::{Caps, Field, Number, Yes};
use crate::schema::{FieldSpec, Kind, Schema};
use crate::value::{Value, ValueRef};

/// What to compute over the objects that a filter means.
///
/// ```
/// use larder_core::{Aggregate, Cache};
///
/// # #[derive(Clone, serde::Serialize, serde::Deserialize, larder_derive::CacheModel)]
/// # #[cache(crate = larder_core)]
/// # struct User {
/// #     #[cache(id)]
/// #     id: u64,
/// #     #[cache(index)]
/// #     active: bool,
/// #     #[cache(index)]
/// #     team: Option<u32>,
/// #     #[cache(index)]
/// #     age: u8,
/// #     #[cache(index)]
/// #     joined: i64,
/// # }
/// # async fn example(users: &Cache<User>) -> larder_core::Result<()> {
/// let teams = users
///     .find(|u| u.active.is_true())
///     .aggregate(|u| Aggregate::new().group_by(u.team).avg(u.age).max(u.joined))
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct Aggregate<M> {
    group_by: Option<u16>,
    metrics: Vec<Metric>,
    limit: Option<usize>,
    marker: PhantomData<fn() -> M>,
}

/// One number to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// What is computed.
    pub function: Function,
    /// Of which field.
    pub field: u16,
}

/// What can be computed of a field's values. Missing values are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Function {
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The sum: exact for integers, correctly rounded once for floats, so that it does not
    /// depend on the order in which a store meets the objects.
    Sum,
    /// The sum divided by the number of values.
    Avg,
}

impl<M> Default for Aggregate<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M> Aggregate<M> {
    /// A count and nothing else.
    pub fn new() -> Self {
        Self {
            group_by: None,
            metrics: Vec::new(),
            limit: None,
            marker: PhantomData,
        }
    }

    /// One group for each value of the field, the largest first, then by value. A list's
    /// object counts once in each of its values' groups; one without a value in none.
    pub fn group_by<C, T, S>(mut self, field: Field<M, C, Caps<Yes, T, S>>) -> Self {
        self.group_by = Some(field.position());
        self
    }

    /// At most so many groups; how many are left out is said.
    pub fn limit(mut self, groups: usize) -> Self {
        self.limit = Some(groups);
        self
    }

    /// The least value.
    pub fn min<C, T, S>(self, field: Field<M, C, Caps<Yes, T, S>>) -> Self {
        self.with(Function::Min, field.position())
    }

    /// The greatest value.
    pub fn max<C, T, S>(self, field: Field<M, C, Caps<Yes, T, S>>) -> Self {
        self.with(Function::Max, field.position())
    }

    /// The sum.
    pub fn sum<A, T, S>(self, field: Field<M, Number<A>, Caps<Yes, T, S>>) -> Self {
        self.with(Function::Sum, field.position())
    }

    /// The average.
    pub fn avg<A, T, S>(self, field: Field<M, Number<A>, Caps<Yes, T, S>>) -> Self {
        self.with(Function::Avg, field.position())
    }

    fn with(mut self, function: Function, field: u16) -> Self {
        self.metrics.push(Metric { function, field });
        self
    }

    /// Binds it to the model's schema, over the objects that `expr` means.
    ///
    /// # Errors
    /// `InvalidFilter`: a field that the model lacks, or one that such a thing cannot be
    /// computed of.
    pub fn bind(self, expr: Expr, schema: &Schema) -> Result<AggregateQuery> {
        if let Some(field) = self.group_by {
            let spec = schema.field(field)?;
            if spec.kind == Kind::Geo {
                return Err(Error::invalid_filter(format!(
                    "field `{}` holds points, which make no groups",
                    spec.name
                )));
            }
        }
        for metric in &self.metrics {
            let spec = schema.field(metric.field)?;
            let fits = match metric.function {
                Function::Min | Function::Max => spec.kind != Kind::Geo && !spec.list,
                Function::Sum | Function::Avg => spec.kind.is_number() && !spec.list,
            };
            if !fits {
                return Err(Error::invalid_filter(format!(
                    "field `{}` has no {:?} to compute",
                    spec.name, metric.function
                )));
            }
        }
        Ok(AggregateQuery {
            expr,
            group_by: self.group_by,
            metrics: self.metrics,
            limit: self.limit,
        })
    }
}

/// An aggregate bound to a schema: what a store computes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AggregateQuery {
    /// Over which objects.
    pub expr: Expr,
    /// By which field, if by one.
    pub group_by: Option<u16>,
    /// What to compute besides the count.
    pub metrics: Vec<Metric>,
    /// How many groups at most.
    pub limit: Option<usize>,
}

/// What an aggregate came to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Aggregated {
    /// The groups: the largest first, then by value. Without `group_by` just one, without a key.
    pub groups: Vec<Group>,
    /// How many groups the limit left out.
    pub left_out: u64,
}

/// One group of an [`Aggregated`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Group {
    /// The value that the group's objects share.
    pub key: Option<Value>,
    /// How many objects there are.
    pub count: u64,
    /// The metrics, in the order asked for; none where no object has a value.
    pub metrics: Vec<Option<Value>>,
}

/// How often each value occurs: the answer to `facets`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Facets {
    /// Values with the number of objects that have them: the most frequent first, then by value.
    pub values: Vec<(Value, u64)>,
    /// How many values the limit left out.
    pub left_out: u64,
}

impl From<Aggregated> for Facets {
    fn from(aggregated: Aggregated) -> Self {
        Self {
            values: aggregated
                .groups
                .into_iter()
                .filter_map(|group| Some((group.key?, group.count)))
                .collect(),
            left_out: aggregated.left_out,
        }
    }
}

/// Adds up objects one by one; stores without an engine of their own for it use this.
#[derive(Debug)]
pub struct Aggregator<'a> {
    query: &'a AggregateQuery,
    schema: &'a Schema,
    groups: HashMap<Option<Value>, (u64, Vec<State>), foldhash::fast::RandomState>,
}

impl<'a> Aggregator<'a> {
    /// An aggregator that has seen nothing yet.
    pub fn new(query: &'a AggregateQuery, schema: &'a Schema) -> Self {
        let mut groups = HashMap::default();
        if query.group_by.is_none() {
            groups.insert(None, (0, vec![State::default(); query.metrics.len()]));
        }
        Self {
            query,
            schema,
            groups,
        }
    }

    /// Adds one object.
    ///
    /// # Errors
    /// `InvalidFilter` if the query names a field that the schema lacks.
    pub fn add(&mut self, object: &dyn crate::model::Object) -> Result<()> {
        let mut values = Vec::with_capacity(self.query.metrics.len());
        for metric in &self.query.metrics {
            values.push(first(
                self.schema.field(metric.field)?,
                object,
                metric.field,
            ));
        }
        let Some(field) = self.query.group_by else {
            self.add_values(&[], &values, 1);
            return Ok(());
        };
        let spec = self.schema.field(field)?;
        let mut keys = Vec::new();
        object.field(field).for_each(&mut |value| {
            keys.extend(normal(spec, value));
            true
        });
        keys.sort();
        keys.dedup();
        self.add_values(&keys, &values, 1);
        Ok(())
    }

    /// Adds `times` objects that hold the same: the distinct `keys` of the field to group by, if
    /// there is one, and for each metric its value. All normalised, as documents have them.
    pub fn add_values(&mut self, keys: &[Value], values: &[Option<Value>], times: u64) {
        if self.query.group_by.is_none() {
            self.count(None, values, times);
        }
        for key in keys {
            self.count(Some(key.clone()), values, times);
        }
    }

    fn count(&mut self, key: Option<Value>, values: &[Option<Value>], times: u64) {
        let (count, states) = self
            .groups
            .entry(key)
            .or_insert_with(|| (0, vec![State::default(); values.len()]));
        *count += times;
        for (state, value) in states.iter_mut().zip(values) {
            if let Some(value) = value
                && times > 0
            {
                state.add(value, times);
            }
        }
    }

    /// The result.
    pub fn finish(self) -> Aggregated {
        let scale = |metric: &Metric| {
            self.schema
                .field(metric.field)
                .ok()
                .and_then(|spec| spec.scale)
        };
        let mut groups: Vec<Group> = self
            .groups
            .into_iter()
            .map(|(key, (count, states))| Group {
                key,
                count,
                metrics: self
                    .query
                    .metrics
                    .iter()
                    .zip(states)
                    .map(|(metric, state)| state.finish(metric.function, scale(metric)))
                    .collect(),
            })
            .collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        let kept = self.query.limit.unwrap_or(usize::MAX).min(groups.len());
        let left_out = (groups.len() - kept) as u64;
        groups.truncate(kept);
        Aggregated { groups, left_out }
    }
}

/// What was refused at the write is not there to be read.
fn normal(spec: &FieldSpec, value: ValueRef<'_>) -> Option<Value> {
    spec.normalize(value).ok().map(|value| value.into_value())
}

fn first(spec: &FieldSpec, object: &dyn crate::model::Object, field: u16) -> Option<Value> {
    let mut found = None;
    object.field(field).for_each(&mut |value| {
        found = normal(spec, value);
        false
    });
    found
}

#[derive(Clone, Debug, Default)]
struct State {
    range: Option<(Value, Value)>,
    count: u64,
    integers: i128,
    floats: ExactSum,
}

impl State {
    fn add(&mut self, value: &Value, times: u64) {
        self.count += times;
        match value {
            Value::Int(int) => self.integers += int * i128::from(times),
            Value::Float(float) => self.floats.add_times(*float, times),
            _ => {}
        }
        match &mut self.range {
            None => self.range = Some((value.clone(), value.clone())),
            Some((least, _)) if value < least => *least = value.clone(),
            Some((_, greatest)) if value > greatest => *greatest = value.clone(),
            Some(_) => {}
        }
    }

    fn finish(self, function: Function, scale: Option<u32>) -> Option<Value> {
        let (least, greatest) = self.range?;
        let is_integer = matches!(least, Value::Int(_));
        Some(match function {
            Function::Min => least,
            Function::Max => greatest,
            Function::Sum if is_integer => Value::Int(self.integers),
            Function::Sum => Value::Float(self.floats.value()),
            Function::Avg if is_integer => {
                // One division, so that it is rounded once: 600.06 / 6 is not quite 100.01.
                let units = 10_f64.powi(scale.unwrap_or(0).cast_signed());
                Value::Float(self.integers as f64 / (self.count as f64 * units))
            }
            Function::Avg => Value::Float(self.floats.value() / self.count as f64),
        })
    }
}

/// A sum of floats rounded once, whatever the order: Shewchuk's growing expansions
/// ("Adaptive Precision Floating-Point Arithmetic", 1997), as Python's `math.fsum` has them; with
/// a carry beyond the largest float, so that a sum that comes back from there is exact too.
#[derive(Clone, Debug, Default)]
struct ExactSum {
    partials: Vec<f64>,
    /// How often 2^1024 was taken out of the partials.
    beyond: i64,
    /// The sum of the infinite values.
    infinite: f64,
}

/// 2^1023.
const HALF_BEYOND: f64 = f64::from_bits(0x7fe0_0000_0000_0000);

impl ExactSum {
    fn add(&mut self, value: f64) {
        if !value.is_finite() {
            self.infinite += value;
            return;
        }
        let mut x = value;
        let mut kept = 0;
        for i in 0..self.partials.len() {
            let (high, low) = self.two_sum(x, self.partials[i]);
            if low != 0.0 {
                self.partials[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.partials.truncate(kept);
        self.partials.push(x);
    }

    /// Adds the value so many times: by powers of two, which round nothing.
    fn add_times(&mut self, value: f64, times: u64) {
        for bit in (0..u64::BITS).filter(|bit| times & (1 << bit) != 0) {
            let scaled = value * (1_u64 << bit) as f64;
            if scaled.is_finite() || !value.is_finite() {
                self.add(scaled);
            } else {
                // Beyond the largest float there is only the long way.
                (0..1_u64 << bit).for_each(|_| self.add(value));
            }
        }
    }

    /// The rounded sum of two floats and what the rounding left out.
    fn two_sum(&mut self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = if x.abs() < y.abs() { (y, x) } else { (x, y) };
        let high = x + y;
        if high.is_finite() {
            return (high, y - (high - x));
        }
        // Both have one sign and the larger is 2^1023 at least, so each difference is exact.
        let half = HALF_BEYOND.copysign(x);
        self.beyond += if x > 0.0 { 1 } else { -1 };
        if y.abs() >= HALF_BEYOND {
            self.two_sum(x - half, y - half)
        } else {
            let (high, low) = self.two_sum(x - half, y);
            (high - half, low)
        }
    }

    fn value(&self) -> f64 {
        if self.infinite != 0.0 || self.infinite.is_nan() {
            return self.infinite;
        }
        if self.beyond != 0 {
            // A quarter of it fits. It is so large that of the tiniest partials only the sign
            // can matter.
            let mut quarter = Self::default();
            for &partial in &self.partials {
                let quartered = partial * 0.25;
                quarter.add(if quartered * 4.0 == partial {
                    quartered
                } else {
                    f64::MIN_POSITIVE.copysign(partial)
                });
            }
            quarter.add(self.beyond.clamp(-2, 2) as f64 * (HALF_BEYOND / 2.0));
            return quarter.value() * 4.0;
        }
        // Partials do not overlap and grow in size: add from the largest until it is inexact,
        // then round half to even by what the next one says.
        let mut partials = self.partials.iter().rev().copied();
        let mut high = partials.next().unwrap_or(0.0);
        let mut low = 0.0;
        for y in partials.by_ref() {
            let x = high;
            high = x + y;
            low = y - (high - x);
            if low != 0.0 {
                break;
            }
        }
        if let Some(next) = partials.next()
            && ((low < 0.0 && next < 0.0) || (low > 0.0 && next > 0.0))
        {
            let doubled = low * 2.0;
            let x = high + doubled;
            if doubled == x - high {
                high = x;
            }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::ExactSum;
    use proptest::prelude::*;

    fn sum(values: &[f64]) -> f64 {
        let mut sum = ExactSum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum.value()
    }

    proptest! {
        #[test]
        fn a_sum_does_not_depend_on_the_order(
            values in proptest::collection::vec(-1e18..1e18_f64, 0..40).prop_shuffle(),
        ) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(sum(&values).to_bits(), sum(&sorted).to_bits());
        }
    }

    proptest! {
        #[test]
        fn a_sum_that_passes_the_largest_float_does_not_depend_on_the_order(
            values in proptest::collection::vec(
                proptest::sample::select(&[
                    f64::MAX, f64::MIN, f64::MAX / 2.0, f64::MIN / 2.0, 1e308, -1e308, 1e292, -1e292, 1.0, 5e-324,
                ][..]),
                0..12,
            ),
        ) {
            let (mut sorted, mut reversed) = (values.clone(), values.clone());
            sorted.sort_by(f64::total_cmp);
            reversed.sort_by(|a, b| b.total_cmp(a));
            prop_assert_eq!(sum(&values).to_bits(), sum(&sorted).to_bits());
            prop_assert_eq!(sum(&values).to_bits(), sum(&reversed).to_bits());
        }
    }

    proptest! {
        #[test]
        fn a_value_added_many_times_at_once_is_the_value_added_many_times(
            value in proptest::num::f64::ANY.prop_filter("a number", |value| !value.is_nan()),
            other in -1e300..1e300_f64,
            times in 0_u64..200,
        ) {
            let (mut at_once, mut singly) = (ExactSum::default(), ExactSum::default());
            at_once.add(other);
            singly.add(other);
            at_once.add_times(value, times);
            (0..times).for_each(|_| singly.add(value));
            prop_assert_eq!(at_once.value().to_bits(), singly.value().to_bits());
        }
    }

    #[test]
    fn a_sum_comes_back_from_beyond_the_largest_float() {
        assert_eq!(sum(&[f64::MAX, f64::MAX, f64::MIN]), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX, f64::MIN, f64::MIN, 1.0]), 1.0);
        assert_eq!(
            sum(&[f64::MIN, f64::MIN, f64::MIN, f64::MAX]),
            f64::NEG_INFINITY
        );
        assert_eq!(sum(&[f64::MAX, 1.0]), f64::MAX);
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
    }

    #[test]
    fn cancelling_loses_nothing() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[0.1; 10]), 1.0);
    }
}
