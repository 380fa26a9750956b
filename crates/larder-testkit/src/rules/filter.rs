//! Every condition on every kind of value, at its ends above all.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::ops::Bound;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use larder_core::{Cache, CacheModel, Caps, Exact, Field, Filter, Number, Scalar, Sort, Yes};
use larder_derive::{CacheFields, CacheModel, CacheValue};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use crate::conformance::Harness;

/// What a test value has to be.
trait Plain: Scalar + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static {}
impl<T: Scalar + Clone + Debug + Serialize + DeserializeOwned + Send + Sync + 'static> Plain for T {}

/// One value, and a list of them.
#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[serde(bound = "")]
#[cache(name = "holder")]
struct Holder<T: Plain> {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    value: Option<T>,
    #[cache(index)]
    list: Vec<T>,
}

/// Row `i` holds `values[i]`, and a list of it and the next, the first behind the last. Two rows
/// more hold no value and an empty list.
async fn holders<T: Plain>(harness: &Harness, values: &[T]) -> Cache<Holder<T>> {
    let cache: Cache<Holder<T>> = harness.cache().await;
    let rows = (0..values.len() + 2).map(|id| Holder {
        id: id as u64,
        value: values.get(id).cloned(),
        list: match values.get(id) {
            Some(value) => vec![value.clone(), values[(id + 1) % values.len()].clone()],
            None => vec![],
        },
    });
    cache.put_many(rows).await.unwrap();
    cache
}

/// As the rules of all groups ask, with ids that are positions.
async fn means<M: CacheModel<Id = u64>>(
    cache: &Cache<M>,
    filter: impl FnOnce(M::Fields<M>) -> Filter<M>,
    expected: &[usize],
) {
    let ids: Vec<u64> = expected.iter().map(|id| *id as u64).collect();
    super::asking::means(cache, filter, &ids).await;
}

/// All positions, in this order.
async fn sorted<M: CacheModel<Id = u64>>(cache: &Cache<M>, key: Sort<M>) -> Vec<usize> {
    let sorted = cache.find(|_| Filter::all()).sort(|_| key);
    let ids = sorted.ids().await.unwrap().items;
    ids.into_iter().map(|id| id as usize).collect()
}

/// All but these of `0..rows`.
fn but(rows: usize, ids: &[usize]) -> Vec<usize> {
    (0..rows).filter(|id| !ids.contains(id)).collect()
}

/// Checks every condition of equality on values of which no two are equal.
async fn equality_holds<M, T, X, S>(
    cache: &Cache<M>,
    field: Field<M, Exact<T>, Caps<Yes, X, S>>,
    values: &[T],
) where
    M: CacheModel<Id = u64>,
    T: Plain,
{
    let rows = values.len() + 2;
    let present: Vec<usize> = (0..values.len()).collect();
    for (i, value) in values.iter().enumerate() {
        means(cache, |_| field.eq(value.clone()), &[i]).await;
        means(cache, |_| field.ne(value.clone()), &but(rows, &[i])).await;
        means(cache, |_| field.in_([value.clone(), value.clone()]), &[i]).await;
        let next = (i + 1) % values.len();
        let pair = [value.clone(), values[next].clone()];
        means(cache, |_| field.in_(pair.clone()), &[i, next]).await;
        means(cache, |_| field.not_in(pair), &but(rows, &[i, next])).await;
    }
    means(cache, |_| field.in_(values.to_vec()), &present).await;
    means(
        cache,
        |_| field.not_in(values.to_vec()),
        &[rows - 2, rows - 1],
    )
    .await;
    means(cache, |_| field.in_([]), &[]).await;
    means(cache, |_| field.not_in([]), &but(rows, &[])).await;
    means(cache, |_| field.is_some(), &present).await;
    means(cache, |_| field.is_none(), &[rows - 2, rows - 1]).await;
}

