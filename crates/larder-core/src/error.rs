//! The one error type: opaque, cheap to clone, matched by [`ErrorKind`].

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// A `Result` with Larder's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a program may want to tell it apart.
///
/// A miss is never an error: it is `Ok(None)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The store cannot do this at all; its `Capability` says so beforehand.
    Unsupported,
    /// The filter, sort, page or cursor makes no sense for this model.
    InvalidFilter,
    /// The model's declaration, or an object of it, breaks a rule of its schema.
    InvalidModel,
    /// An option, a URL or a combination of options is wrong.
    InvalidConfig,
    /// Another writer was there first: the version is not the expected one.
    Conflict,
    /// An object could not be turned into bytes.
    Encode,
    /// Stored bytes could not be turned into an object.
    Decode,
    /// The store cannot be reached.
    Unavailable,
    /// The deadline of the operation passed.
    Timeout,
    /// The store has no room for this.
    Overloaded,
    /// A complete answer was asked for and only a part can be given.
    Incomplete,
    /// The store was closed.
    Closed,
    /// The caller's own loader failed.
    Loader,
    /// A defect in Larder or in the engine below it.
    Internal,
}

impl ErrorKind {
    /// The kind's name as it stands in messages and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::InvalidFilter => "invalid filter",
            Self::InvalidModel => "invalid model",
            Self::InvalidConfig => "invalid config",
            Self::Conflict => "conflict",
            Self::Encode => "encode",
            Self::Decode => "decode",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Incomplete => "incomplete",
            Self::Closed => "closed",
            Self::Loader => "loader",
            Self::Internal => "internal",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Any failure of Larder. One pointer wide; cloning shares it.
///
/// Match on [`Error::kind`], never on the text.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    operation: Option<&'static str>,
    store: Option<&'static str>,
    model: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind`; the message names the thing and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            operation: None,
            store: None,
            model: None,
            source: None,
        }))
    }

    /// The kind to match on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone, without context or source.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation that failed (`put`, `query`, ..), where known.
    pub fn operation(&self) -> Option<&'static str> {
        self.0.operation
    }

    /// The store that failed, where known.
    pub fn store(&self) -> Option<&'static str> {
        self.0.store
    }

    /// The model concerned, where known.
    pub fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    /// Names the operation, unless an inner layer has named one.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        Arc::make_mut(&mut self.0)
            .operation
            .get_or_insert(operation);
        self
    }

    /// Names the store, unless an inner layer has named one.
    #[must_use]
    pub fn with_store(mut self, store: &'static str) -> Self {
        Arc::make_mut(&mut self.0).store.get_or_insert(store);
        self
    }

    /// Names the model, unless an inner layer has named one.
    #[must_use]
    pub fn with_model(mut self, model: &str) -> Self {
        Arc::make_mut(&mut self.0)
            .model
            .get_or_insert_with(|| model.to_owned());
        self
    }

    /// Keeps the error below this one.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    /// Keeps the error below this one, whatever its type.
    #[must_use]
    pub(crate) fn with_boxed_source(mut self, source: Box<dyn StdError + Send + Sync>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source));
        self
    }

    /// Whether the store cannot be asked now, so that what needs it does without.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::Timeout)
    }

    /// An error for a filter, sort, page or cursor that makes no sense.
    pub fn invalid_filter(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidFilter, message)
    }

    /// An error for a model or object that breaks its schema's rules.
    pub fn invalid_model(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidModel, message)
    }

    /// An error for options that are wrong or contradict each other.
    pub fn invalid_config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidConfig, message)
    }

    /// An error for a defect in Larder or the engine below.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}", inner.kind)?;
        if let Some(operation) = inner.operation {
            write!(f, " in {operation}")?;
        }
        match (inner.store, inner.model()) {
            (Some(store), Some(model)) => write!(f, " (store {store}, model {model})")?,
            (Some(store), None) => write!(f, " (store {store})")?,
            (None, Some(model)) => write!(f, " (model {model})")?,
            (None, None) => {}
        }
        write!(f, ": {}", inner.message)?;
        if let Some(source) = &inner.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl Inner {
    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

/// What a `#[cache(validate = path)]` hook answers for an object it refuses.
///
/// ```
/// use larder_core::Invalid;
///
/// struct User { age: u8 }
/// fn check(user: &User) -> Result<(), Invalid> {
///     if user.age > 150 {
///         return Err(Invalid::field("age", "must be at most 150"));
///     }
///     Ok(())
/// }
/// assert_eq!(check(&User { age: 200 }).unwrap_err().to_string(), "field `age` must be at most 150");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    field: Option<String>,
    message: String,
}

impl Invalid {
    /// Refuses the object for one field's value.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            message: message.into(),
        }
    }

    /// Refuses the object as a whole.
    pub fn object(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: message.into(),
        }
    }

    /// The field concerned, if one is.
    pub fn field_name(&self) -> Option<&str> {
        self.field.as_deref()
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "field `{field}` {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl StdError for Invalid {}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::invalid_model(invalid.to_string())
    }
}
