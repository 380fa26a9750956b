//! Prints questions and answers, for people.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, LineStyle, Row, Table, TableStyle};
use larder::{Filter, Scalar as _, Total};

use crate::film::{Fields, Film};

/// No line is longer, in characters.
const WIDTH: usize = 100;
const INDENT: &str = "   ";

/// Runs a query, prints its number, its title, its code just as it stands here, and the time it
/// took, and gives its answer.
macro_rules! ask {
    ($report:expr, $title:expr, $($code:tt)*) => {{
        let started = std::time::Instant::now();
        let answer = $($code)*.await?;
        let took = started.elapsed();
        $report.step($title, stringify!($($code)*), Some(took))?;
        answer
    }};
}
pub(crate) use ask;

/// The code of a closure's body just as it stands here, and the closure.
macro_rules! coded {
    (|$($name:ident $(: $type:ty)?),*| $body:expr) => {
        (stringify!($body), |$($name $(: $type)?),*| $body)
    };
}
pub(crate) use coded;

/// A condition and its code, as [`coded!`] makes them.
pub(crate) type Condition = (&'static str, fn(Fields) -> Filter<Film>);

/// Where the answers go.
pub(crate) struct Report<'w> {
    out: &'w mut dyn Write,
    times: bool,
    steps: usize,
    /// Whether this step has a table already.
    follows_table: bool,
}

impl<'w> Report<'w> {
    pub(crate) fn new(out: &'w mut dyn Write, times: bool) -> Self {
        Self {
            out,
            times,
            steps: 0,
            follows_table: false,
        }
    }

    /// Begins the next step: a heading and the code that it is about.
    pub(crate) fn step(
        &mut self,
        title: &str,
        code: &str,
        took: Option<Duration>,
    ) -> io::Result<()> {
        self.steps += 1;
        self.follows_table = false;
        let left = format!("── {}. {title} ", self.steps);
        let right = match took {
            Some(took) if self.times => format!(" {}", time(took)),
            _ => String::new(),
        };
        let used = left.chars().count() + right.chars().count();
        let line = "─".repeat(WIDTH.saturating_sub(used));
        writeln!(self.out, "\n{left}{line}{right}")?;
        for line in code_lines(code) {
            writeln!(self.out, "{INDENT}{line}")?;
        }
        Ok(())
    }

    /// Says below a table how many of all that match it holds.
    pub(crate) fn shown(&mut self, films: usize, total: Option<Total>) -> io::Result<()> {
        let total = or_dash(total, |total| count(total.count()));
        self.note(&format!("{} of {total} films", count(films)))
    }

