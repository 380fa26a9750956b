//! Questions.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use larder::{Aggregate, Cache, ErrorKind, Filter, Page, Value};

use crate::cli::Failure;
use crate::film::{Fields, Film, Rating, Row};
use crate::report::Column::{
    Budget, Director, Genre, Gross, Imdb, Rating as Rated, Released, Title, Votes,
};
use crate::report::{Condition, Report, ask, coded, count, cut, one_line, or_dash};

/// Puts the films in.
pub(crate) async fn load(
    films: &Cache<Film>,
    rows: Vec<Row>,
    report: &mut Report<'_>,
) -> Result<(), Failure> {
    ask!(report, "Load", films.put_many(rows.iter().map(Film::from)));
    Ok(())
}

/// Asks for films by words, values and absence; counts, groups and pages.
pub(crate) async fn ask(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    words(films, report).await?;
    values(films, report).await?;
    missing(films, report).await?;
    order_and_pages(films, report).await?;
    groups(films, report).await?;
    form(films, report).await?;
    small_answers(films, report).await
}

async fn words(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let page = ask!(
        report,
        "Full text: every word, in any order",
        films
            .find(|f| f.title.matches("trek star"))
            .sort(|f| f.released.day.asc())
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Rated, Imdb, Votes, Gross])?;

    let page = ask!(
        report,
        "Search as you type: what a box sends after \"star w\"",
        films
            .find(|f| f.title.matches("star") & f.title.prefix("w"))
            .sort(|f| f.worldwide_gross.desc())
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Director, Gross])?;

    let page = ask!(
        report,
        "Fuzzy: a misspelt title; the best first, and what has no rating last",
        films
            .find(|f| f.title.fuzzy("termniator", 2))
            .sort(|f| f.imdb_rating.desc())
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Director, Imdb, Gross])?;

    let page = ask!(
        report,
        "A phrase: these words, side by side",
        films
            .find(|f| f.title.phrase("of the dead"))
            .sort(|f| f.released.day.asc())
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Director, Genre, Imdb])?;

    let page = ask!(
        report,
        "Any of the words, with or without their accents",
        films
            .find(|f| f.title.any("leon noel vu cache"))
            .sort(|f| f.title.asc())
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Director, Genre, Imdb])?;
    Ok(())
}

async fn values(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let page = ask!(
        report,
        "Ranges: cost no more than ten million, took more than two hundred",
        films
            .find(|f| f.budget.between(1..=10_000_000) & f.worldwide_gross.gt(200_000_000))
            .sort(|f| f.worldwide_gross.desc())
            .with_total()
            .limit(8)
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Director, Budget, Gross])?;
    report.shown(page.items.len(), page.total)?;

    let page = ask!(
        report,
        "One of several values, and not another",
        films
            .find(|f| f.director.in_(["Joel Coen", "Woody Allen"]) & f.genre.ne("Comedy"))
            .sort(|f| f.director.asc())
            .sort(|f| f.imdb_rating.desc())
            .fetch()
    );
    report.films(&page.items, &[Director, Title, Released, Genre, Imdb])?;
    Ok(())
}

async fn missing(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let page = ask!(
        report,
        "Null test: no director is known, and yet the film is loved",
        films
            .find(|f| f.director.is_none() & f.imdb_rating.ge(8.4))
            .sort(|f| f.imdb_rating.desc())
            .sort(|f| f.imdb_votes.desc())
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Director, Imdb, Votes])?;

    report.step(
        "Negation: `ne` is the complement of `eq`, so it includes what is missing",
        "films.find(..).count()",
        None,
    )?;
    let mut rows = Vec::new();
    let conditions: [Condition; 5] = [
        coded!(|f| f.rating.eq(Rating::R)),
        coded!(|f| f.rating.ne(Rating::R)),
        coded!(|f| f.rating.ne(Rating::R) & f.rating.is_some()),
        coded!(|f| f.rating.is_none()),
        coded!(|_f| Filter::all()),
    ];
    for (code, filter) in conditions {
        let started = Instant::now();
        let found = films.find(filter).count().await?;
        let took = started.elapsed();
        rows.push((vec![one_line(code), count(found)], took));
    }
    report.timed_table(&["filter", " films"], rows)?;
    Ok(())
}

/// All days of a year.
fn year(year: i32) -> Range<NaiveDate> {
    let [from, to] = [year, year + 1].map(|year| NaiveDate::from_ymd_opt(year, 1, 1));
    from.unwrap_or(NaiveDate::MAX)..to.unwrap_or(NaiveDate::MAX)
}

async fn order_and_pages(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let page = ask!(
        report,
        "Three sort keys: the films of 1994 that were seen most, genre by genre",
        films
            .find(|f| f.released.day.between(year(1994)) & f.imdb_votes.ge(60_000))
            .sort(|f| f.genre.asc())
            .sort(|f| f.imdb_rating.desc())
            .sort(|f| f.title.asc())
            .fetch()
    );
    report.films(&page.items, &[Genre, Imdb, Title, Director, Votes])?;

    let page = ask!(
        report,
        "Page 3",
        films
            .find(|f| f.director.eq("Steven Spielberg"))
            .sort(|f| f.released.day.asc())
            .page(3, 5)
            .with_total()
            .fetch()
    );
    report.films(&page.items, &[Title, Released, Genre, Imdb, Gross])?;
    report.shown(page.items.len(), page.total)?;

    if let Some(cursor) = page.next {
        let page = ask!(
            report,
            "And on from there, by the cursor that came with the page",
            films
                .find(|f| f.director.eq("Steven Spielberg"))
                .sort(|f| f.released.day.asc())
                .after(cursor)
                .limit(5)
                .fetch()
        );
        report.films(&page.items, &[Title, Released, Genre, Imdb, Gross])?;
    }
    Ok(())
}

