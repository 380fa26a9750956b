//! Servers that belong together: a cluster of three, and a sentinel that watches one.

use super::{Builder, Kind, Server};

/// The slots of a cluster of three, a third each.
const SLOTS: [(&str, &str); 3] = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];

/// A cluster of three masters on this machine; dropping it kills them.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts one whose nodes have nothing special about them.
    ///
    /// # Panics
    /// See [`Builder::start_cluster`].
    pub fn start(kind: Kind) -> Self {
        Server::builder(kind).start_cluster()
    }

    /// Its nodes, in the order of their slots.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The address of each node.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// Waits until every node knows all three and finds the cluster well.
    ///
    /// # Panics
    /// If that does not come about within a minute.
    pub fn wait_until_ok(&self) {
        for node in &self.nodes {
            for wanted in ["known_nodes:3", "slots_ok:16384", "size:3", "state:ok"] {
                node.wait_until(&["CLUSTER", "INFO"], &format!("cluster_{wanted}"));
            }
        }
    }

    fn join(&self) -> Result<(), String> {
        let mut epoch = 0;
        for (node, (from, to)) in self.nodes.iter().zip(SLOTS) {
            // Nodes of one epoch would have to settle first who gets another.
            epoch += 1;
            ok(node, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()])?;
            ok(node, &["CLUSTER", "ADDSLOTSRANGE", from, to])?;
        }
        if let [first, others @ ..] = self.nodes.as_slice() {
            let bus = first.command(&["CONFIG", "GET", "cluster-port"]);
            let Some(bus) = bus.elements().get(1) else {
                return Err(format!("what is the cluster-port? {bus}"));
            };
            for other in others {
                let port = first.port().to_string();
                let meet = ["CLUSTER", "MEET", "127.0.0.1", &port, &bus.text()];
                ok(other, &meet)?;
            }
        }
        Ok(())
    }
}

impl Builder {
    /// Starts three servers like this one as a cluster, and waits until it is well.
    ///
    /// # Panics
    /// If it does not start, or `LARDER_TESTS=offline` is set: ask
    /// [`offline`](super::offline) first.
    pub fn start_cluster(mut self) -> Cluster {
        self.is_node = true;
        // One after the other would take thrice the time, but so does a machine of one core.
        let nodes = SLOTS.map(|_| self.clone().start());
        let cluster = Cluster {
            nodes: Vec::from(nodes),
        };
        if let Err(why) = cluster.join() {
            super::fail(self.kind, &why);
        }
        cluster.wait_until_ok();
        cluster
    }
}

impl Server {
    /// Starts a sentinel that watches `master` by a name. One is enough for its quorum; a master
    /// is down for it after a second.
    ///
    /// # Panics
    /// If it does not start, or the master speaks TLS.
    pub fn start_sentinel(name: &str, master: &Server) -> Server {
        let port = master.plain_port();
        let mut builder = Builder {
            is_sentinel: true,
            ready: Some((&["INFO", "sentinel"], "status=ok")),
            ..Builder::new(Kind::Plain)
        };
        builder = builder.config("sentinel", &["monitor", name, "127.0.0.1", &port, "1"]);
        let limits = [
            ("down-after-milliseconds", "1000"),
            ("failover-timeout", "5000"),
        ];
        for (limit, value) in limits {
            builder = builder.config("sentinel", &[limit, name, value]);
        }
        if let Some((_, password)) = &master.login {
            builder = builder.config("sentinel", &["auth-pass", name, password]);
        }
        builder.start()
    }
}

fn ok(node: &Server, command: &[&str]) -> Result<(), String> {
    let reply = node.command(command);
    if reply.text() == "OK" {
        return Ok(());
    }
    Err(format!("{} was answered {reply}", command.join(" ")))
}
