//! Filters: every condition of every kind of field, in trees.

use std::f64::consts::PI;
use std::ops::Bound;

use larder_core::{
    Caps, Exact, Field, FieldSpec, Filter, Geo, GeoPoint, Keyword, Kind, List, Number, Scalar,
    Schema, Value, ValueRef, Yes,
};

use super::{AnyObject, Dice, text, value};

type All = Caps<Yes, Yes, Yes>;

/// A value of whatever kind, as an argument of a condition on a field known at run time only.
#[derive(Clone, Debug)]
pub struct AnyScalar(pub Value);

impl Scalar for AnyScalar {
    type Class = Number<Self>;
    const KIND: Kind = Kind::I64;

    fn value(&self) -> ValueRef<'_> {
        self.0.as_ref()
    }
}

/// A filter that can be taken apart: conditions under `and`, `or` and `not`.
#[derive(Clone, Debug)]
pub enum Tree<M> {
    /// One condition.
    Leaf(Filter<M>),
    /// All of them.
    And(Vec<Tree<M>>),
    /// Any of them.
    Or(Vec<Tree<M>>),
    /// The complement.
    Not(Box<Tree<M>>),
}

impl<M: Clone> Tree<M> {
    /// A tree at most so deep, of conditions that `leaf` makes.
    pub fn any(
        dice: &mut Dice,
        depth: usize,
        leaf: &mut dyn FnMut(&mut Dice) -> Filter<M>,
    ) -> Self {
        if depth == 0 || dice.chance(30) {
            return Self::Leaf(match dice.below(40) {
                0 => Filter::all(),
                1 => Filter::none(),
                2 => Filter::skipped(),
                _ => leaf(dice),
            });
        }
        if dice.chance(25) {
            return Self::Not(Box::new(Self::any(dice, depth - 1, leaf)));
        }
        let count = match dice.below(100) {
            0..80 => 2,
            // Some engines go through many alternatives another way.
            80..83 => 15 + dice.below(20),
            _ => dice.below(5),
        };
        let depth = if count > 5 { depth.min(2) } else { depth };
        let and = dice.chance(50);
        let mut children: Vec<_> = (0..count)
            .map(|_| Self::any(dice, depth - 1, leaf))
            .collect();
        if dice.chance(5) {
            children.extend(children.first().cloned());
        }
        if and {
            Self::And(children)
        } else {
            Self::Or(children)
        }
    }

    /// The filter.
    pub fn filter(&self) -> Filter<M> {
        match self {
            Self::Leaf(filter) => filter.clone(),
            Self::And(children) => Filter::all_of(children.iter().map(Self::filter)),
            Self::Or(children) => Filter::any_of(children.iter().map(Self::filter)),
            Self::Not(inner) => !inner.filter(),
        }
    }

    /// Smaller trees to try when this one shows a defect: parts of it, and it without a part.
    pub fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Leaf(_) => Vec::new(),
            Self::Not(inner) => {
                let deeper = inner.smaller().into_iter();
                std::iter::once((**inner).clone())
                    .chain(deeper.map(|smaller| Self::Not(Box::new(smaller))))
                    .collect()
            }
            Self::And(children) | Self::Or(children) => {
                let rebuilt = |children| match self {
                    Self::And(_) => Self::And(children),
                    _ => Self::Or(children),
                };
                let mut out = children.clone();
                for (position, child) in children.iter().enumerate() {
                    let mut rest = children.clone();
                    rest.remove(position);
                    out.push(rebuilt(rest));
                    for smaller in child.smaller() {
                        let mut changed = children.clone();
                        changed[position] = smaller;
                        out.push(rebuilt(changed));
                    }
                }
                out
            }
        }
    }
}

/// A condition on any field of the model; its values come mostly from `stored` objects.
pub fn leaf(dice: &mut Dice, schema: &Schema, stored: &[&AnyObject]) -> Filter<AnyObject> {
    let position = dice.below(schema.fields().len()) as u16;
    let Some(spec) = schema.fields().get(usize::from(position)) else {
        return Filter::all();
    };
    let mut leaf = Leaf {
        dice,
        spec,
        position,
        stored,
    };
    match (spec.index, spec.text.is_some()) {
        (true, true) if leaf.dice.chance(50) => leaf.exact(),
        (_, true) => leaf.text(),
        (true, false) => leaf.exact(),
        (false, false) => leaf.null(),
    }
}

struct Leaf<'a> {
    dice: &'a mut Dice,
    spec: &'a FieldSpec,
    position: u16,
    stored: &'a [&'a AnyObject],
}