async fn groups(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let facets = ask!(
        report,
        "Facets: the genres of what is rated 7.5 and more",
        films.find(|f| f.imdb_rating.ge(7.5)).facets(|f| f.genre, 8)
    );
    let bars: Vec<_> = facets
        .values
        .iter()
        .map(|(genre, films)| (genre.to_string(), *films))
        .collect();
    report.bars("genre", &bars)?;
    report.note(&format!("and {} genres with fewer", facets.left_out))?;

    let facets = ask!(
        report,
        "Facets: the same films by decade",
        films
            .find(|f| f.imdb_rating.ge(7.5))
            .facets(|f| f.released.decade, 20)
    );
    let mut bars: Vec<_> = facets
        .values
        .iter()
        .map(|(decade, films)| (format!("{decade}s"), *films))
        .collect();
    bars.sort();
    report.bars("decade", &bars)?;

    let aggregated = ask!(
        report,
        "Aggregates by genre, of films with a thousand votes or more",
        films
            .find(|f| f.imdb_votes.ge(1_000))
            .aggregate(|f| Aggregate::new()
                .group_by(f.genre)
                .avg(f.imdb_rating)
                .sum(f.worldwide_gross))
    );
    let rows = aggregated.groups.iter().map(|group| {
        let [average, gross] = [0, 1].map(|at| group.metrics.get(at).cloned().flatten());
        let decimals =
            |value: Value, places| or_dash(value.as_float(), |float| format!("{float:.places$}"));
        vec![
            or_dash(group.key.as_ref(), Value::to_string),
            count(group.count),
            or_dash(average, |value| decimals(value, 2)),
            or_dash(gross.and_then(|sum| sum.as_int()), count),
        ]
    });
    let head = ["genre", " films", " average", " gross $"];
    report.table(&head, rows)?;
    Ok(())
}

/// What somebody filled in to find a film.
#[derive(Clone, Copy, Default)]
struct Form {
    title: Option<&'static str>,
    genre: Option<&'static str>,
    decade: Option<i32>,
}

async fn form(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    let (code, filter) = coded!(|f: Fields, form: Form| f.title.prefix_if(form.title)
        & f.genre.eq_if(form.genre)
        & f.released.decade.eq_if(form.decade));
    report.step(
        "Optional conditions: what was not filled in is skipped",
        code,
        None,
    )?;
    let forms = [
        (Some("lo"), Some("Comedy"), Some(1990)),
        (Some("lo"), None, Some(1990)),
        (None, Some("Western"), None),
        (None, None, None),
    ];
    let mut rows = Vec::new();
    let mut refusal = None;
    for (title, genre, decade) in forms {
        let form = Form {
            title,
            genre,
            decade,
        };
        let started = Instant::now();
        let found = films
            .find(|f| filter(f, form))
            .sort(|f| f.imdb_votes.desc())
            .with_total()
            .limit(1)
            .fetch()
            .await;
        let took = started.elapsed();
        let (number, first) = match found {
            Ok(page) => (
                or_dash(page.total, |total| count(total.count())),
                or_dash(page.items.first(), |film| film.title.clone()),
            ),
            Err(error) if error.kind() == ErrorKind::InvalidFilter => {
                refusal = Some(error);
                ("refused".to_owned(), or_dash(None::<&str>, str::to_owned))
            }
            Err(error) => return Err(error.into()),
        };
        let row = vec![
            or_dash(title, str::to_owned),
            or_dash(genre, str::to_owned),
            or_dash(decade, |decade| decade.to_string()),
            number,
            first,
        ];
        rows.push((row, took));
    }
    report.timed_table(&["title", "genre", "decade", " films", "most votes"], rows)?;
    if let Some(refusal) = refusal {
        report.note(&format!("refused: {}", refusal.message()))?;
    }
    Ok(())
}

async fn small_answers(films: &Cache<Film>, report: &mut Report<'_>) -> Result<(), Failure> {
    /// Runs the code, and makes a row of the code and its answer.
    macro_rules! line {
        ($rows:ident, $show:expr, $($code:tt)*) => {
            let started = Instant::now();
            let answer = $($code)*.await?;
            let took: Duration = started.elapsed();
            let show = $show;
            $rows.push((vec![one_line(stringify!($($code)*)), show(answer)], took));
        };
    }
    let mut rows = Vec::new();
    let title = |film: Option<Arc<Film>>| or_dash(film, |film| cut(&film.title, 30));
    line!(rows, title, films.get(&742));
    line!(rows, title, films.get(&99_999));
    line!(rows, |there: bool| there.to_string(), films.contains(&742));
    line!(rows, |films: u64| count(films), films.count());
    line!(
        rows,
        |films: u64| count(films),
        films.find(|f| f.director.matches("coppola")).count()
    );
    line!(
        rows,
        |there: bool| there.to_string(),
        films.find(|f| f.imdb_rating.gt(9.5)).exists()
    );
    line!(
        rows,
        |page: Page<u32>| format!("{:?}", page.items),
        films
            .find(|f| f.title.prefix("zor"))
            .sort(|f| f.title.asc())
            .ids()
    );
    line!(rows, title, films.find(|f| f.genre.eq("Musical")).first());
    line!(
        rows,
        title,
        films.find(|f| f.title.phrase("annie hall")).one()
    );
    report.step("Small answers", "", None)?;
    report.timed_table(&["code", "answer"], rows)?;
    Ok(())
}
