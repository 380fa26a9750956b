//! What is promised about the workspace itself: which crate may know which, what a build brings
//! along, what features are called, and that the documents are true.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use larder::redis::RedisBuilder;
use larder::{CacheStore, CachedFn, Capability, EmbeddedStore, Store, SystemClock};
use larder_testkit::ReferenceStore;
use larder_testkit::server::{Kind, offline, shared};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The crates that others are made of: the vocabulary, and the macros that write it.
const BASE: [&str; 2] = ["larder-core", "larder-derive"];
const FACADE: &str = "larder";
const CORE: &str = "larder-core";
/// Packages, and the first words of packages, that only servers and their clients need.
const NETWORK: [&str; 12] = [
    "axum", "combine", "h2", "hickory", "hyper", "mio", "native", "openssl", "redis", "reqwest",
    "rustls", "socket2",
];

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap().to_path_buf()
});

static WORKSPACE: LazyLock<Metadata> = LazyLock::new(|| {
    MetadataCommand::new()
        .current_dir(&*ROOT)
        .no_deps()
        .other_options(["--offline".to_owned(), "--locked".to_owned()])
        .exec()
        .unwrap()
});

fn package(name: &str) -> &'static Package {
    let mut packages = WORKSPACE.packages.iter();
    packages
        .find(|package| *package.name == name)
        .unwrap_or_else(|| panic!("no package is called {name}"))
}

fn names() -> BTreeSet<&'static str> {
    let packages = WORKSPACE.packages.iter();
    packages.map(|package| package.name.as_str()).collect()
}

/// The crates that are published, that is, all under `crates/`.
fn published() -> impl Iterator<Item = &'static Package> {
    let packages = WORKSPACE.packages.iter();
    packages.filter(|package| package.manifest_path.starts_with(ROOT.join("crates")))
}

/// What a package is built with, tests aside, of this workspace.
fn siblings(package: &Package) -> BTreeSet<&str> {
    let names = names();
    let dependencies = package.dependencies.iter();
    dependencies
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| names.contains(name))
        .collect()
}

/// The packages of a build, each with the features that are on, by `cargo tree`.
fn tree(package: &str, options: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .current_dir(&*ROOT)
        .args([
            "tree",
            "--offline",
            "--locked",
            "-e",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--no-dedupe", "-f", "{p}|{f}", "-p", package])
        .args(options)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (id, features) = line.split_once('|').unwrap();
        let name = id.split(' ').next().unwrap().to_owned();
        let on = features.split(',').filter(|name| !name.is_empty());
        packages
            .entry(name)
            .or_default()
            .extend(on.map(str::to_owned));
    }
    packages
}

/// Every file below the root with this extension, build output and hidden folders aside.
fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![ROOT.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|is| is == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<(PathBuf, String)> {
    let paths = files("md").into_iter();
    let documents: Vec<_> = paths
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect();
    assert!(
        documents
            .iter()
            .any(|(path, _)| path.ends_with("docs/ARCHITECTURE.md"))
    );
    documents
}

fn shown(path: &Path) -> String {
    path.strip_prefix(&*ROOT)
        .unwrap_or(path)
        .display()
        .to_string()
}

/// The targets of a document's links, those in examples aside.
fn links(text: &str) -> Vec<String> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.to_string())
            }
            _ => None,
        })
        .collect()
}

/// The names that a document's headings are linked by, made as GitHub makes them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let title = heading.take().unwrap_or_default().to_lowercase();
                let kept = title
                    .chars()
                    .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                anchors.insert(kept.collect::<String>().replace(' ', "-"));
            }
            _ => {}
        }
    }
    anchors
}

