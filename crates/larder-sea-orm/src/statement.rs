//! What a statement writes, as far as its text tells.

/// What a statement may have written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Nothing,
    /// This table, in lower case.
    Table(String),
    /// Any table.
    Anything,
}

/// What rows may be written by. Names of tables and columns may hold them too: then a statement
/// is taken for more than it is, never for less.
const WRITES: [&str; 11] = [
    "insert", "update", "delete", "replace", "merge", "truncate", "copy", "call", "do", "drop",
    "execute",
];

impl Written {
    /// What a statement writes. One that begins with `SELECT` writes nothing: what the functions
    /// it calls may do, nobody can tell.
    pub(crate) fn by(sql: &str) -> Self {
        let sql = sql.trim_start().trim_end_matches([';', ' ', '\n', '\t']);
        let several = sql.contains(';');
        let text = sql.to_lowercase();
        let mut words = text
            .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .filter(|word| !word.is_empty());
        let begin = text.trim_start_matches(['(', ' ', '\n', '\t']);
        if !several && begin.starts_with("select") {
            return Self::Nothing;
        }
        if !words.any(|word| WRITES.contains(&word)) {
            return Self::Nothing;
        }
        let table = match several {
            true => None,
            false => table(&text),
        };
        table.map_or(Self::Anything, Self::Table)
    }

    pub(crate) fn may_be(&self, table: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Table(written) => written == table,
            Self::Anything => true,
        }
    }
}

/// The table of a plain `INSERT INTO`, `UPDATE` or `DELETE FROM`.
fn table(text: &str) -> Option<String> {
    let rest = ["insert into ", "replace into ", "update ", "delete from "]
        .iter()
        .find_map(|begin| text.strip_prefix(begin))?;
    let mut rest = rest.trim_start();
    loop {
        let (name, behind) = name(rest)?;
        // A name behind a dot is the table's; the one before, its schema's.
        match behind.strip_prefix('.') {
            Some(behind) => rest = behind,
            None => return behind.starts_with([' ', '(', '\n', '\t']).then_some(name),
        }
    }
}

/// The name at the beginning of a text, and what is behind it.
fn name(text: &str) -> Option<(String, &str)> {
    let quote = match text.chars().next()? {
        quote @ ('"' | '`') => quote,
        _ => {
            let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
            let (name, behind) = text.split_at(end);
            // `UPDATE OR IGNORE`, `UPDATE ONLY`, `LOW_PRIORITY` and their like.
            let is_name =
                !name.is_empty() && !["or", "only", "low_priority", "ignore"].contains(&name);
            return is_name.then(|| (name.to_owned(), behind));
        }
    };
    let rest = &text[1..];
    let end = rest.find(quote)?;
    let behind = &rest[end + 1..];
    // A quote within a name is written twice.
    (!behind.starts_with(quote)).then(|| (rest[..end].to_owned(), behind))
}

#[cfg(test)]
mod tests {
    use super::Written;

    fn table(name: &str) -> Written {
        Written::Table(name.to_owned())
    }

    #[test]
    fn a_plain_statement_writes_its_table() {
        for (sql, written) in [
            (r#"INSERT INTO "user" ("name") VALUES ($1)"#, "user"),
            (r#"UPDATE "app"."user" SET "name" = $1"#, "user"),
            ("DELETE FROM `User` WHERE id = 1;", "user"),
            ("insert into user(name) values (1)", "user"),
            ("update people set name = 'select'", "people"),
        ] {
            assert_eq!(Written::by(sql), table(written), "{sql}");
        }
    }

    #[test]
    fn what_is_not_understood_may_write_anything() {
        for sql in [
            "WITH gone AS (DELETE FROM user RETURNING *) SELECT * FROM gone",
            "UPDATE OR IGNORE user SET name = ''",
            "UPDATE ONLY user SET name = ''",
            "TRUNCATE user",
            "INSERT INTO \"a\"\"b\" VALUES (1)",
            "SELECT 1; DELETE FROM user",
            "CALL tidy()",
            "-- select\nUPDATE user SET name = ''",
            "/* select */ DELETE FROM user",
        ] {
            assert_eq!(Written::by(sql), Written::Anything, "{sql}");
        }
    }

    #[test]
    fn a_question_writes_nothing() {
        for sql in [
            "SELECT * FROM user FOR UPDATE",
            "WITH all_users AS (SELECT * FROM user) SELECT * FROM all_users",
            "PRAGMA table_info(user)",
            "CREATE TABLE user (id INTEGER PRIMARY KEY)",
        ] {
            assert_eq!(Written::by(sql), Written::Nothing, "{sql}");
        }
    }
}