/// Checks every condition of equality and order on values given from the least to the greatest,
/// no two equal; and the order by them.
async fn order_holds<M, T, X>(
    cache: &Cache<M>,
    field: Field<M, Number<T>, Caps<Yes, X, Yes>>,
    values: &[T],
) where
    M: CacheModel<Id = u64>,
    T: Plain,
{
    let (count, rows) = (values.len(), values.len() + 2);
    let between = |low: usize, high: usize| (low..high).collect::<Vec<usize>>();
    for (i, value) in values.iter().enumerate() {
        let value = || value.clone();
        means(cache, |_| field.eq(value()), &[i]).await;
        means(cache, |_| field.ne(value()), &but(rows, &[i])).await;
        means(cache, |_| field.lt(value()), &between(0, i)).await;
        means(cache, |_| field.le(value()), &between(0, i + 1)).await;
        means(cache, |_| field.gt(value()), &between(i + 1, count)).await;
        means(cache, |_| field.ge(value()), &between(i, count)).await;
        means(cache, |_| field.between(value()..), &between(i, count)).await;
        means(cache, |_| field.between(..value()), &between(0, i)).await;
        means(cache, |_| field.between(..=value()), &between(0, i + 1)).await;
        means(cache, |_| field.between(value()..value()), &[]).await;
        means(cache, |_| field.between(value()..=value()), &[i]).await;
        let next = (i + 1) % count;
        let pair = [value(), values[next].clone()];
        means(cache, |_| field.in_(pair.clone()), &[i, next]).await;
        means(cache, |_| field.not_in(pair), &but(rows, &[i, next])).await;
        let (low, high) = (value(), values[count - 1 - i].clone());
        let open = (Bound::Excluded(low.clone()), Bound::Excluded(high.clone()));
        means(
            cache,
            |_| field.between(open),
            &between(i + 1, count - 1 - i),
        )
        .await;
        means(
            cache,
            |_| field.between(low.clone()..high.clone()),
            &between(i, count - 1 - i),
        )
        .await;
        means(
            cache,
            |_| field.between(low.clone()..=high.clone()),
            &between(i, count - i),
        )
        .await;
        let two = |_| field.ge(low.clone()) & field.lt(high.clone());
        means(cache, two, &between(i, count - 1 - i)).await;
        let two = |_| field.lt(low.clone()) | field.gt(high.clone());
        let outside: Vec<usize> = (0..count)
            .filter(|at| *at < i || *at > count - 1 - i)
            .collect();
        means(cache, two, &outside).await;
    }
    means(cache, |_| field.between(..), &between(0, count)).await;
    means(cache, |_| field.in_(values.to_vec()), &between(0, count)).await;
    means(cache, |_| field.in_([]), &[]).await;
    means(cache, |_| field.is_some(), &between(0, count)).await;
    means(cache, |_| field.is_none(), &[rows - 2, rows - 1]).await;
    assert_eq!(sorted(cache, field.asc()).await, between(0, rows));
    let expected: Vec<usize> = (0..count).rev().chain([count, count + 1]).collect();
    assert_eq!(sorted(cache, field.desc()).await, expected);
}

/// Checks the conditions on lists of such values, whichever class they are of.
macro_rules! elements_hold {
    ($cache:expr, $values:expr) => {{
        let (cache, values) = ($cache, $values);
        let (count, rows) = (values.len(), values.len() + 2);
        for (i, value) in values.iter().enumerate() {
            let (before, next) = ((i + count - 1) % count, (i + 1) % count);
            let pair = || [value.clone(), values[next].clone()];
            let has = [before, i];
            means(cache, |h| h.list.contains(value.clone()), &has).await;
            means(cache, |h| !h.list.contains(value.clone()), &but(rows, &has)).await;
            let any: Vec<usize> = BTreeSet::from([before, i, next]).into_iter().collect();
            means(cache, |h| h.list.contains_any(pair()), &any).await;
            let both: Vec<usize> = if count == 2 { vec![0, 1] } else { vec![i] };
            means(cache, |h| h.list.contains_all(pair()), &both).await;
            // Two conditions on one list do not bind to one element.
            let [one, other] = pair();
            means(
                cache,
                |h| h.list.contains(one) & h.list.contains(other),
                &both,
            )
            .await;
        }
        means(cache, |h| h.list.is_empty(), &[count, count + 1]).await;
        means(cache, |h| h.list.is_none(), &[]).await;
        means(cache, |h| h.list.contains_any([]), &[]).await;
        means(cache, |h| h.list.contains_all([]), &but(rows, &[])).await;
    }};
}

async fn numbers_hold<T: Plain + Scalar<Class = Number<T>>>(harness: &Harness, values: &[T]) {
    let cache = holders(harness, values).await;
    order_holds(&cache, Holder::<T>::FIELDS.value, values).await;
    elements_hold!(&cache, values);
}

async fn exact_values_hold<T: Plain + Scalar<Class = Exact<T>>>(harness: &Harness, values: &[T]) {
    let cache = holders(harness, values).await;
    equality_holds(&cache, Holder::<T>::FIELDS.value, values).await;
    elements_hold!(&cache, values);
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $rule:ident($type:ty) [$($value:expr),+ $(,)?];)+) => {$(
        $(#[$doc])*
        pub async fn $rule(harness: Harness) {
            numbers_hold::<$type>(&harness, &[$($value),+]).await;
        }
    )+};
}
numbers! {
    /// `i8`: every comparison, to both ends.
    i8_compares_exactly(i8) [i8::MIN, i8::MIN + 1, -1, 0, 1, i8::MAX];
    /// `i16`: every comparison, to both ends.
    i16_compares_exactly(i16) [i16::MIN, -256, -1, 0, 1, i16::MAX];
    /// `i32`: every comparison, to both ends.
    i32_compares_exactly(i32) [i32::MIN, -65_536, -1, 0, 1, i32::MAX];
    /// `i64`: every comparison, to both ends and where an `f64` no longer tells neighbours apart.
    i64_compares_exactly(i64) [
        i64::MIN, i64::MIN + 1, -(1 << 53) - 1, -(1 << 53), -1, 0, 1, 1 << 53, (1 << 53) + 1,
        i64::MAX - 1, i64::MAX,
    ];
    /// `isize`: every comparison, to both ends.
    isize_compares_exactly(isize) [isize::MIN, -1, 0, 1, isize::MAX];
    /// `u8`: every comparison, to both ends.
    u8_compares_exactly(u8) [0, 1, 127, 128, 254, u8::MAX];
    /// `u16`: every comparison, to both ends.
    u16_compares_exactly(u16) [0, 1, 255, 256, u16::MAX];
    /// `u32`: every comparison, to both ends.
    u32_compares_exactly(u32) [0, 1, 65_536, u32::MAX - 1, u32::MAX];
    /// `u64`: every comparison, to both ends, beyond `i64` and where an `f64` is too coarse.
    u64_compares_exactly(u64) [
        0, 1, 1 << 53, (1 << 53) + 1, i64::MAX as u64, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX,
    ];
    /// `usize`: every comparison, to both ends.
    usize_compares_exactly(usize) [0, 1, usize::MAX - 1, usize::MAX];
    /// `f32`: every comparison, infinities and the smallest numbers included.
    f32_compares_exactly(f32) [
        f32::NEG_INFINITY, f32::MIN, -1.5, -f32::MIN_POSITIVE, 0.0, f32::from_bits(1), 0.1,
        1.0, 1.0 + f32::EPSILON, f32::MAX, f32::INFINITY,
    ];
    /// `f64`: every comparison, infinities and the smallest numbers included.
    f64_compares_exactly(f64) [
        f64::NEG_INFINITY, f64::MIN, -1e300, -1.5, -f64::MIN_POSITIVE, -f64::from_bits(1), 0.0,
        f64::from_bits(1), f64::MIN_POSITIVE, 0.1, 0.1_f64.next_up(), 1.0, 1.0_f64.next_up(),
        9_007_199_254_740_993.0, f64::MAX, f64::INFINITY,
    ];
}

