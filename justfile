# What is done with this repository, by name. `just` lists it; `just tools` fetches what is
# called here beside cargo. `.ci/run` is both of `just tools` and `just ci`.

export PATH := justfile_directory() / "target/tools/bin" + ":" + env("PATH")

# The recipes.
default:
    @just --list --unsorted

# Every test and every example in the docs.
test *args:
    cargo test --workspace --all-features {{ args }}

# Clippy over everything, tests and benches too; a warning is an error.
lint:
    cargo clippy --workspace --all-features --all-targets -- -D warnings

# Formats the code.
fmt:
    cargo fmt --all

# Says whether the code is formatted.
fmt-check:
    cargo fmt --all --check

# The documentation of all crates; a warning is an error.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# Every crate without features, and with each of its features alone.
features:
    cargo hack check --workspace --each-feature --exclude-all-features

# Licences, sources and bans of all dependencies, by .deny.toml.
deny:
    cargo deny --config .deny.toml check bans licenses sources

# The RustSec database too. It lies on GitHub, which CI does not reach.
advisories:
    cargo deny --config .deny.toml check advisories

# The example: films in a cache, found in a dozen ways; `just movies --store redis://..` on Redis.
movies *args:
    cargo run --release --example movies -- {{ args }}

# The example of a web service: people, searched and edited, their pages cached.
directory *args:
    cargo run --release -p larder-example-directory -- {{ args }}

# The example of hooks by hand, with sqlx.
sqlx:
    cargo run -p larder-example-sqlx --example sqlx

# Random filters on the embedded store against the evaluator that defines them.
parity cases="200000":
    LARDER_CASES={{ cases }} cargo test --release -p larder-tests --test parity -- --nocapture

# The races in full: 10M raced operations on threads, 1M in four processes on Redis.
races:
    cargo test --release -p larder-tests --test races -- --nocapture

# The figures of speed, each with its goal. Wants a quiet machine.
figures:
    cargo bench -p larder-benches --bench figures

# The same, small and quick: whether the benches still run and say what they should.
figures-quick:
    cargo bench -p larder-benches --no-default-features --bench figures -- --quick G1 G4 G5 G8 G9 G10 G13 G14 G17

# The tools that recipes call, at the versions of .ci/tools, into target/tools.
tools:
    .ci/tools

# All that a submission has to pass.
ci: fmt-check lint docs features deny movies figures-quick test