impl Leaf<'_> {
    fn handle<C>(&self) -> Field<AnyObject, C, All> {
        Field::at(self.position)
    }

    fn null(&mut self) -> Filter<AnyObject> {
        if self.dice.chance(50) {
            self.handle::<Keyword>().is_none()
        } else {
            self.handle::<Keyword>().is_some()
        }
    }

    /// A value that some object holds in this field.
    fn stored(&mut self) -> Option<Value> {
        if self.stored.is_empty() {
            return None;
        }
        let object = self.dice.pick(self.stored);
        let values = object.fields.get(usize::from(self.position))?.values();
        (!values.is_empty()).then(|| values[self.dice.below(values.len())].clone())
    }

    fn value(&mut self) -> Value {
        match self.dice.below(100) {
            0..60 => self.stored(),
            60..75 => self.stored().map(|value| near(self.dice, value)),
            _ => None,
        }
        .unwrap_or_else(|| value(self.dice, self.spec))
    }

    fn any(&mut self) -> AnyScalar {
        AnyScalar(self.value())
    }

    fn string(&mut self) -> String {
        match self.value() {
            Value::Str(text) => text,
            _ => String::new(),
        }
    }

    /// A string, or a part of one.
    fn part(&mut self) -> String {
        let string = self.string();
        piece(self.dice, &string)
    }

    fn many(&mut self) -> Vec<AnyScalar> {
        let count = if self.dice.chance(2) {
            1_000
        } else {
            self.dice.below(5)
        };
        (0..count).map(|_| self.any()).collect()
    }

    fn exact(&mut self) -> Filter<AnyObject> {
        if self.dice.chance(8) {
            return self.null();
        }
        if self.spec.kind == Kind::Geo {
            return self.within();
        }
        if self.spec.list {
            return self.list();
        }
        let field = self.handle::<Number<AnyScalar>>();
        match self.spec.kind {
            Kind::Bool if self.dice.chance(50) => {
                let field = self.handle::<Exact<bool>>();
                if self.dice.chance(50) {
                    field.is_true()
                } else {
                    field.is_false()
                }
            }
            Kind::Keyword if self.dice.chance(65) => self.pattern(),
            kind if kind.is_ordered() && self.dice.chance(65) => self.range(),
            _ => match self.dice.below(6) {
                0 | 1 => field.eq(self.any()),
                2 => field.ne(self.any()),
                3 => field.eq_if(Some(self.any())),
                4 => field.in_(self.many()),
                _ => field.not_in(self.many()),
            },
        }
    }

    fn range(&mut self) -> Filter<AnyObject> {
        let field = self.handle::<Number<AnyScalar>>();
        match self.dice.below(6) {
            0 => field.lt(self.any()),
            1 => field.le(self.any()),
            2 => field.gt(self.any()),
            3 => field.ge(self.any()),
            _ => {
                let (low, high) = (self.bound(), self.bound());
                field.between((low, high))
            }
        }
    }

    fn bound(&mut self) -> Bound<AnyScalar> {
        match self.dice.below(5) {
            0 => Bound::Unbounded,
            1 | 2 => Bound::Included(self.any()),
            _ => Bound::Excluded(self.any()),
        }
    }

    fn list(&mut self) -> Filter<AnyObject> {
        let field = self.handle::<List<Number<AnyScalar>>>();
        match self.dice.below(8) {
            0..3 => field.contains(self.any()),
            3 | 4 => field.contains_any(self.many()),
            5 | 6 => {
                // Two of one object's values, so that it is not always false.
                let mut wanted: Vec<_> = (0..self.dice.below(3)).map(|_| self.any()).collect();
                if self.dice.chance(30) && !self.stored.is_empty() {
                    let object = self.dice.pick(self.stored);
                    let cell = object.fields.get(usize::from(self.position));
                    let values = cell.map_or(&[][..], |cell| cell.values());
                    wanted = values.iter().take(2).cloned().map(AnyScalar).collect();
                }
                field.contains_all(wanted)
            }
            _ => field.is_empty(),
        }
    }

    fn pattern(&mut self) -> Filter<AnyObject> {
        let field = self.handle::<Keyword>();
        if self.dice.chance(10) {
            return field.starts_with(self.dice.pick(&["term", "term1", "", "a"]));
        }
        match self.dice.below(5) {
            0 => {
                let string = self.string();
                field.starts_with(start(self.dice, &string))
            }
            1 => {
                let string = self.string();
                field.ends_with(end(self.dice, &string))
            }
            2 => field.contains(self.part()),
            3 => {
                let (a, b) = (self.string(), self.string());
                field.like(format!("{}*{}", start(self.dice, &a), end(self.dice, &b)))
            }
            _ => {
                let (a, b, c) = (self.part(), self.part(), self.part());
                field.like(format!("{a}*{b}*{c}"))
            }
        }
    }

    fn within(&mut self) -> Filter<AnyObject> {
        let center = match self.value() {
            Value::Geo(point) => point,
            _ => GeoPoint::new(0.0, 0.0),
        };
        let half = PI * GeoPoint::EARTH_RADIUS_M;
        let radius = match self.dice.below(8) {
            0 => 0.0,
            1 => half,
            2 => half.next_down(),
            3 => f64::INFINITY,
            4 => self.dice.between(0, 20_100_000) as f64,
            _ => {
                // To the very place of some stored point, or a hair to either side.
                let Some(Value::Geo(point)) = self.stored() else {
                    return self.handle::<Geo>().within(center, 1.0);
                };
                let [x, y, z] = point.unit();
                let [u, v, w] = center.unit();
                let cos = ((x * u + y * v) + z * w).clamp(-1.0, 1.0);
                let exact = cos.acos() * GeoPoint::EARTH_RADIUS_M;
                match self.dice.below(3) {
                    0 => exact,
                    1 => exact.next_up(),
                    _ => exact.next_down().max(0.0),
                }
            }
        };
        self.handle::<Geo>().within(center, radius)
    }

    /// A word of some stored text, or a fresh one.
    fn word(&mut self) -> String {
        if self.dice.chance(70)
            && let Some(Value::Str(text)) = self.stored()
        {
            let words: Vec<&str> = text.split_whitespace().take(50).collect();
            if !words.is_empty() {
                return self.dice.pick(&words).to_owned();
            }
        }
        text::word(self.dice)
    }

    fn text(&mut self) -> Filter<AnyObject> {
        let field = self.handle::<Keyword>();
        let words = |leaf: &mut Self| {
            let words: Vec<_> = (0..=leaf.dice.below(3)).map(|_| leaf.word()).collect();
            words.join(" ")
        };
        match self.dice.below(10) {
            0 => self.null(),
            1 => field.matches(words(self)),
            2 => field.any(words(self)),
            3 => {
                let stored = self.stored();
                let text = match stored {
                    Some(Value::Str(text)) if self.dice.chance(70) => {
                        let words: Vec<&str> = text.split_whitespace().take(50).collect();
                        let from = self.dice.below(words.len());
                        let count = 1 + self.dice.below(3);
                        words[from..]
                            .iter()
                            .take(count)
                            .copied()
                            .collect::<Vec<_>>()
                            .join(" ")
                    }
                    _ => words(self),
                };
                field.phrase(text)
            }
            4 => {
                let word = self.word();
                field.prefix(if self.dice.chance(15) {
                    "w".to_owned()
                } else {
                    start(self.dice, &word).to_owned()
                })
            }
            5 => {
                let word = self.word();
                field.suffix(end(self.dice, &word))
            }
            6 => {
                let word = self.word();
                field.infix(piece(self.dice, &word))
            }
            7 => {
                let word = self.word();
                let mut pattern = String::new();
                for c in word.chars() {
                    match self.dice.below(6) {
                        0 => pattern.push('?'),
                        1 => pattern.push('*'),
                        _ => pattern.push(c),
                    }
                }
                field.wildcard(pattern)
            }
            _ => {
                let mut word: Vec<char> = self.word().chars().take(45).collect();
                for _ in 0..self.dice.below(4) {
                    let at = self.dice.below(word.len());
                    match self.dice.below(3) {
                        0 if !word.is_empty() => {
                            word.remove(at);
                        }
                        1 if !word.is_empty() => word[at] = self.dice.pick(&['a', 'x', 'é']),
                        _ => word.insert(at, self.dice.pick(&['a', 'b', '漢'])),
                    }
                }
                let distance = self.dice.between(1, 3) as u8;
                field.fuzzy(word.into_iter().collect::<String>(), distance)
            }
        }
    }
}