/// `-0.0` and `0.0` are one value to every condition, on either side.
pub async fn negative_zero_is_zero(harness: Harness) {
    let cache: Cache<Holder<f64>> = harness.cache().await;
    let rows = [-0.0, 0.0, 1.0].into_iter().enumerate();
    let rows = rows.map(|(id, value)| Holder {
        id: id as u64,
        value: Some(value),
        list: vec![value],
    });
    cache.put_many(rows).await.unwrap();
    for zero in [0.0, -0.0] {
        means(&cache, |h| h.value.eq(zero), &[0, 1]).await;
        means(&cache, |h| h.value.ge(zero), &[0, 1, 2]).await;
        means(&cache, |h| h.value.gt(zero), &[2]).await;
        means(&cache, |h| h.value.lt(zero), &[]).await;
        means(&cache, |h| h.value.le(zero), &[0, 1]).await;
        means(&cache, |h| h.value.in_([zero, 5.0]), &[0, 1]).await;
        means(&cache, |h| h.list.contains(zero), &[0, 1]).await;
    }
    let order = sorted(&cache, Holder::<f64>::FIELDS.value.desc());
    assert_eq!(order.await, [2, 0, 1]);
    // The object itself is as it was put.
    let kept = cache.get(&0).await.unwrap().unwrap().value.unwrap();
    assert_eq!(kept.to_bits(), (-0.0_f64).to_bits());
}

/// `bool`: equality, and `is_true` and `is_false`, both false of a missing value.
pub async fn bool_is_true_false_or_missing(harness: Harness) {
    exact_values_hold(&harness, &[false, true]).await;
    let cache: Cache<Holder<bool>> = harness.cache().await;
    means(&cache, |h| h.value.is_false(), &[0]).await;
    means(&cache, |h| h.value.is_true(), &[1]).await;
    means(&cache, |h| !h.value.is_true(), &[0, 2, 3]).await;
    let order = sorted(&cache, Holder::<bool>::FIELDS.value.desc());
    assert_eq!(order.await, [1, 0, 2, 3]);
}

/// `char`: equality of any character with itself alone.
pub async fn char_is_equal_to_itself_alone(harness: Harness) {
    let chars = [
        '\0',
        ' ',
        '*',
        '?',
        'A',
        '\\',
        'a',
        'ß',
        'é',
        '漢',
        '\u{ffff}',
        '🙂',
        '\u{10ffff}',
    ];
    exact_values_hold(&harness, &chars).await;
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, CacheValue)]
#[serde(rename_all = "snake_case")]
enum Level {
    Low,
    VeryHigh,
    #[serde(rename = "very high")]
    Other,
}

/// Enums of unit variants are equal by their serde names.
pub async fn enums_are_equal_by_their_names(harness: Harness) {
    exact_values_hold(&harness, &[Level::Low, Level::VeryHigh, Level::Other]).await;
}

/// UUIDs are equal by all of their bits, and sort as they are written.
pub async fn uuids_are_equal_by_all_of_their_bits(harness: Harness) {
    let uuids = [0, 1, 1 << 64, 0x8000 << 112, u128::MAX - 1, u128::MAX].map(Uuid::from_u128);
    exact_values_hold(&harness, &uuids).await;
    let cache: Cache<Holder<Uuid>> = harness.cache().await;
    let order = sorted(&cache, Holder::<Uuid>::FIELDS.value.desc());
    assert_eq!(order.await, [5, 4, 3, 2, 1, 0, 6, 7]);
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, CacheValue)]
struct Cents(i64);

/// A struct around one value compares as the value does.
pub async fn structs_around_a_value_compare_as_it_does(harness: Harness) {
    let cents = [i64::MIN, -1, 0, 1, i64::MAX].map(Cents);
    numbers_hold(&harness, &cents).await;
}

/// Nanoseconds around the epoch, around now, and at both ends of what 64 bits of them tell.
const NANOS: [i64; 11] = [
    i64::MIN,
    i64::MIN + 1,
    -1_000_000_001,
    -1,
    0,
    1,
    999_999_999,
    1_700_000_000_123_456_789,
    1_700_000_000_123_456_790,
    i64::MAX - 1,
    i64::MAX,
];

