//! Writes, and what the very next query sees.

use larder::Change::{Null, Set};
use larder::{Cache, Filter, keep};

use crate::cli::Failure;
use crate::film::{Film, FilmPatch};
use crate::report::Column::{Director, Genre, Imdb, Released, Title};
use crate::report::{Condition, Report, ask, coded, count, one_line};

/// Changes and removes films, and counts before and after each write.
pub(crate) async fn make(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    update_and_patch(films, report).await?;
    update_many(films, report).await?;
    remove(films, report).await?;
    refuse(films, report).await
}

async fn update_and_patch(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let watch = Watch::before(
        films,
        [
            coded!(|f| f.director.eq("King Vidor")),
            coded!(|f| f.director.eq("Victor Fleming")),
        ],
    )
    .await?;
    let changed = ask!(
        report,
        "Update one: The Wizard of Oz was directed by Victor Fleming",
        films.update(&1046, |film| film.director =
            Some("Victor Fleming".to_owned()))
    );
    watch.after(films, report).await?;
    report.films(changed.as_slice(), &[Title, Released, Director, Imdb])?;

    let watch = Watch::before(
        films,
        [
            coded!(|f| f.title.matches("rocky") & f.genre.eq("Drama")),
            coded!(|f| f.title.matches("rocky") & f.imdb_rating.is_none()),
        ],
    )
    .await?;
    let changed = ask!(
        report,
        "Patch one: set a field, empty one, keep the others",
        films.patch(
            &782,
            FilmPatch {
                genre: Set("Drama".into()),
                imdb_rating: Null,
                ..keep()
            }
        )
    );
    watch.after(films, report).await?;
    report.films(
        changed.as_slice(),
        &[Title, Released, Director, Genre, Imdb],
    )?;
    Ok(())
}

async fn update_many(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let watch = Watch::before(
        films,
        [
            coded!(|f| f.us_gross.eq(0)),
            coded!(|f| f.us_gross.is_none()),
        ],
    )
    .await?;
    let changed = ask!(
        report,
        "Update many by a filter: 0 dollars taken in the US is no figure at all",
        films
            .find(|f| f.us_gross.eq(0))
            .update(|film| film.us_gross = None)
    );
    watch.after(films, report).await?;
    report.note(&format!("{} films changed", count(changed)))?;
    Ok(())
}

async fn remove(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let watch = Watch::before(
        films,
        [
            coded!(|f| f.imdb_rating.lt(2.0)),
            coded!(|f| f.title.phrase("disaster movie")),
            coded!(|_f| Filter::all()),
        ],
    )
    .await?;
    let removed = ask!(
        report,
        "Remove many by a filter: what is rated below 2",
        films.find(|f| f.imdb_rating.lt(2.0)).remove()
    );
    watch.after(films, report).await?;
    report.note(&format!("{} films removed", count(removed)))?;

    let watch = Watch::before(
        films,
        [
            coded!(|f| f.title.matches("2012")),
            coded!(|f| f.director.eq("Roland Emmerich")),
        ],
    )
    .await?;
    ask!(report, "Remove one by its id", films.remove(&1075));
    watch.after(films, report).await?;
    Ok(())
}

async fn refuse(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let watch = Watch::before(films, [coded!(|f| f.imdb_rating.gt(9.0))]).await?;
    let refused = films
        .update(&742, |film| film.imdb_rating = Some(11.0))
        .await;
    report.step(
        "A write that the model refuses changes nothing",
        "films.update(&742, |film| film.imdb_rating = Some(11.0))",
        None,
    )?;
    watch.after(films, report).await?;
    if let Err(error) = refused {
        report.note(&error.to_string())?;
    }
    Ok(())
}

/// How many films each condition held for before a write.
struct Watch<const N: usize> {
    conditions: [Condition; N],
    before: Vec<u64>,
}

impl<const N: usize> Watch<N> {
    async fn before(films: &Cache<Film>, conditions: [Condition; N]) -> Result<Self, Failure> {
        let mut before = Vec::new();
        for (_, filter) in conditions {
            before.push(films.find(filter).count().await?);
        }
        Ok(Self { conditions, before })
    }

    /// Counts again, and prints both.
    async fn after(self, films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
        let mut rows = Vec::new();
        for ((code, filter), before) in self.conditions.into_iter().zip(self.before) {
            let after = films.find(filter).count().await?;
            rows.push(vec![one_line(code), count(before), count(after)]);
        }
        Ok(report.table(&["filter", " before", " after"], rows)?)
    }
}
