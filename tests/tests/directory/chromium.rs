//! A Chromium: found on `PATH`, or installed where that is one command, and driven.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Instant;

use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::input::InsertTextParams;
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures_lite::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;

use crate::site::{BETWEEN_LOOKS, PATIENCE};

/// What it is called, in the order in which it is looked for.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// How Debian installs it.
const INSTALL: [&[&str]; 2] = [
    &["apt-get", "update"],
    &[
        "apt-get",
        "install",
        "--yes",
        "--no-install-recommends",
        "chromium",
    ],
];

/// How one is come by.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// It is here.
    Found(PathBuf),
    /// It can be installed.
    Install,
    /// It cannot be had, and this is what to do.
    Nowhere(String),
}

impl Way {
    fn of(path: &OsStr, is_root: bool, has_apt: bool) -> Self {
        let folders = || env::split_paths(path);
        let candidates = NAMES
            .iter()
            .flat_map(|name| folders().map(move |folder| folder.join(name)));
        match candidates
            .into_iter()
            .find(|candidate| is_program(candidate))
        {
            Some(found) => Self::Found(found),
            None if is_root && has_apt => Self::Install,
            None => Self::Nowhere(format!(
                "no browser: none of {} is on PATH. Install Chromium (on Debian `apt-get install \
                 chromium`, which this test does by itself as root), or set LARDER_TESTS=offline \
                 to leave tests in a browser out",
                NAMES.join(", ")
            )),
        }
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Says something past the harness, which keeps the output of tests to itself.
fn say(text: &str) {
    // If this fails, there is nowhere left to say so.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// The browser, looked for once.
fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let find = || {
        let path = env::var_os("PATH").unwrap_or_default();
        let has_apt = Path::new("/etc/debian_version").exists()
            && env::split_paths(&path).any(|folder| is_program(&folder.join("apt-get")));
        Way::of(&path, is_root(), has_apt)
    };
    let program = PROGRAM.get_or_init(|| match find() {
        Way::Found(program) => program,
        Way::Nowhere(why) => panic!("{why}"),
        Way::Install => {
            say("no browser is on PATH: Debian's chromium is installed with apt-get");
            for command in INSTALL {
                run(command);
            }
            match find() {
                Way::Found(program) => program,
                way => panic!("chromium was installed and is not on PATH: {way:?}"),
            }
        }
    });
    program.clone()
}

fn run(command: &[&str]) {
    let output = Command::new(command[0])
        .args(&command[1..])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`{}`: {errors}", command.join(" "));
}

/// A browser with one page open.
pub(crate) struct Chromium {
    browser: Browser,
    pub(crate) page: Page,
    events: JoinHandle<()>,
    folder: PathBuf,
}

impl Chromium {
    /// Starts one, with nothing remembered.
    pub(crate) async fn start(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("chromium-{name}-{}", std::process::id()));
        let mut config = BrowserConfig::builder()
            .chrome_executable(program())
            .new_headless_mode()
            .window_size(1360, 900)
            .viewport(None)
            .user_data_dir(&folder)
            .launch_timeout(PATIENCE)
            .request_timeout(PATIENCE)
            .enable_cache()
            .args(["disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"]);
        if is_root() {
            // Its sandbox refuses to work for root.
            config = config.no_sandbox();
        }
        let (browser, mut handler) = Browser::launch(config.build().unwrap()).await.unwrap();
        let events = tokio::spawn(async move {
            // What cannot be read is of a newer protocol, and nothing that was asked for.
            while handler.next().await.is_some() {}
        });
        let page = browser.new_page("about:blank").await.unwrap();
        // What goes wrong in a page is kept there, to be asked for.
        page.evaluate_on_new_document(
            "window.wrongs = [];
             addEventListener('error', (e) => wrongs.push(e.message || e.target.src || e.target.href), true);
             addEventListener('unhandledrejection', (e) => wrongs.push(String(e.reason)));
             document.addEventListener('securitypolicyviolation', (e) => wrongs.push(`${e.violatedDirective} ${e.blockedURI}`));",
        )
        .await
        .unwrap();
        Self {
            browser,
            page,
            events,
            folder,
        }
    }

    /// Opens an address, and waits until the panel is there.
    pub(crate) async fn open(&self, url: &str) {
        self.page.goto(url).await.unwrap();
        self.until("document.readyState === 'complete' && document.querySelector('#panel figure')")
            .await;
    }

    /// What an expression is.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, expression: &str) -> T {
        let answer = self.page.evaluate_expression(expression).await;
        let answer = answer.unwrap_or_else(|error| panic!("{expression}: {error}"));
        let value = answer.into_value();
        value.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let began = Instant::now();
        let check = format!("Boolean({expression})");
        loop {
            // While a page goes and the next one comes, nobody answers.
            let answer = self.page.evaluate_expression(check.as_str()).await;
            if answer.is_ok_and(|answer| answer.into_value().unwrap_or(false)) {
                return;
            }
            if began.elapsed() > PATIENCE {
                let page = self.page.content().await;
                panic!("it never came about that {expression}: {page:?}");
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let body = self.page.find_element("body").await.unwrap();
        body.press_key(key).await.unwrap();
    }

    /// Types, wherever the focus is, each letter by itself.
    pub(crate) async fn type_text(&self, text: &str) {
        for letter in text.chars().map(String::from) {
            if letter.is_ascii() {
                self.press(&letter).await;
            } else {
                // There is no key for it; it comes as from an input method.
                let letter = InsertTextParams::new(letter);
                self.page.execute(letter).await.unwrap();
            }
        }
    }

    pub(crate) async fn click(&self, selector: &str) {
        let element = self.page.find_element(selector).await.unwrap();
        element.click().await.unwrap();
    }

    /// A window of this width and height, on a phone if it is a narrow one.
    pub(crate) async fn resize(&self, width: i64, height: i64) {
        let is_phone = width < 600;
        let scale = if is_phone { 2.0 } else { 1.0 };
        let metrics = SetDeviceMetricsOverrideParams::new(width, height, scale, is_phone);
        self.page.execute(metrics).await.unwrap();
    }

    pub(crate) async fn prefer(&self, feature: &str, value: &str) {
        let feature = MediaFeature::new(feature, value);
        self.page
            .emulate_media_features(vec![feature])
            .await
            .unwrap();
    }

    /// Keeps a picture of the whole page in the target directory.
    pub(crate) async fn picture(&self, name: &str) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("directory-{name}.png"));
        let whole = ScreenshotParams::builder().full_page(true).build();
        self.page.save_screenshot(whole, path).await.unwrap();
    }

