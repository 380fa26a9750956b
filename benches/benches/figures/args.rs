//! What the command line says.

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Objects in a store.
    pub(crate) objects: usize,
    /// Objects in the store that shows growth.
    pub(crate) grown: usize,
    /// Rounds of a comparison of gets or puts.
    pub(crate) rounds: usize,
    /// Gets in a round.
    pub(crate) gets: usize,
    /// Puts in a round.
    pub(crate) puts: usize,
    /// Rounds of a comparison of finds.
    pub(crate) find_rounds: usize,
    /// Gets or puts over a connection in a round.
    pub(crate) trips: usize,
}

const FULL: Scale = Scale {
    objects: 100_000,
    grown: 1_000_000,
    rounds: 60,
    gets: 20_000,
    puts: 500,
    find_rounds: 80,
    trips: 500,
};

const QUICK: Scale = Scale {
    objects: 20_000,
    grown: 60_000,
    rounds: 20,
    gets: 10_000,
    puts: 200,
    find_rounds: 20,
    trips: 100,
};

/// The command line.
#[derive(Debug)]
pub(crate) struct Args {
    /// `--quick`, or not.
    pub(crate) scale: Scale,
    /// Whether a short figure fails the run.
    pub(crate) strict: bool,
    asked: Vec<String>,
}

impl Args {
    /// Reads it; nothing if this is not `cargo bench`.
    pub(crate) fn read(
        args: impl Iterator<Item = String>,
        known: &[&str],
    ) -> Result<Option<Self>, String> {
        let mut bench = false;
        let mut read = Self {
            scale: FULL,
            strict: false,
            asked: Vec::new(),
        };
        for arg in args {
            match arg.as_str() {
                "--bench" => bench = true,
                "--quick" => read.scale = QUICK,
                "--strict" => read.strict = true,
                id if known.contains(&id) => read.asked.push(arg),
                _ => {
                    return Err(format!(
                        "`{arg}` is none of {}, --quick, --strict",
                        known.join(", ")
                    ));
                }
            }
        }
        Ok(bench.then_some(read))
    }

    /// Whether a figure was asked for; all are if none was named.
    pub(crate) fn asks_for(&self, id: &str) -> bool {
        self.asked.is_empty() || self.asked.iter().any(|asked| asked == id)
    }
}
