//! Filters as the caller writes them: typed, composable, not yet bound to a schema.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{BitAnd, BitOr, Bound, Not};

use crate::error::{Error, Result};
use crate::value::{GeoPoint, Value};

/// The most conditions one filter may have.
pub const MAX_CONDITIONS: usize = 65_536;

/// How deep `and`, `or` and `not` may alternate. `a & b & c & ..` is one level, however long.
pub const MAX_DEPTH: usize = 64;

/// Which objects of the model `M` are meant.
///
/// Made from field handles and put together with `&`, `|` and `!`. Two-valued: a condition on
/// a missing value is false, and `!` is the plain complement.
///
/// A condition made by a method ending in `_if` from `None` is *skipped*: it stands for nothing
/// in `&` and `|` alike. A filter of which everything was skipped is an `InvalidFilter` error
/// when it is used, unless the caller wrote [`or_all`](Self::or_all).
#[must_use = "a filter does nothing until it is given to `find`"]
pub struct Filter<M> {
    tree: Tree,
    marker: PhantomData<fn() -> M>,
}

#[derive(Clone, Debug)]
enum Tree {
    Skipped,
    Is { ast: Ast, size: usize, depth: usize },
    TooLarge(&'static str),
}

/// The conditions as written.
#[derive(Clone, Debug)]
pub(crate) enum Ast {
    And(Vec<Ast>),
    Or(Vec<Ast>),
    Not(Box<Ast>),
    Missing(u16),
    EmptyList(u16),
    Eq(u16, Value),
    In(u16, Vec<Value>),
    Range(u16, Bound<Value>, Bound<Value>),
    /// Literal parts with anything between them.
    Like(u16, Vec<String>),
    Within(u16, GeoPoint, f64),
    Text(u16, TextMatch, String),
    Tokens(u16, TokenShape, String),
    Fuzzy(u16, String, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextMatch {
    All,
    Any,
    Phrase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenShape {
    Prefix,
    Suffix,
    Infix,
    Wildcard,
}

impl<M> Filter<M> {
    fn of(tree: Tree) -> Self {
        Self {
            tree,
            marker: PhantomData,
        }
    }

    pub(crate) fn leaf(ast: Ast) -> Self {
        Self::of(Tree::Is {
            ast,
            size: 1,
            depth: 1,
        })
    }

    /// A condition that was left out.
    pub fn skipped() -> Self {
        Self::of(Tree::Skipped)
    }

    /// Every object.
    pub fn all() -> Self {
        Self::leaf(Ast::And(Vec::new()))
    }

    /// No object.
    pub fn none() -> Self {
        Self::leaf(Ast::Or(Vec::new()))
    }

    /// All of the filters hold. Of no filters: every object. Of skipped ones only: skipped.
    pub fn all_of(filters: impl IntoIterator<Item = Self>) -> Self {
        filters
            .into_iter()
            .reduce(BitAnd::bitand)
            .unwrap_or_else(Self::all)
    }

    /// At least one of the filters holds. Of no filters: no object. Of skipped ones only:
    /// skipped.
    pub fn any_of(filters: impl IntoIterator<Item = Self>) -> Self {
        filters
            .into_iter()
            .reduce(BitOr::bitor)
            .unwrap_or_else(Self::none)
    }

    /// Every object, should all conditions have been skipped: the caller's word that a missing
    /// parameter may mean the whole table.
    pub fn or_all(self) -> Self {
        match self.tree {
            Tree::Skipped => Self::all(),
            _ => self,
        }
    }

    /// Whether every condition was skipped.
    pub fn is_skipped(&self) -> bool {
        matches!(self.tree, Tree::Skipped)
    }

    pub(crate) fn into_ast(self) -> Result<Ast> {
        match self.tree {
            Tree::Is { ast, .. } => Ok(ast),
            Tree::Skipped => Err(Error::invalid_filter(
                "every condition of the filter was skipped; write `.or_all()` behind it if that is to mean every object",
            )),
            Tree::TooLarge(message) => Err(Error::invalid_filter(message)),
        }
    }

    fn join(self, other: Self, and: bool) -> Self {
        let (left, right) = match (self.tree, other.tree) {
            (Tree::TooLarge(message), _) | (_, Tree::TooLarge(message)) => {
                return Self::of(Tree::TooLarge(message));
            }
            (Tree::Skipped, tree) | (tree, Tree::Skipped) => return Self::of(tree),
            (left, right) => (left, right),
        };
        let (mut children, size, mut depth) = left.into_children(and);
        let (more, more_size, more_depth) = right.into_children(and);
        // The longer list is the one that stays in place: `a & b & ..` takes linear time
        // whichever way it is bracketed.
        if more.len() > children.len() {
            let fewer = std::mem::replace(&mut children, more);
            children.extend(fewer);
        } else {
            children.extend(more);
        }
        depth = depth.max(more_depth);
        let ast = if and {
            Ast::And(children)
        } else {
            Ast::Or(children)
        };
        Self::checked(ast, size + more_size, depth + 1)
    }

    /// A tree too deep never comes to be, so no walk over one can run out of stack.
    fn checked(ast: Ast, size: usize, depth: usize) -> Self {
        Self::of(if size > MAX_CONDITIONS {
            Tree::TooLarge(
                "the filter has more than 65,536 conditions; use `in_` for long lists of values",
            )
        } else if depth > MAX_DEPTH {
            Tree::TooLarge("the filter nests `and`, `or` and `not` more than 64 deep; flatten it")
        } else {
            Tree::Is { ast, size, depth }
        })
    }
}

impl Tree {
    /// The parts of a tree of the same connective, or the tree as the one part; with its size
    /// and the depth of the parts.
    fn into_children(self, and: bool) -> (Vec<Ast>, usize, usize) {
        match self {
            Self::Is {
                ast: Ast::And(children),
                size,
                depth,
            } if and && !children.is_empty() => (children, size, depth - 1),
            Self::Is {
                ast: Ast::Or(children),
                size,
                depth,
            } if !and && !children.is_empty() => (children, size, depth - 1),
            Self::Is { ast, size, depth } => (vec![ast], size, depth),
            Self::Skipped | Self::TooLarge(_) => (Vec::new(), 0, 0),
        }
    }
}

impl<M> BitAnd for Filter<M> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.join(other, true)
    }
}

impl<M> BitOr for Filter<M> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.join(other, false)
    }
}

impl<M> Not for Filter<M> {
    type Output = Self;
    fn not(self) -> Self {
        match self.tree {
            Tree::Is {
                ast: Ast::Not(inner),
                size,
                depth,
            } => Self::of(Tree::Is {
                ast: *inner,
                size,
                depth: depth - 1,
            }),
            Tree::Is { ast, size, depth } => {
                Self::checked(Ast::Not(Box::new(ast)), size, depth + 1)
            }
            tree => Self::of(tree),
        }
    }
}

impl<M> Clone for Filter<M> {
    fn clone(&self) -> Self {
        Self::of(self.tree.clone())
    }
}

impl<M> fmt::Debug for Filter<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tree.fmt(f)
    }
}