/// `SystemTime` compares to the nanosecond. (serde writes none before 1970.)
pub async fn system_times_compare_to_the_nanosecond(harness: Harness) {
    let times: Vec<SystemTime> = NANOS
        .into_iter()
        .filter_map(|nanos| u64::try_from(nanos).ok())
        .map(|nanos| SystemTime::UNIX_EPOCH + Duration::from_nanos(nanos))
        .collect();
    numbers_hold(&harness, &times).await;
}

/// `chrono::DateTime<Utc>` compares to the nanosecond, from 1677 to 2262.
pub async fn chrono_instants_compare_to_the_nanosecond(harness: Harness) {
    let times = NANOS.map(DateTime::<Utc>::from_timestamp_nanos);
    numbers_hold(&harness, &times).await;
}

/// `chrono::NaiveDateTime` compares to the nanosecond, read as UTC.
pub async fn chrono_naive_times_compare_to_the_nanosecond(harness: Harness) {
    let times = NANOS.map(|nanos| DateTime::<Utc>::from_timestamp_nanos(nanos).naive_utc());
    numbers_hold::<NaiveDateTime>(&harness, &times).await;
}

/// The same moment in another time zone is the same value.
pub async fn moments_are_equal_whatever_their_time_zone(harness: Harness) {
    let cache: Cache<Holder<DateTime<FixedOffset>>> = harness.cache().await;
    let moment = DateTime::<Utc>::from_timestamp_nanos(NANOS[7]);
    let zone = |hours: i32| FixedOffset::east_opt(hours * 3_600).unwrap();
    let rows = [0, -11, 14].into_iter().enumerate();
    let rows = rows.map(|(id, hours)| Holder {
        id: id as u64,
        value: Some(moment.with_timezone(&zone(hours))),
        list: vec![],
    });
    cache.put_many(rows).await.unwrap();
    let asked = moment.with_timezone(&zone(5));
    means(&cache, |h| h.value.eq(asked), &[0, 1, 2]).await;
    means(&cache, |h| h.value.lt(asked), &[]).await;
    means(
        &cache,
        |h| h.value.gt(asked - chrono::TimeDelta::nanoseconds(1)),
        &[0, 1, 2],
    )
    .await;
}

/// `chrono::NaiveDate` compares by days, to both ends of its calendar.
pub async fn chrono_dates_compare_by_days(harness: Harness) {
    let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let dates = [
        NaiveDate::MIN,
        date(-1, 12, 31),
        date(0, 1, 1),
        date(1969, 12, 31),
        date(1970, 1, 1),
        date(2024, 2, 29),
        date(2024, 3, 1),
        NaiveDate::MAX,
    ];
    numbers_hold(&harness, &dates).await;
}

/// `time::OffsetDateTime` compares to the nanosecond, whatever its offset.
pub async fn time_instants_compare_to_the_nanosecond(harness: Harness) {
    let offset = time::UtcOffset::from_hms(5, 30, 0).unwrap();
    let times = NANOS.map(|nanos| {
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).unwrap();
        if nanos % 2 == 0 {
            time.to_offset(offset)
        } else {
            time
        }
    });
    numbers_hold(&harness, &times).await;
}

/// `time::PrimitiveDateTime` compares to the nanosecond, read as UTC.
pub async fn time_primitive_times_compare_to_the_nanosecond(harness: Harness) {
    let times = NANOS.map(|nanos| {
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos.into()).unwrap();
        PrimitiveDateTime::new(time.date(), time.time())
    });
    numbers_hold(&harness, &times).await;
}

/// `time::Date` compares by days, to both ends of its calendar.
pub async fn time_dates_compare_by_days(harness: Harness) {
    let day = |days| Date::from_julian_day(2_440_588 + days).unwrap();
    let dates = [Date::MIN, day(-1), day(0), day(1), day(20_000), Date::MAX];
    numbers_hold(&harness, &dates).await;
}

/// Two decimals: one exact in cents, one as a float. Written as text, because what
/// `rust_decimal` writes by itself cannot be read back from a format that does not describe
/// itself.
#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "price")]
struct Price {
    #[cache(id)]
    id: u64,
    #[cache(index, sort, scale = 2)]
    #[serde(with = "rust_decimal::serde::str_option")]
    exact: Option<Decimal>,
    #[cache(index, sort)]
    #[serde(with = "rust_decimal::serde::str_option")]
    float: Option<Decimal>,
    #[cache(index, scale = 2)]
    several: Vec<Amount>,
}

