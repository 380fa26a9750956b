//! What the program says of its arguments.

use std::ffi::OsString;

use directory::{Config, Failure, Place, USAGE, serve};

fn read(arguments: &[&str]) -> Result<Option<Config>, String> {
    let arguments = arguments.iter().map(OsString::from);
    Config::read(arguments).map_err(|failure| match failure {
        Failure::Usage(message) => message,
        other => panic!("{other}"),
    })
}

#[test]
fn arguments_are_read_in_both_spellings() {
    assert_eq!(read(&[]).unwrap().unwrap(), Config::default());
    assert_eq!(read(&["--listen", "[::1]:80", "--help"]).unwrap(), None);
    let config = read(&[
        "--store=redis://h",
        "--database",
        "a b.sqlite",
        "--listen=0.0.0.0:0",
    ]);
    let config = config.unwrap().unwrap();
    assert_eq!(config.store, "redis://h");
    assert_eq!(config.database, Place::File("a b.sqlite".into()));
    assert_eq!(config.listen, "0.0.0.0:0");
    for option in ["--store", "--database", "--listen", "--help"] {
        assert!(USAGE.contains(option));
    }
}

#[test]
fn wrong_arguments_are_told() {
    for (arguments, said) in [
        (&["--verbose"][..], "there is no option `--verbose`"),
        (&["people"], "there is no option `people`"),
        (&["--store"], "`--store` needs a value behind it"),
        (&["--database="], "`--database` needs a value behind it"),
        (
            &["--listen", "3000"],
            "`--listen 3000` is no address; one is like `127.0.0.1:3000`",
        ),
        (
            &["--store", "redis://127.0.0.1"],
            "a store that programs share needs a database that they share: `--database FILE`",
        ),
    ] {
        assert_eq!(read(arguments), Err(said.to_owned()));
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_told() {
    let failure = async |change: fn(&mut Config)| {
        let mut config = Config::default();
        config.listen = "127.0.0.1:0".to_owned();
        change(&mut config);
        serve(config).await.unwrap_err().to_string()
    };
    let database =
        failure(|config| config.database = Place::File("/nowhere/x.sqlite".into())).await;
    assert!(database.starts_with("the database: "), "{database}");
    let store = failure(|config| config.store = "memory://?colour=red".to_owned()).await;
    assert!(
        store.starts_with("the cache: ") && store.contains("colour"),
        "{store}"
    );
    let address = failure(|config| config.listen = "192.0.2.1:1".to_owned()).await;
    assert!(
        address.starts_with("nothing can be served at 192.0.2.1:1: "),
        "{address}"
    );
}