    /// Prints a remark below the last table.
    pub(crate) fn note(&mut self, text: &str) -> io::Result<()> {
        let mut line = String::new();
        for word in text.split_whitespace() {
            if line.chars().count() + word.chars().count() + INDENT.len() >= WIDTH {
                writeln!(self.out, "{INDENT}{line}")?;
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        writeln!(self.out, "{INDENT}{line}")
    }

    /// Prints films, one a line.
    pub(crate) fn films(&mut self, films: &[Arc<Film>], columns: &[Column]) -> io::Result<()> {
        if films.is_empty() {
            return self.note("no film");
        }
        let rows = films
            .iter()
            .map(|film| columns.iter().map(|column| column.cell(film)).collect());
        let head: Vec<_> = columns.iter().map(|column| column.head()).collect();
        self.table(&head, rows)
    }

    /// Prints a table. A column whose head begins with a space is one of numbers.
    pub(crate) fn table(
        &mut self,
        head: &[&str],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> io::Result<()> {
        let cell = |column: usize, text: &str| {
            let is_number = head.get(column).is_some_and(|head| head.starts_with(' '));
            Cell::new(text.trim_start()).set_alignment(if is_number {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            })
        };
        let row = |texts: Vec<&str>| {
            let cells = texts.into_iter().enumerate();
            Row::from(cells.map(|(column, text)| cell(column, text)))
        };
        if self.follows_table {
            writeln!(self.out)?;
        }
        self.follows_table = true;
        let mut table = Table::new();
        table.load_style(
            TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')),
        );
        table.set_header(row(head.to_vec()));
        for texts in rows {
            table.add_row(row(texts.iter().map(String::as_str).collect()));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 1));
        }
        for line in table.lines() {
            writeln!(self.out, "{INDENT}{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Prints a table in which each row has its own time, if times are printed.
    pub(crate) fn timed_table(
        &mut self,
        head: &[&str],
        rows: impl IntoIterator<Item = (Vec<String>, Duration)>,
    ) -> io::Result<()> {
        let mut head = head.to_vec();
        head.extend(self.times.then_some(" time"));
        let times = self.times;
        let rows = rows.into_iter().map(|(mut row, took)| {
            row.extend(times.then(|| time(took)));
            row
        });
        self.table(&head, rows)
    }

    /// Prints how often each value occurs, with a bar as long as that is often.
    pub(crate) fn bars(&mut self, head: &str, values: &[(String, u64)]) -> io::Result<()> {
        let most = values.iter().map(|(_, count)| *count).max().unwrap_or(1);
        let rows = values.iter().map(|(value, often)| {
            let length = (often * 50).div_ceil(most) as usize;
            vec![value.clone(), count(*often), "█".repeat(length)]
        });
        self.table(&[head, " films", ""], rows)
    }
}

/// What of a film is printed.
#[derive(Clone, Copy)]
pub(crate) enum Column {
    Title,
    Released,
    Genre,
    Rating,
    Director,
    Imdb,
    Votes,
    Budget,
    Gross,
}

impl Column {
    fn head(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Released => "released",
            Self::Genre => "genre",
            Self::Rating => "rated",
            Self::Director => "director",
            Self::Imdb => " IMDb",
            Self::Votes => " votes",
            Self::Budget => " budget $",
            Self::Gross => " gross $",
        }
    }

    fn cell(self, film: &Film) -> String {
        match self {
            Self::Title => cut(&film.title, 36),
            Self::Released => or_dash(film.released.day, |day| day.to_string()),
            Self::Genre => or_dash(film.genre.as_deref(), str::to_owned),
            Self::Rating => or_dash(film.rating, |rating| rating.value().to_value().to_string()),
            Self::Director => or_dash(film.director.as_deref(), |name| cut(name, 18)),
            Self::Imdb => or_dash(film.imdb_rating, |rating| format!("{rating:.1}")),
            Self::Votes => or_dash(film.imdb_votes, count),
            Self::Budget => or_dash(film.budget, count),
            Self::Gross => or_dash(film.worldwide_gross, count),
        }
    }
}

/// A value, or a dash where there is none.
pub(crate) fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), show)
}

/// An integer without a sign, its thousands apart: 1,234,567.
pub(crate) fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn time(took: Duration) -> String {
    let micros = took.as_nanos().div_ceil(1_000);
    match micros {
        0..1_000 => format!("{micros} µs"),
        _ => format!("{:.1} ms", micros as f64 / 1_000.0),
    }
}

/// The beginning of a text that is longer than that.
pub(crate) fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    let kept: String = text.chars().take(length - 1).collect();
    format!("{}…", kept.trim_end())
}

/// What `stringify!` gives, as it would stand on one line.
pub(crate) fn one_line(code: &str) -> String {
    let mut line = String::new();
    for word in code.split_whitespace() {
        let goes_on = word.starts_with('.') && !word.starts_with("..");
        if !line.is_empty() && !goes_on {
            line.push(' ');
        }
        line.push_str(word);
    }
    line.replace("( ", "(")
        .replace(", )", ")")
        .replace(" )", ")")
}

/// Code on one line, or if that is too long with all that comes behind `find` on a second.
fn code_lines(code: &str) -> Vec<String> {
    let line = one_line(code);
    let second = [".sort(", ".aggregate("]
        .iter()
        .filter_map(|word| line.find(word))
        .min();
    match second {
        Some(at) if line.chars().count() + INDENT.len() > WIDTH => {
            vec![line[..at].to_owned(), format!("    {}", &line[at..])]
        }
        _ if line.is_empty() => Vec::new(),
        _ => vec![line],
    }
}