#[derive(Clone, Debug, Serialize, Deserialize, CacheValue)]
struct Amount(#[serde(with = "rust_decimal::serde::str")] Decimal);

async fn prices(harness: &Harness, exact: &[Decimal], float: &[Decimal]) -> Cache<Price> {
    let cache: Cache<Price> = harness.cache().await;
    let rows = (0..exact.len().max(float.len()) + 2).map(|id| Price {
        id: id as u64,
        exact: exact.get(id).copied(),
        float: float.get(id).copied(),
        several: exact.get(id).copied().map(Amount).into_iter().collect(),
    });
    cache.put_many(rows).await.unwrap();
    cache
}

/// Decimals with a declared scale compare exactly, to both ends of 64 bits of their units.
pub async fn decimals_with_a_scale_compare_exactly(harness: Harness) {
    let units = [
        i64::MIN,
        i64::MIN + 1,
        -101,
        -100,
        -1,
        0,
        1,
        10,
        9_007_199_254_740_993,
        i64::MAX,
    ];
    let decimals = units.map(|units| Decimal::new(units, 2));
    let cache = prices(&harness, &decimals, &[]).await;
    order_holds(&cache, Price::FIELDS.exact, &decimals).await;
    means(
        &cache,
        |p| p.several.contains(Amount(Decimal::new(10, 2))),
        &[7],
    )
    .await;
}

/// A decimal is its value, not the way it is written: `1.0`, `1.00` and `1` are one.
pub async fn decimals_are_equal_however_they_are_written(harness: Harness) {
    let ones = [
        Decimal::new(1, 0),
        Decimal::new(10, 1),
        Decimal::new(100, 2),
        Decimal::new(1_000, 3),
    ];
    let cache = prices(&harness, &ones, &ones).await;
    for one in ones {
        means(&cache, |p| p.exact.eq(one), &[0, 1, 2, 3]).await;
        means(&cache, |p| p.exact.in_([one]), &[0, 1, 2, 3]).await;
        means(&cache, |p| p.float.eq(one), &[0, 1, 2, 3]).await;
        means(&cache, |p| p.several.contains(Amount(one)), &[0, 1, 2, 3]).await;
        means(&cache, |p| p.exact.lt(one), &[]).await;
        means(&cache, |p| p.exact.ge(one), &[0, 1, 2, 3]).await;
    }
}

/// A bound between two units, or beyond all of them, still cuts where it should.
pub async fn decimal_bounds_may_be_finer_or_larger_than_the_scale(harness: Harness) {
    let decimals = [-2, -1, 0, 1, 2].map(|units| Decimal::new(units, 2));
    let cache = prices(&harness, &decimals, &[]).await;
    let finer = Decimal::new(5, 3); // 0.005
    means(&cache, |p| p.exact.eq(finer), &[]).await;
    means(&cache, |p| p.exact.ne(finer), &[0, 1, 2, 3, 4, 5, 6]).await;
    means(&cache, |p| p.exact.lt(finer), &[0, 1, 2]).await;
    means(&cache, |p| p.exact.le(finer), &[0, 1, 2]).await;
    means(&cache, |p| p.exact.gt(finer), &[3, 4]).await;
    means(&cache, |p| p.exact.ge(finer), &[3, 4]).await;
    means(&cache, |p| p.exact.between(-finer..finer), &[2]).await;
    means(&cache, |p| p.exact.lt(-finer), &[0, 1]).await;
    means(&cache, |p| p.exact.ge(-finer), &[2, 3, 4]).await;
    means(&cache, |p| p.exact.between(finer..=finer), &[]).await;
    for (bound, all) in [(Decimal::MAX, true), (Decimal::MIN, false)] {
        let (below, above): (&[usize], &[usize]) = if all {
            (&[0, 1, 2, 3, 4], &[])
        } else {
            (&[], &[0, 1, 2, 3, 4])
        };
        means(&cache, |p| p.exact.le(bound), below).await;
        means(&cache, |p| p.exact.lt(bound), below).await;
        means(&cache, |p| p.exact.ge(bound), above).await;
        means(&cache, |p| p.exact.gt(bound), above).await;
        means(&cache, |p| p.exact.eq(bound), &[]).await;
    }
}

/// Decimals without a declared scale compare as floats do.
pub async fn decimals_without_a_scale_compare_as_floats(harness: Harness) {
    let decimals = [
        Decimal::MIN,
        Decimal::new(-15, 1),
        Decimal::ZERO,
        Decimal::new(1, 28),
        Decimal::new(1, 1),
        Decimal::new(1, 0),
        Decimal::MAX,
    ];
    let cache = prices(&harness, &[], &decimals).await;
    order_holds(&cache, Price::FIELDS.float, &decimals).await;
}

/// Strings that no two stores' quoting treats alike, in the order of their bytes.
const HOSTILE: [&str; 31] = [
    "", "\0", "\n", " ", "  ", " a", "*", "*a*", "-", "?", "A", "\\", "\\*", "a", "a b", "a*",
    "a?b", "a\\", "aa", "aaa", "ab", "b", "{a}", "|", "~", "\u{80}", "\u{e9}", "漢字", "\u{e000}",
    "\u{ffff}", "🙂",
];

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "words")]
struct Words {
    #[cache(id)]
    id: u64,
    #[cache(index, sort)]
    word: Option<String>,
    #[cache(index)]
    boxed: Box<str>,
    #[cache(index)]
    cow: Cow<'static, str>,
    #[cache(index)]
    list: Vec<String>,
    #[cache(index)]
    set: BTreeSet<String>,
    #[cache(index)]
    hashed: Option<HashSet<String>>,
    #[cache(index, sort, ignore_case)]
    folded: Option<String>,
    #[cache(index, ignore_case)]
    folded_list: Vec<String>,
}

async fn words(harness: &Harness, words: &[&str]) -> Cache<Words> {
    let cache: Cache<Words> = harness.cache().await;
    let rows = (0..words.len() + 2).map(|id| {
        let word = words.get(id).map(|word| (*word).to_owned());
        let text = word.clone().unwrap_or_else(|| "nothing else".to_owned());
        let list = [
            word.clone(),
            word.clone(),
            words.get(id + 1).map(|word| (*word).to_owned()),
        ];
        let list: Vec<String> = list.into_iter().flatten().collect();
        Words {
            id: id as u64,
            boxed: text.clone().into(),
            cow: text.into(),
            set: list.iter().cloned().collect(),
            hashed: word.is_some().then(|| list.iter().cloned().collect()),
            folded_list: list.clone(),
            list,
            folded: word.clone(),
            word,
        }
    });
    cache.put_many(rows).await.unwrap();
    cache
}