    /// Ends it, after a look at what went wrong in the last page.
    pub(crate) async fn stop(mut self) {
        self.is_well().await;
        self.browser.close().await.unwrap();
        self.browser.wait().await.unwrap();
        self.events.abort();
        // What is left of it is in the target directory.
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Nothing went wrong in this page.
    pub(crate) async fn is_well(&self) {
        let wrongs: Vec<String> = self.ask("window.wrongs ?? []").await;
        assert!(wrongs.is_empty(), "{wrongs:?}");
    }
}

#[test]
fn a_browser_on_the_path_is_taken_in_order() {
    let root = crate::site::file("browsers");
    let _ = fs::remove_dir_all(&root);
    let (one, two) = (root.join("one"), root.join("two"));
    for folder in [&one, &two] {
        fs::create_dir_all(folder).unwrap();
    }
    let path = env::join_paths([&one, &two]).unwrap();
    assert_eq!(Way::of(&path, true, true), Way::Install);
    for (is_root, has_apt) in [(true, false), (false, true), (false, false)] {
        let Way::Nowhere(why) = Way::of(&path, is_root, has_apt) else {
            panic!("there is none");
        };
        assert!(why.contains("apt-get install chromium") && why.contains("LARDER_TESTS=offline"));
    }
    let make = |path: &Path, mode: u32| {
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    // A file that is no program, and a folder, are passed over.
    make(&one.join("chromium"), 0o644);
    fs::create_dir_all(two.join("chromium-browser")).unwrap();
    assert_eq!(Way::of(&path, true, true), Way::Install);
    make(&one.join("chrome"), 0o755);
    assert_eq!(Way::of(&path, true, true), Way::Found(one.join("chrome")));
    make(&two.join("chromium"), 0o755);
    assert_eq!(
        Way::of(&path, false, false),
        Way::Found(two.join("chromium"))
    );
}

#[test]
fn debian_installs_without_a_question() {
    let install = INSTALL.last().unwrap();
    assert!(install.contains(&"--yes") && install.last() == Some(&"chromium"));
    run(&["true"]);
    let failed =
        std::panic::catch_unwind(|| run(&["sh", "-c", "echo no such package >&2; exit 100"]));
    let failed = failed.unwrap_err();
    let said = failed.downcast_ref::<String>().unwrap();
    assert!(said.contains("no such package"), "{said}");
}
