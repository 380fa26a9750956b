//! The model, and where its objects come from.

use std::error::Error;
use std::fs;
use std::path::Path;

use chrono::{Datelike, NaiveDate};
use larder::{CacheFields, CacheModel, CacheValue, Invalid};
use serde::{Deserialize, Serialize};

use crate::cli::Failure;

const FILE: &str = "examples/data/movies.json";

/// A film as the file has it. A key that the model does not want is passed over.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    id: u32,
    title: String,
    released: Option<NaiveDate>,
    rating: Option<Rating>,
    genre: Option<String>,
    director: Option<String>,
    distributor: Option<String>,
    us_gross: Option<u64>,
    worldwide_gross: Option<u64>,
    budget: Option<u64>,
    imdb_rating: Option<f64>,
    imdb_votes: Option<u64>,
}

/// A film as it is cached: what is declared can be asked for.
#[derive(Clone, Debug, Serialize, Deserialize, CacheModel)]
#[cache(name = "example_film", from = Row, validate = possible)]
pub(crate) struct Film {
    #[cache(id)]
    pub(crate) id: u32,
    #[cache(text(fold), sort)]
    pub(crate) title: String,
    #[cache(flatten)]
    pub(crate) released: Released,
    #[cache(index)]
    pub(crate) rating: Option<Rating>,
    #[cache(index, sort)]
    pub(crate) genre: Option<String>,
    #[cache(index, text(fold), sort)]
    pub(crate) director: Option<String>,
    /// Carried along only.
    pub(crate) distributor: Option<String>,
    #[cache(index, sort)]
    pub(crate) us_gross: Option<u64>,
    #[cache(index, sort)]
    pub(crate) worldwide_gross: Option<u64>,
    #[cache(index, sort)]
    pub(crate) budget: Option<u64>,
    #[cache(index, sort)]
    pub(crate) imdb_rating: Option<f64>,
    #[cache(index, sort)]
    pub(crate) imdb_votes: Option<u64>,
}

/// The handles that filters are made of.
pub(crate) type Fields = <Film as CacheFields>::Fields<Film>;

/// When a film came out. The decade goes with the day: neither is ever set alone.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, CacheFields)]
pub(crate) struct Released {
    #[cache(index, sort)]
    pub(crate) day: Option<NaiveDate>,
    /// Its first year: 1990 for the nineties.
    #[cache(index)]
    pub(crate) decade: Option<i32>,
}

impl From<Option<NaiveDate>> for Released {
    fn from(day: Option<NaiveDate>) -> Self {
        Self {
            day,
            decade: day.map(|day| day.year() / 10 * 10),
        }
    }
}

/// The rating of the Motion Picture Association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, CacheValue)]
pub(crate) enum Rating {
    G,
    #[serde(rename = "PG")]
    Pg,
    #[serde(rename = "PG-13")]
    Pg13,
    R,
    #[serde(rename = "NC-17")]
    Nc17,
    #[serde(rename = "Not Rated")]
    NotRated,
}

/// Is run before every write.
fn possible(film: &Film) -> Result<(), Invalid> {
    match film.imdb_rating {
        Some(rating) if !(0.0..=10.0).contains(&rating) => {
            Err(Invalid::field("imdb_rating", "must lie between 0 and 10"))
        }
        _ => Ok(()),
    }
}

/// Reads all films from this repository, wherever the program is run.
pub(crate) fn read() -> Result<Vec<Row>, Failure> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = package
        .ancestors()
        .map(|folder| folder.join(FILE))
        .find(|path| path.exists())
        .ok_or_else(|| Failure::Data(format!("there is no {FILE} above {}", package.display())))?;
    let failure =
        |error: &dyn Error| Failure::Data(format!("{} cannot be read: {error}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| failure(&error))?;
    serde_json::from_str(&text).map_err(|error| failure(&error))
}
