use tower::Layer;

use super::ConnectionService;

/// Answers the commands of a connection: see the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionLayer(());

impl ConnectionLayer {
    /// The layer. It has no settings: those of the server count.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for ConnectionLayer {
    type Service = ConnectionService<S>;

    fn layer(&self, inner: S) -> ConnectionService<S> {
        ConnectionService::new(inner)
    }
}