/// The positions of the words that fit.
fn fitting(words: &[&str], fits: impl Fn(&str) -> bool) -> Vec<usize> {
    (0..words.len()).filter(|id| fits(words[*id])).collect()
}

/// Strings are equal by their exact bytes: case, spaces, control characters, any letter.
pub async fn keywords_are_equal_by_their_exact_bytes(harness: Harness) {
    let cache = words(&harness, &HOSTILE).await;
    let rows = HOSTILE.len() + 2;
    for (i, word) in HOSTILE.into_iter().enumerate() {
        means(&cache, |w| w.word.eq(word), &[i]).await;
        means(&cache, |w| w.word.ne(word), &but(rows, &[i])).await;
        means(&cache, |w| w.boxed.eq(word), &[i]).await;
        means(&cache, |w| w.cow.eq(word), &[i]).await;
        let next = (i + 1) % HOSTILE.len();
        means(
            &cache,
            |w| w.word.in_([HOSTILE[next], word, "none"]),
            &[i, next],
        )
        .await;
        means(
            &cache,
            |w| w.word.not_in([HOSTILE[next], word]),
            &but(rows, &[i, next]),
        )
        .await;
    }
    // Equal only once composed: to exact conditions another string.
    means(&cache, |w| w.word.eq("e\u{301}"), &[]).await;
    means(
        &cache,
        |w| w.word.in_(HOSTILE),
        &but(rows, &[rows - 2, rows - 1]),
    )
    .await;
    means(&cache, |w| w.word.not_in(HOSTILE), &[rows - 2, rows - 1]).await;
}

/// `starts_with`, `ends_with` and `contains` look at the whole string as Rust's own do.
pub async fn parts_of_keywords_are_found_as_rust_finds_them(harness: Harness) {
    let cache = words(&harness, &HOSTILE).await;
    for part in HOSTILE {
        let expected = fitting(&HOSTILE, |word| word.starts_with(part));
        means(&cache, |w| w.word.starts_with(part), &expected).await;
        let expected = fitting(&HOSTILE, |word| word.ends_with(part));
        means(&cache, |w| w.word.ends_with(part), &expected).await;
        let expected = fitting(&HOSTILE, |word| word.contains(part));
        means(&cache, |w| w.word.contains(part), &expected).await;
    }
}

/// The definition of a pattern, by recursion.
fn like(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    if first == '*' {
        let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        return ends.any(|at| like(rest, &text[at..]));
    }
    text.strip_prefix(first)
        .is_some_and(|text| like(rest, text))
}

/// In `like`, `*` is anything or nothing and every other character is itself.
pub async fn like_knows_stars_and_nothing_else(harness: Harness) {
    let cache = words(&harness, &HOSTILE).await;
    let patterns = [
        "", "*", "**", "a*", "*a", "*a*", "a*a", "a*b", "*a*a*", "a**a", "?", "a?b", "\\*", "*\\",
        "*\\*", "*a\\*", " *", "* ", "*漢*", "漢*字", "*🙂", "A*", "*{*}*", "[a]", "%", "_", ".*",
        "a.*",
    ];
    for pattern in patterns {
        let expected = fitting(&HOSTILE, |word| like(pattern, word));
        means(&cache, |w| w.word.like(pattern), &expected).await;
    }
}

/// Under `ignore_case` upper and lower case are one in every condition, in any script.
pub async fn keywords_may_ignore_case(harness: Harness) {
    let values = [
        "Straße",
        "STRASSE",
        "ΣΊΣΥΦΟΣ",
        "σίσυφος",
        "É",
        "é",
        "İ",
        "i",
        "a*B",
    ];
    let cache = words(&harness, &values).await;
    means(&cache, |w| w.folded.eq("sTRASSe"), &[1]).await;
    means(&cache, |w| w.folded.eq("STRAßE"), &[0]).await;
    means(&cache, |w| w.folded.eq("É"), &[4, 5]).await;
    means(&cache, |w| w.folded.ne("É"), &[0, 1, 2, 3, 6, 7, 8, 9, 10]).await;
    // Character by character: a final sigma is a letter of its own.
    means(&cache, |w| w.folded.starts_with("ΣΊΣ"), &[2, 3]).await;
    means(&cache, |w| w.folded.eq("ΣΊΣΥΦΟΣ"), &[2]).await;
    means(&cache, |w| w.folded.in_(["É", "A*b"]), &[4, 5, 8]).await;
    means(
        &cache,
        |w| w.folded.not_in(["É", "A*b"]),
        &[0, 1, 2, 3, 6, 7, 9, 10],
    )
    .await;
    means(&cache, |w| w.folded.starts_with("STRA"), &[0, 1]).await;
    means(&cache, |w| w.folded.ends_with("*b"), &[8]).await;
    means(&cache, |w| w.folded.contains("TRASS"), &[1]).await;
    means(&cache, |w| w.folded.like("S*E"), &[0, 1]).await;
    means(&cache, |w| w.folded_list.contains("É"), &[3, 4, 5]).await;
    means(&cache, |w| w.word.eq("É"), &[4]).await;
    let kept = cache.get(&1).await.unwrap().unwrap();
    assert_eq!(
        kept.folded.as_deref(),
        Some("STRASSE"),
        "the object is as it was put"
    );
}