/// A value just beside another.
fn near(dice: &mut Dice, value: Value) -> Value {
    match value {
        Value::Int(int) => Value::Int(int + i128::from(dice.between(-1, 1))),
        Value::Float(float) if dice.chance(50) => Value::Float(float.next_up()),
        Value::Float(float) => Value::Float(float.next_down()),
        Value::Decimal { mantissa, scale } if dice.chance(50) => Value::Decimal {
            mantissa: mantissa.saturating_mul(10).saturating_add(1),
            scale: scale + 1,
        },
        Value::Decimal { mantissa, scale } => Value::Decimal {
            mantissa: mantissa.saturating_add(1),
            scale,
        },
        Value::Str(text) => Value::Str(match dice.below(5) {
            0 => text.to_uppercase(),
            1 => text.to_lowercase(),
            2 => format!("{text}{}", dice.pick(&["a", "\0", " ", "\u{301}"])),
            3 => start(dice, &text).to_owned(),
            _ => end(dice, &text).to_owned(),
        }),
        other => other,
    }
}

fn cut(dice: &mut Dice, text: &str) -> usize {
    // Long strings are cut near an end, so that patterns differ where it matters.
    let mut at = match dice.below(3) {
        0 => dice.below(text.len().min(8) + 1),
        1 => text.len() - dice.below(text.len().min(8) + 1),
        _ => dice.below(text.len() + 1),
    };
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn start<'a>(dice: &mut Dice, text: &'a str) -> &'a str {
    &text[..cut(dice, text)]
}

fn end<'a>(dice: &mut Dice, text: &'a str) -> &'a str {
    &text[cut(dice, text)..]
}

fn piece(dice: &mut Dice, text: &str) -> String {
    let (a, b) = (cut(dice, text), cut(dice, text));
    text[a.min(b)..a.max(b)].to_owned()
}
