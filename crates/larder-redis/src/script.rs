//! The scripts that write entries: what has to happen in one go, on the server.
//!
//! They stand in `script/`, each with what it takes and answers; `prelude.lua` is what all begin
//! with. Each takes the caller's time as an argument, so that what has expired by the caller's
//! clock counts as absent whether or not the server has dropped it. A header is written there and
//! nowhere else; see `layout::Header`.

use redis::Cmd;

use crate::layout::Layout;

const PRELUDE: &str = include_str!("script/prelude.lua");

/// A script and its digest.
#[derive(Debug)]
pub(crate) struct Script {
    text: String,
    digest: String,
}

impl Script {
    fn new(body: &str) -> Self {
        let text = format!("{PRELUDE}{body}");
        let digest = redis::Script::new(&text).get_hash().to_owned();
        Self { text, digest }
    }

    /// The command that puts the script where [`call`](Self::call) finds it.
    pub(crate) fn load(&self) -> Cmd {
        let mut cmd = redis::cmd("SCRIPT");
        cmd.arg("LOAD").arg(&self.text);
        cmd
    }

    /// The command that runs the script on `keys` of a model; its arguments go behind them.
    pub(crate) fn call(&self, layout: &Layout, keys: &[String]) -> Cmd {
        let mut cmd = redis::cmd("EVALSHA");
        // All that it touches is named, also where one node has it all.
        cmd.arg(&self.digest)
            .arg(3 + keys.len())
            .arg(&layout.state)
            .arg(&layout.tags)
            .arg(&layout.written)
            .arg(keys);
        cmd
    }
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// All of them.
        #[derive(Debug)]
        pub(crate) struct Scripts {
            $($(#[$doc])* pub(crate) $name: Script,)*
        }

        impl Scripts {
            pub(crate) fn new() -> Self {
                Self {
                    $($name: Script::new(include_str!(concat!("script/", stringify!($name), ".lua"))),)*
                }
            }
        }
    };
}

scripts! {
    /// Stores an entry.
    put,
    /// Removes an entry; puts up and takes down fences.
    remove,
    /// Gives an entry another lifetime.
    touch,
    /// Removes what Larder did not write.
    heal,
    /// Reads an entry that may have been invalidated.
    look,
    /// Asks for a lease.
    begin,
    /// Gives a lease back.
    release,
    /// Ends all leases and absences.
    epoch,
    /// Invalidates tags.
    invalidate,
    /// Removes several entries.
    depart,
    /// Has writes end what was made from a model.
    depend,
    /// Begins to watch.
    mark,
    /// Whether nothing left.
    still,
}