/// A path without `.` and `..`, looking at no file.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// What is wrong with a link in the document at `from`, if anything is.
fn broken(from: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = match target.split_once('#') {
        Some((file, anchor)) => (file, Some(anchor)),
        None => (target, None),
    };
    let path = match file {
        "" => from.to_path_buf(),
        file => plain(&from.parent().unwrap().join(file)),
    };
    let wrong = |what: &str| Some(format!("{}: `{target}` {what}", shown(from)));
    if !path.starts_with(&*ROOT) {
        return wrong("leads out of the repository");
    }
    if !path.exists() {
        return wrong("is not there");
    }
    let anchor = anchor.filter(|_| path.extension().is_some_and(|is| is == "md"))?;
    let there = anchors(&fs::read_to_string(&path).unwrap()).contains(anchor);
    if there {
        None
    } else {
        wrong("is no heading there")
    }
}

/// The words of a text that could be names of this workspace's crates.
fn crate_names(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
        .filter(|word| word.starts_with("larder-") || word.starts_with("larder_"))
        .map(|word| word.trim_end_matches(['-', '_']).replace('_', "-"))
        .collect()
}

/// The yes and no of a capability, by the names of its fields.
fn table_of(capability: &Capability) -> BTreeMap<String, bool> {
    let text = format!("{capability:?}");
    let fields = text
        .trim_start_matches("Capability { ")
        .trim_end_matches(" }");
    let table: BTreeMap<_, _> = fields
        .split(", ")
        .filter_map(|field| {
            let (name, value) = field.split_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect();
    assert!(
        table.contains_key("query") && table.contains_key("shared"),
        "{text}"
    );
    table
}

/// The README's table of capabilities: for each store named in its head, yes and no by name.
fn table_in(readme: &str) -> BTreeMap<String, BTreeMap<String, bool>> {
    let cells = |line: &str| -> Vec<String> {
        let inner = line.trim().trim_matches('|');
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let mut lines = readme
        .lines()
        .skip_while(|line| !line.starts_with("| capability |"))
        .take_while(|line| line.starts_with('|'));
    let head = cells(lines.next().expect("a table that begins `| capability |`"));
    let mut table: BTreeMap<String, BTreeMap<String, bool>> = BTreeMap::new();
    for line in lines.skip(1) {
        let row = cells(line);
        assert_eq!(row.len(), head.len(), "{line}");
        let name = row[0].split('`').nth(1).expect("a field of `Capability`");
        for (store, cell) in head.iter().zip(&row).skip(1) {
            let value = match &**cell {
                "yes" => true,
                "no" => false,
                other => panic!("`{other}` is neither yes nor no: {line}"),
            };
            let known = table.entry(store.clone()).or_default();
            assert_eq!(known.insert(name.to_owned(), value), None, "twice: {line}");
        }
    }
    table
}

#[test]
fn siblings_never_depend_on_each_other() {
    let base = BTreeSet::from(BASE);
    assert!(published().count() >= 5);
    for package in published() {
        let known = siblings(package);
        match package.name.as_str() {
            FACADE => assert!(known.contains(CORE)),
            name if base.contains(name) => assert_eq!(known, BTreeSet::new(), "of {name}"),
            name => {
                let strangers: Vec<_> = known.difference(&base).collect();
                assert!(strangers.is_empty(), "{name} depends on {strangers:?}");
            }
        }
    }
}

#[test]
fn only_the_facade_is_built_by_default() {
    let members = WORKSPACE.workspace_default_packages();
    let members: Vec<_> = members
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    assert_eq!(members, [FACADE]);
}

#[test]
fn an_embedded_only_build_brings_no_network_along() {
    let packages = tree(FACADE, &[]);
    assert!(packages.contains_key("tantivy") && packages.contains_key("moka"));
    for name in packages.keys() {
        let network = NETWORK
            .iter()
            .any(|network| name.split_once('-').map_or(&**name, |(first, _)| first) == *network);
        assert!(!network, "{name} is part of an embedded-only build");
    }
    let tokio = packages.get("tokio").into_iter().flatten();
    let network: Vec<_> = tokio
        .filter(|on| matches!(&***on, "net" | "full"))
        .collect();
    assert!(network.is_empty(), "tokio has {network:?}");
}

#[test]
fn an_embedded_only_build_compiles_no_codec() {
    let packages = tree(FACADE, &[]);
    for codec in ["bincode", "postcard", "rmp-serde"] {
        assert!(!packages.contains_key(codec), "{codec} is compiled");
    }
}

/// A program that has neither store: asks for a few, and prints the errors.
const WITHOUT_STORES: &str = r#"
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn main() {
    for url in std::env::args().skip(1) {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(larder::connect(&url)).poll(&mut context) {
            Poll::Ready(Err(error)) => println!("{error}"),
            _ => panic!("there is a store"),
        }
    }
}
"#;

#[test]
fn a_build_without_a_store_says_which_feature_to_turn_on() {
    // Tests have all features on, so this one is of a package of its own.
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("without-stores");
    fs::create_dir_all(package.join("src")).unwrap();
    let manifest = format!(
        "[workspace]\n[package]\nname = \"without-stores\"\nedition = \"2024\"\n\
         [dependencies]\nlarder = {{ path = {:?}, default-features = false }}\n",
        ROOT.join("crates/larder")
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    fs::write(package.join("src/main.rs"), WITHOUT_STORES).unwrap();
    fs::copy(ROOT.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let output = Command::new(env!("CARGO"))
        .current_dir(&package)
        .args(["run", "--quiet", "--offline", "--"])
        .args(["redis://:s3cret@host", "rediss://host", "memory://"])
        .env("CARGO_TARGET_DIR", package.join("target"))
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}");
    let out = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 3, "{out}");
    for (line, scheme) in lines.iter().zip(["redis", "rediss", "memory"]) {
        let begin = format!("invalid config: there is no backend for `{scheme}://`; ");
        assert!(line.starts_with(&begin), "{line}");
        for part in [
            "feature `embedded`",
            "`memory://`",
            "`redis` for `redis://`",
        ] {
            assert!(line.contains(part), "{line}");
        }
        assert!(!line.contains("s3cret"), "{line}");
    }
}

#[test]
fn core_without_features_has_none_of_its_optional_dependencies() {
    let packages = tree(CORE, &["--no-default-features", "--depth", "1"]);
    let dependencies = package(CORE).dependencies.iter();
    let (optional, always): (Vec<_>, Vec<_>) = dependencies
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .partition(|dependency| dependency.optional);
    assert!(!optional.is_empty());
    for dependency in optional {
        assert!(
            !packages.contains_key(&dependency.name),
            "{} is there",
            dependency.name
        );
    }
    for dependency in always {
        assert!(
            packages.contains_key(&dependency.name),
            "{} is not there",
            dependency.name
        );
    }
}

#[test]
fn the_facade_without_features_has_neither_store_nor_macros() {
    let packages = tree(FACADE, &["--no-default-features"]);
    let ours: Vec<_> = packages
        .keys()
        .filter(|name| name.starts_with("larder"))
        .collect();
    assert_eq!(ours, [FACADE, CORE]);
}

#[test]
fn features_of_the_facade_are_the_suffixes_of_crates_or_features_of_core() {
    let facade = package(FACADE);
    let source = fs::read_to_string(ROOT.join("crates/larder/src/lib.rs")).unwrap();
    let crates: BTreeSet<_> = siblings(facade)
        .into_iter()
        .filter(|name| *name != CORE)
        .collect();
    for (feature, turns_on) in &facade.features {
        let suffixed = format!("larder-{feature}");
        if feature == "default" {
            assert_eq!(turns_on, &["derive", "embedded"]);
        } else if crates.contains(&*suffixed) {
            assert!(
                turns_on.contains(&format!("dep:{suffixed}")),
                "feature {feature}"
            );
        } else {
            // Of core, and of each other crate that has it, if that crate is on.
            let mut expected = vec![format!("{CORE}/{feature}")];
            let others = crates.iter();
            expected.extend(
                others
                    .filter(|name| package(name).features.contains_key(feature))
                    .map(|name| format!("{name}?/{feature}")),
            );
            assert_eq!(turns_on, &expected, "feature {feature}");
        }
    }
    for name in crates {
        let suffix = name.trim_start_matches("larder-");
        assert!(
            facade.features.contains_key(suffix),
            "{name} has no feature"
        );
        let module = format!(
            "pub use {} as {};",
            name.replace('-', "_"),
            suffix.replace('-', "_")
        );
        assert!(
            suffix == "derive" || source.contains(&module),
            "no `{module}`"
        );
    }
    for feature in package(CORE).features.keys() {
        assert!(
            facade.features.contains_key(feature),
            "core's {feature} is not passed on"
        );
    }
}

#[test]
fn every_crate_shares_edition_version_licence_and_lints() {
    for package in &WORKSPACE.packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        for line in [
            "version.workspace = true",
            "edition.workspace = true",
            "rust-version.workspace = true",
            "license.workspace = true",
            "[lints]\nworkspace = true",
        ] {
            assert!(manifest.contains(line), "{} lacks `{line}`", package.name);
        }
        let published = package.manifest_path.starts_with(ROOT.join("crates"));
        assert_eq!(published, package.publish.is_none(), "{}", package.name);
        assert!(
            !published || package.description.is_some(),
            "{}",
            package.name
        );
    }
}

#[test]
fn no_module_file_is_called_mod() {
    let sources = files("rs");
    assert!(
        sources
            .iter()
            .any(|path| path.ends_with("larder-core/src/lib.rs"))
    );
    let wrong: Vec<_> = sources
        .iter()
        .filter(|path| path.ends_with("mod.rs"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn no_example_in_the_docs_is_ignored() {
    for path in files("rs") {
        for line in fs::read_to_string(&path).unwrap().lines() {
            let doc = line.trim_start().strip_prefix("///").map(str::trim_start);
            let fence = doc.and_then(|doc| doc.strip_prefix("```"));
            let ignored = fence.is_some_and(|fence| fence.split(',').any(|tag| tag == "ignore"));
            assert!(!ignored, "{}: {line}", shown(&path));
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut relative = 0;
    let mut wrong = Vec::new();
    for (path, text) in documents() {
        for target in links(&text) {
            relative += usize::from(!target.contains("://"));
            wrong.extend(broken(&path, &target));
        }
    }
    assert!(relative > 10, "only {relative} links were looked at");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_broken_link_is_noticed() {
    let readme = ROOT.join("README.md");
    assert_eq!(
        links("[a](b.md) `[c](d.md)`\n\n```\n[e](f.md)\n```\n"),
        ["b.md"]
    );
    assert_eq!(broken(&readme, "docs/adr"), None);
    assert_eq!(broken(&readme, "#larder"), None);
    assert!(broken(&readme, "docs/nowhere.md").is_some());
    assert!(broken(&readme, "#nowhere").is_some());
    assert!(broken(&readme, "../elsewhere.md").is_some());
}

#[test]
fn crates_named_in_documents_exist() {
    let names = names();
    let series = column("docs/OBSERVABILITY.md", 0);
    let series: BTreeSet<String> = series.iter().map(|name| name.replace('_', "-")).collect();
    let mut seen = BTreeSet::new();
    for (path, text) in documents() {
        for name in crate_names(&text) {
            if series.contains(&*name) {
                continue;
            }
            assert!(names.contains(&*name), "{} names {name}", shown(&path));
            seen.insert(name);
        }
    }
    assert!(seen.contains(CORE));
}

#[test]
fn the_architecture_names_every_crate() {
    let text = fs::read_to_string(ROOT.join("docs/ARCHITECTURE.md")).unwrap();
    let mut named = crate_names(&text);
    named.insert(FACADE.to_owned());
    for package in published() {
        assert!(
            named.contains(package.name.as_str()),
            "{} is not named",
            package.name
        );
    }
}

#[test]
fn decisions_bear_the_number_of_their_file() {
    let mut numbers = BTreeSet::new();
    for entry in fs::read_dir(ROOT.join("docs/adr")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let number: u32 = name.split('-').next().unwrap().parse().unwrap();
        assert!(name.starts_with(&format!("{number:04}-")), "{name}");
        assert!(numbers.insert(number), "two decisions are number {number}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("# {number}. ")), "{name}");
        for part in ["**Context.**", "**Decision.**"] {
            assert!(text.contains(part), "{name} has no {part}");
        }
    }
    assert!(numbers.contains(&1));
}

/// What the store on a server of this kind can do.
async fn redis_capability(kind: Kind) -> Capability {
    let builder = RedisBuilder::from_url(&shared(kind).url()).unwrap();
    // Nothing is written but what the self-test takes away again.
    let store = builder.namespace("readme").connect().await.unwrap();
    store.capability().clone()
}

#[tokio::test]
async fn the_readme_says_what_the_stores_can_do() {
    let readme = fs::read_to_string(ROOT.join("README.md")).unwrap();
    let mut table = table_in(&readme);
    let embedded = EmbeddedStore::builder().build().unwrap();
    let reference = ReferenceStore::new(SystemClock);
    let mut stores = vec![
        ("embedded", "embedded", embedded.capability().clone()),
        ("reference", "reference", reference.capability().clone()),
    ];
    for (column, kind) in [
        ("redis", Kind::RedisSearch),
        ("redis without search", Kind::Plain),
    ] {
        if offline(&format!("whether the README is right of {column}")) {
            assert!(table.remove(column).is_some(), "{column}");
        } else {
            stores.push((column, "redis", redis_capability(kind).await));
        }
    }
    for (column, name, capability) in stores {
        assert_eq!(capability.name, name);
        let said = table.remove(column);
        assert_eq!(said, Some(table_of(&capability)), "{column}");
    }
    assert!(table.is_empty(), "nobody checks {:?}", table.keys());
}

/// What stands in backticks in one column of the tables of a document.
fn column(document: &str, number: usize) -> BTreeSet<String> {
    let text = fs::read_to_string(ROOT.join(document)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.trim_matches('|').split(" |").nth(number));
    let names = cells.filter_map(|cell| cell.trim().strip_prefix('`')?.strip_suffix('`'));
    names.map(str::to_owned).collect()
}

#[test]
fn the_table_of_policies_is_the_group_of_their_rules() {
    let rules = fs::read_to_string(ROOT.join("crates/larder-testkit/src/rules.rs")).unwrap();
    let group = rules.split("policies {").nth(1).unwrap();
    let group = group.split('}').next().unwrap();
    let rules = group
        .split(',')
        .map(str::trim)
        .filter(|rule| !rule.is_empty());
    let rules = rules.map(|rule| rule.split('(').next().unwrap().to_owned());
    assert_eq!(column("docs/POLICIES.md", 2), rules.collect());
}

#[test]
fn the_tests_that_the_document_of_pages_names_are_there() {
    let text = fs::read_to_string(ROOT.join("docs/PAGES.md")).unwrap();
    let sources = files("rs").into_iter();
    let sources = sources.filter(|path| path.starts_with(ROOT.join("tests/tests/pages")));
    let sources: String = sources
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let named = text.split('`').skip(1).step_by(2);
    let is_test = |name: &&str| name.matches('_').count() > 3 && !name.contains([' ', '\n']);
    let named: BTreeSet<_> = named.filter(is_test).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "no test {name}");
    }
}

#[test]
fn the_series_in_the_documents_are_those_recorded() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let store = ReferenceStore::new(SystemClock);
            let words: CachedFn<u64, u64> =
                CachedFn::builder(Arc::new(store) as Store, "counted", |number| async move {
                    Ok::<_, std::io::Error>(number)
                })
                .build()
                .await
                .unwrap();
            assert_eq!(*words.call(7).await.unwrap(), 7);
            words.stats().await.unwrap();
        });
    });
    let mut recorded = BTreeSet::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        for label in key.labels() {
            assert!(
                ["model", "store", "reason", "result"].contains(&label.key()),
                "{key}"
            );
            assert_ne!(label.value(), "7", "{key}");
        }
        let loads = key.name() == "larder_loads_total";
        assert!(!loads || value == DebugValue::Counter(1), "{value:?}");
        recorded.insert(key.name().to_owned());
    }
    assert_eq!(column("docs/OBSERVABILITY.md", 0), recorded);
}
