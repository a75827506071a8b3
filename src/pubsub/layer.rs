use tower::Layer;

use super::{PubSub, PubSubService};

/// Answers the commands of publishing and subscribing: SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE, those that end subscriptions, PUBLISH,
/// SPUBLISH and PUBSUB. All other commands pass.
///
/// It can stand in front of any service. Between MULTI and EXEC its commands pass as well, for the service to queue them: the
/// store does so, and runs them on its own [`PubSub`].
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use kvstore::{protocol::Command, pubsub::{PubSub, PubSubLayer}, routing::Router, testing::Server};
/// use tower::Layer;
///
/// let hub = PubSub::new();
/// let server = Server::start(PubSubLayer::new(hub.clone()).layer(Router::<()>::new()));
/// let receivers = server.client().execute(Command::new("PUBLISH").with_args(["news", "hello"])).await?;
/// assert_eq!(receivers, 0.into());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PubSubLayer {
    hub: PubSub,
}

impl PubSubLayer {
    /// A layer whose subscribers get what is published on `hub`.
    pub const fn new(hub: PubSub) -> Self {
        Self { hub }
    }
}

impl<S> Layer<S> for PubSubLayer {
    type Service = PubSubService<S>;

    fn layer(&self, inner: S) -> PubSubService<S> {
        PubSubService::new(self.hub.clone(), inner)
    }
}