/// Lists and sets of strings: some element, one of several, each of several, none.
pub async fn lists_of_keywords_match_by_element(harness: Harness) {
    let cache = words(&harness, &HOSTILE).await;
    let rows = HOSTILE.len() + 2;
    for (i, word) in HOSTILE.into_iter().enumerate() {
        let has: Vec<usize> = i.checked_sub(1).into_iter().chain([i]).collect();
        means(&cache, |w| w.list.contains(word), &has).await;
        means(&cache, |w| w.set.contains(word), &has).await;
        means(&cache, |w| w.hashed.contains(word), &has).await;
        if let Some(next) = HOSTILE.get(i + 1) {
            let any: Vec<usize> = has.iter().copied().chain([i + 1]).collect();
            means(&cache, |w| w.list.contains_any([word, *next]), &any).await;
            means(&cache, |w| w.set.contains_all([word, *next]), &[i]).await;
            means(&cache, |w| w.hashed.contains_all([word, *next, word]), &[i]).await;
        }
    }
    let last = [rows - 2, rows - 1];
    means(&cache, |w| w.list.is_empty(), &last).await;
    means(&cache, |w| w.set.is_empty(), &last).await;
    means(&cache, |w| w.hashed.is_empty(), &[]).await;
    means(&cache, |w| w.hashed.is_none(), &last).await;
    // Elements are whole: no part of one, and not two of them run together.
    means(&cache, |w| w.list.contains("漢"), &[]).await;
    means(&cache, |w| w.list.contains("aaaaaab"), &[]).await;
}

/// A list of thousands of elements matches by each of them.
pub async fn long_lists_match_by_each_element(harness: Harness) {
    let cache: Cache<Holder<u32>> = harness.cache().await;
    let row = |id: usize, list| Holder {
        id: id as u64,
        value: None,
        list,
    };
    let lists = [(0..5_000).collect(), (2_500..7_500).collect(), vec![]];
    let rows = lists
        .into_iter()
        .enumerate()
        .map(|(id, list)| row(id, list));
    cache.put_many(rows).await.unwrap();
    means(&cache, |h| h.list.contains(0), &[0]).await;
    means(&cache, |h| h.list.contains(4_999), &[0, 1]).await;
    means(&cache, |h| h.list.contains(7_499), &[1]).await;
    means(&cache, |h| h.list.contains(7_500), &[]).await;
    means(&cache, |h| h.list.contains_all(4_500..5_000), &[0, 1]).await;
    means(&cache, |h| h.list.contains_all(2_499..2_600), &[0]).await;
    means(&cache, |h| h.list.contains_any(7_000..9_000), &[1]).await;
}

/// `in_` with thousands of values means all of them, whether they are there or not.
pub async fn in_takes_thousands_of_values(harness: Harness) {
    let cache = words(&harness, &["a", "b", "c"]).await;
    let mut many: Vec<String> = (0..5_000).map(|n| format!("no {n}")).collect();
    means(&cache, |w| w.word.in_(&many), &[]).await;
    many.extend(["c".to_owned(), "a".to_owned()]);
    means(&cache, |w| w.word.in_(&many), &[0, 2]).await;
    means(&cache, |w| w.word.not_in(&many), &[1, 3, 4]).await;
    means(&cache, |w| w.list.contains_any(&many), &[0, 1, 2]).await;
}

/// More than a thousand distinct values of one field, each of which is found alone.
pub async fn thousands_of_distinct_values_are_told_apart(harness: Harness) {
    let names: Vec<String> = (0..1_500).map(|n| format!("term{n}")).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let cache = words(&harness, &names).await;
    for probe in [0, 1, 10, 777, 1_499] {
        means(&cache, |w| w.word.eq(names[probe]), &[probe]).await;
    }
    let expected = fitting(&names, |name| name.starts_with("term1"));
    assert_eq!(expected.len(), 611);
    means(&cache, |w| w.word.starts_with("term1"), &expected).await;
    means(
        &cache,
        |w| w.word.like("t*9*9"),
        &fitting(&names, |name| like("t*9*9", name)),
    )
    .await;
    let others = [1_500, 1_501];
    means(
        &cache,
        |w| w.word.ne("term7") & !w.word.starts_with("t"),
        &others,
    )
    .await;
}

#[derive(Clone, Debug, Serialize, Deserialize, CacheFields)]
struct Country {
    #[cache(index, sort)]
    code: String,
    #[cache(index)]
    languages: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, CacheFields)]
struct Address {
    #[cache(index, sort)]
    city: String,
    #[cache(flatten)]
    country: Option<Country>,
}

#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "shop")]
struct Shop {
    #[cache(id)]
    id: u64,
    #[cache(index)]
    name: String,
    #[cache(flatten)]
    address: Address,
    #[cache(flatten)]
    warehouse: Option<Address>,
}

