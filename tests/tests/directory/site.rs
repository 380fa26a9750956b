//! The example, running in this process, and a client of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use directory::{Config, Place, Running, serve};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, redirect};

/// How long a condition is waited for, and how often it is looked at.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const BETWEEN_LOOKS: Duration = Duration::from_millis(25);

/// A file of this name for this run of the tests, with what a former run left removed.
pub(crate) fn file(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("directory-{name}"));
    for ending in ["", "-journal", "-wal", "-shm"] {
        let mut left = path.clone().into_os_string();
        left.push(ending);
        // It may be that none was left.
        let _ = std::fs::remove_file(left);
    }
    path
}

/// An instance, and a client that follows no redirection.
pub(crate) struct Site {
    pub(crate) base: String,
    client: Client,
    _running: Running,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Site {
    /// In memory, and at a free port.
    pub(crate) async fn open() -> Self {
        Self::serving(Config::default()).await
    }

    pub(crate) async fn serving(mut config: Config) -> Self {
        config.listen = "127.0.0.1:0".to_owned();
        let running = serve(config).await.unwrap();
        let client = Client::builder().redirect(redirect::Policy::none());
        Self {
            base: format!("http://{}", running.address()),
            client: client.build().unwrap(),
            _running: running,
        }
    }

    /// On a store that others share, with this database.
    pub(crate) async fn sharing(store: &str, database: &Path) -> Self {
        let mut config = Config::default();
        config.store = store.to_owned();
        config.database = Place::File(database.to_owned());
        Self::serving(config).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(Method::POST, path, &[], Some(form)).await
    }

    /// The form of a person as it is shown.
    pub(crate) async fn form(&self, id: i64) -> Filled {
        let page = self.get(&format!("/people/{id}/edit")).await;
        assert_eq!(page.status, 200);
        let names = ["name", "title", "email", "joined", "version"];
        let inputs = names.map(|name| (name, value_of(&page.body, name)));
        let selects = ["team", "city"].map(|name| (name, chosen_in(&page.body, name)));
        let bio = between(&page.body, "<textarea id=\"bio\"", "</textarea>");
        let bio = bio.split_once('>').unwrap().1.trim_start_matches('\n');
        let mut fields: Vec<(&'static str, String)> = inputs.into_iter().chain(selects).collect();
        fields.push(("bio", plain(bio)));
        Filled(fields)
    }

    /// Changes one field of a person, as somebody does who opens the form and saves it.
    pub(crate) async fn change(&self, id: i64, name: &str, value: &str) {
        let mut form = self.form(id).await;
        form.set(name, value);
        let saved = self.post(&format!("/people/{id}"), &form.pairs()).await;
        assert_eq!(saved.status, 303, "{}", saved.body);
        assert_eq!(saved.header("location"), format!("/people/{id}"));
    }

    /// Asks until the page is kept: on a shared store only what is known to be whole is, and the
    /// people are loaded by a task of the instance's own.
    pub(crate) async fn until_kept(&self, path: &str) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get(path).await;
            if answer.is_hit() {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{path} is not kept: {answer:?}");
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn is_hit(&self) -> bool {
        self.header("cache-status").starts_with("larder; hit")
    }

    /// The names in the list, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let rows = self.body.split("role=\"rowheader\"").skip(1);
        rows.map(|row| plain(between(between(row, "<a ", "/a>"), ">", "<")))
            .collect()
    }

    /// What is said of how many there are.
    pub(crate) fn count(&self) -> String {
        plain(between(&self.body, "<p class=\"count\">", "</p>"))
    }

    /// The page has this heading.
    pub(crate) fn heading(&self) -> String {
        plain(between(&self.body, "<h1>", "</h1>"))
    }
}

/// What is typed into a form.
#[derive(Clone, Debug)]
pub(crate) struct Filled(Vec<(&'static str, String)>);

impl Filled {
    /// Somebody new.
    pub(crate) fn new(name: &str, email: &str) -> Self {
        let fields = [
            ("name", name),
            ("title", "Archivist"),
            ("team", "Research"),
            ("city", "Oslo"),
            ("email", email),
            ("joined", "2024-02-29"),
            ("bio", "Keeps things."),
        ];
        Self(fields.map(|(name, value)| (name, value.to_owned())).into())
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let field = self.0.iter_mut().find(|(field, _)| *field == name);
        value.clone_into(&mut field.unwrap().1);
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let fields = self.0.iter();
        fields
            .map(|(name, value)| (*name, value.as_str()))
            .collect()
    }
}

/// What stands between two texts, the first time.
pub(crate) fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text
        .split_once(begin)
        .unwrap_or_else(|| panic!("no `{begin}` in {text}"));
    rest.split_once(end).unwrap().0
}

/// Escaped text as it was.
pub(crate) fn plain(escaped: &str) -> String {
    let text = escaped.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}

fn value_of(page: &str, name: &str) -> String {
    let input = between(page, &format!("name=\"{name}\" value=\""), "\"");
    plain(input)
}

fn chosen_in(page: &str, name: &str) -> String {
    let select = between(page, &format!("<select id=\"{name}\""), "</select>");
    let (before, _) = select.split_once("\" selected").unwrap();
    plain(before.rsplit_once("value=\"").unwrap().1)
}
