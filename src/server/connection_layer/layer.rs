use tower::Layer;

use super::ConnectionService;

/// Answers the commands of a connection: PING, ECHO, HELLO, AUTH, SELECT, RESET, QUIT and CLIENT.
///
/// These commands are about the connection and not about data. The layer passes all other commands on, also sub-commands of
/// CLIENT that it does not know. It reads and changes only the session of a command and the server that the command came
/// through, so it works anywhere in a stack:
///
/// - By default it is outermost: [`serve`](crate::serve) puts it in front of the service. Any service works with any Redis
///   client, and a busy one still answers PING.
/// - With [`Serve::connection_commands`](crate::server::Serve::connection_commands) it is inside of the stack, as in
///   [`standalone`](crate::standalone). The layers outside of it, such as a log, an audit or a rate limit on AUTH, see these
///   commands too.
///
/// Between MULTI and EXEC or DISCARD it passes its commands on as well, for the service to queue them, except QUIT and RESET:
/// see [`check_queued`](Self::check_queued) and [`run_queued`](Self::run_queued).
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// use kvstore::{
///     middleware::DenyLayer,
///     protocol::Command,
///     routing::Router,
///     server::{ConnectionCommands, ConnectionLayer},
///     testing::Server,
/// };
/// use tower::ServiceBuilder;
///
/// // A layer in front of the connection layer sees its commands.
/// let stack = ServiceBuilder::new()
///     .layer(DenyLayer::names(["ECHO"]))
///     .layer(ConnectionLayer::new())
///     .service(Router::<()>::new());
/// let server =
///     Server::start_with(|listener| kvstore::serve(listener, stack).connection_commands(ConnectionCommands::Inside));
/// let client = server.client();
/// assert_eq!(client.ping("hello").await?, "hello");
/// assert!(client.execute(Command::new("ECHO").arg("hello")).await?.is_error());
/// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionLayer(());

impl ConnectionLayer {
    /// Creates the layer. It has no settings of its own, and uses those of the server.
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