/// Fields of nested structs are fields of the model, each its own, missing if the struct is.
pub async fn flattened_fields_are_the_models(harness: Harness) {
    let cache: Cache<Shop> = harness.cache().await;
    let country = |code: &str| Country {
        code: code.to_owned(),
        languages: vec![code.to_owned(), "en".to_owned()],
    };
    let address = |city: &str, code: Option<&str>| Address {
        city: city.to_owned(),
        country: code.map(country),
    };
    let shops = [
        (
            address("Leipzig", Some("de")),
            Some(address("Lyon", Some("fr"))),
        ),
        (address("Lyon", None), Some(address("Leipzig", None))),
        (address("Oslo", Some("no")), None),
    ];
    let shops = shops
        .into_iter()
        .enumerate()
        .map(|(id, (address, warehouse))| Shop {
            id: id as u64,
            name: "Leipzig".to_owned(),
            address,
            warehouse,
        });
    cache.put_many(shops).await.unwrap();
    means(&cache, |s| s.address.city.eq("Leipzig"), &[0]).await;
    means(&cache, |s| s.warehouse.city.eq("Leipzig"), &[1]).await;
    means(&cache, |s| s.name.eq("Leipzig"), &[0, 1, 2]).await;
    means(&cache, |s| s.address.country.code.eq("de"), &[0]).await;
    means(&cache, |s| s.address.country.code.is_none(), &[1]).await;
    means(&cache, |s| s.warehouse.city.is_none(), &[2]).await;
    means(&cache, |s| s.warehouse.country.code.is_none(), &[1, 2]).await;
    means(
        &cache,
        |s| s.address.country.languages.contains("en"),
        &[0, 2],
    )
    .await;
    means(
        &cache,
        |s| s.warehouse.country.languages.contains("en"),
        &[0],
    )
    .await;
    means(&cache, |s| s.warehouse.country.languages.is_none(), &[1, 2]).await;
    let all = || cache.find(|_| Filter::all());
    let sorted = all()
        .sort(|s| s.warehouse.country.code.asc())
        .sort(|s| s.address.city.desc());
    assert_eq!(sorted.ids().await.unwrap().items, [0, 2, 1]);
    let named = all().sort_by_name("-address.city").unwrap();
    assert_eq!(named.ids().await.unwrap().items, [2, 1, 0]);
}

/// Every float is found among many, both infinities with them.
pub async fn floats_are_found_between_both_infinities(harness: Harness) {
    let cache: Cache<Holder<f64>> = harness.cache().await;
    let mut values = vec![
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        0.0,
    ];
    values.extend((1..200).map(|n| f64::from(n) * 0.1));
    let row = |(id, value): (usize, &f64)| Holder {
        id: id as u64,
        value: Some(*value),
        list: vec![],
    };
    cache
        .put_many(values.iter().enumerate().map(row))
        .await
        .unwrap();
    for (id, value) in values
        .iter()
        .enumerate()
        .step_by(7)
        .chain(values.iter().enumerate().take(6))
    {
        means(&cache, |h| h.value.eq(*value), &[id]).await;
    }
    means(&cache, |h| h.value.gt(f64::MAX), &[0]).await;
    means(&cache, |h| h.value.ge(f64::MAX), &[0, 2]).await;
    means(&cache, |h| h.value.lt(f64::MIN), &[1]).await;
    means(&cache, |h| h.value.le(f64::MIN), &[1, 3]).await;
}

/// More alternatives than engines go through one by one, complements among them, mean what a few
/// do.
pub async fn many_alternatives_with_complements_are_told_apart(harness: Harness) {
    let names: Vec<String> = (0..60).map(|n| format!("n{n}")).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let cache = words(&harness, &names).await;
    for many in [15, 16, 17, 20, 21, 22, 40] {
        // Each list holds its word and the next one, so of two or more none holds all.
        let not_all = |w: WordsFields<Words>| !w.list.contains_all(&names[..many]);
        let everything: Vec<usize> = (0..62).collect();
        means(&cache, not_all, &everything).await;
        let (first, rest) = (names[0], &names[1..many]);
        let either = |w: WordsFields<Words>| {
            Filter::any_of(
                rest.iter()
                    .map(|name| w.cow.eq(name) & w.list.contains(name)),
            ) | (w.cow.ne(first) & w.boxed.eq("n59"))
        };
        let mut expected: Vec<usize> = (1..many).collect();
        expected.push(59);
        means(&cache, either, &expected).await;
        let none = |w: WordsFields<Words>| {
            Filter::any_of(
                rest.iter()
                    .map(|name| w.cow.ne(name) & w.list.contains(name)),
            )
        };
        // The list of the object before each holds its word too.
        let expected: Vec<usize> = (0..many - 1).collect();
        means(&cache, none, &expected).await;
    }
}

/// A pattern longer than any keyword fits none, however long it is.
pub async fn patterns_longer_than_any_keyword_fit_nothing(harness: Harness) {
    let cache = words(&harness, &["a", "aa"]).await;
    for length in [
        3_999, 4_001, 65_533, 65_534, 65_535, 65_536, 65_537, 131_072,
    ] {
        let long = "a".repeat(length);
        means(&cache, |w| w.word.starts_with(&long), &[]).await;
        means(&cache, |w| w.word.ends_with(&long), &[]).await;
        means(&cache, |w| w.word.contains(&long), &[]).await;
        means(&cache, |w| w.word.like(format!("{long}*a")), &[]).await;
        means(&cache, |w| w.word.eq(&long), &[]).await;
    }
    means(&cache, |w| w.word.starts_with("a"), &[0, 1]).await;
}
