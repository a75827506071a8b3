//! A server that runs: from the first listener to the end of the last connection.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use kvstore_protocol::mailbox::Order;
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{CutReason, ListenOptions, Serve, ServerStatus, state::ServerState};

/// How a server ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// How many connections were cut, because they were not done when the grace period ended.
    pub cut: usize,
    /// What was left of the grace period when the last connection ended.
    pub unused_grace: Duration,
}

impl Serve {
    async fn run(self) -> Stopped {
        let Self { mount, state, listener, listeners, tasks, signal, on_start } = self;
        let state = Arc::new(state);
        let (_, settings) = ListenOptions::new().resolve(&listener);
        let status = ServerStatus::new(state.clone(), Arc::new(settings));
        on_start.into_iter().for_each(|call| call(&status));
        // Whatever ends this future closes the connections.
        let _guard = CloseAll(state.clone());
        let (mut accepting, mut background) = (JoinSet::new(), JoinSet::new());
        for listen in listeners {
            listen(&mut accepting, state.clone(), &listener, &mount);
        }
        tasks.into_iter().for_each(|task| drop(background.spawn(task)));
        let signal = signal.unwrap_or_else(|| Box::pin(std::future::pending()));
        tokio::select! {
            () = signal => {}
            () = state.runtime.stop.notified() => {}
            () = join_all(&mut accepting, "a listener") => {}
            () = join_all(&mut background, "a task of the server") => {}
            never = state.registry.count_uptime() => match never {},
            never = state.runtime.rates.measure(&state) => match never {},
        }
        // The listeners are closed before the connections are: a client that is turned away may try elsewhere at once.
        accepting.shutdown().await;
        state.registry.order_all(Order::Stop);
        let (grace, began) = (state.runtime.grace_period(), Instant::now());
        let cut = match timeout(grace, state.registry.wait_until_empty()).await {
            Ok(()) => 0,
            Err(_) => state.registry.cut_all(CutReason::Shutdown),
        };
        let unused_grace = grace.saturating_sub(began.elapsed());
        if cut > 0 {
            // They are told why.
            let _ = timeout(state.settings.linger, state.registry.wait_until_empty()).await;
        }
        Stopped { cut, unused_grace }
    }
}

/// Waits for ever, and logs which of the tasks panicked. The others go on, and so do all connections.
async fn join_all(tasks: &mut JoinSet<()>, kind: &'static str) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, kind, "a task panicked");
        }
    }
    std::future::pending().await
}

/// Closes every connection when it is dropped.
struct CloseAll(Arc<ServerState>);

impl Drop for CloseAll {
    fn drop(&mut self) {
        self.0.registry.cut_all(CutReason::Shutdown);
    }
}

impl IntoFuture for Serve {
    type Output = Stopped;
    type IntoFuture = Pin<Box<dyn Future<Output = Stopped> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
