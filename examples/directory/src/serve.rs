//! Runs the application.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::app::App;
use crate::config::Config;
use crate::database;
use crate::failure::Failure;

/// How long answers that were begun may take once it is to stop.
const PATIENCE: Duration = Duration::from_secs(5);

/// The application, running. Dropped, it ends at once.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
    warming: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, once what was begun is answered, or after five seconds.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // If nobody listens any more, it has ended.
            let _ = stop.send(());
        }
        // Whether it ended in time or is cut off, it is over.
        let _ = tokio::time::timeout(PATIENCE, &mut self.serving).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
        self.warming.abort();
    }
}

/// Starts the application; it listens once this returns.
///
/// # Errors
/// Those of the arguments, the store, the database and the address.
pub async fn serve(config: Config) -> Result<Running, Failure> {
    config.check()?;
    let people = database::open(&config.database).await?;
    let store = larder::connect(&config.store_of(people.identity)).await?;
    let app = App::new(store, people.connection).await?;
    let failure = |error| Failure::Listen(config.listen.clone(), error);
    let listener = TcpListener::bind(&config.listen).await.map_err(failure)?;
    let address = listener.local_addr().map_err(failure)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let router = app.router();
    let serving = tokio::spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
            // Said or dropped, it is over.
            let _ = stopped.await;
        });
        // Nothing is returned but that it ended.
        let _ = serving.await;
    });
    Ok(Running {
        address,
        stop: Some(stop),
        serving,
        warming: tokio::spawn(app.keep_warm()),
    })
}
