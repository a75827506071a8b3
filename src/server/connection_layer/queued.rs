//! Commands of the connection inside of a transaction or a script, which run them one after another.

use std::sync::Arc;

use kvstore_protocol::{Command, CommandError, Response, Session, mailbox::Order};

use super::{
    ConnectionLayer,
    call::Outcome,
    table::{find_row, notify},
};

/// The result of [`ConnectionLayer::run_queued`].
#[derive(Clone, Debug)]
#[must_use = "the commands that follow run in the changed session"]
pub struct QueuedResponse {
    /// The response.
    pub response: Response,
    /// The session after the command, for those that follow in the same transaction.
    pub session: Arc<Session>,
}

impl ConnectionLayer {
    /// Checks a command of the connection before a transaction queues it. Returns `None` if it is not one: the service
    /// checks it itself. So it does with a sub-command of CLIENT that the layer does not know.
    ///
    /// The layer passes its commands on while a transaction is [open](kvstore_protocol::Transaction::is_open), except QUIT
    /// and RESET. The number of arguments and the name of a sub-command are checked, as in Redis.
    ///
    /// # Errors
    /// The inner result is the error that the client gets. AUTH and HELLO … AUTH, which may wait, are refused.
    ///
    /// ```
    /// use kvstore::{protocol::Command, server::ConnectionLayer};
    ///
    /// assert_eq!(ConnectionLayer::check_queued(&Command::new("GET").arg("key")), None);
    /// assert_eq!(ConnectionLayer::check_queued(&Command::new("SELECT").arg(3)), Some(Ok(())));
    /// let refused = ConnectionLayer::check_queued(&Command::new("AUTH").arg("secret"));
    /// assert!(refused.is_some_and(|checked| checked.is_err()));
    /// ```
    pub fn check_queued(command: &Command) -> Option<Result<(), CommandError>> {
        find_row(command).map(|row| row.check_queued(command))
    }

    /// Runs a command of the connection that was queued, or that a script calls. Returns `None` if it is not one.
    ///
    /// It runs now, in the session that it carries, and changes the session of the connection as usual: for the commands
    /// after EXEC. Those that follow inside run in the returned session, so that SELECT takes effect in order. A command that
    /// is not [allowed](Self::check_queued) is answered with an error. The observer of the server is called.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use kvstore::{protocol::{Command, Response, Session}, server::ConnectionLayer};
    ///
    /// /// Runs queued commands in order. Those of the service itself are run by `run`.
    /// fn exec(mut session: Arc<Session>, queued: Vec<Command>, run: impl Fn(Command) -> Response) -> Response {
    ///     Response::array(queued.into_iter().map(|command| {
    ///         let number = command.number();
    ///         let command = command.in_session(session.clone(), number);
    ///         match ConnectionLayer::run_queued(&command) {
    ///             Some(queued) => {
    ///                 session = queued.session;
    ///                 queued.response
    ///             }
    ///             None => run(command),
    ///         }
    ///     }))
    /// }
    ///
    /// let queued = vec![Command::new("CLIENT").with_args(["SETNAME", "ada"]), Command::new("WHO")];
    /// let answers = exec(Arc::default(), queued, |command| command.session().name().into());
    /// assert_eq!(answers, Response::Array(vec![Response::ok(), "ada".into()]));
    /// ```
    pub fn run_queued(command: &Command) -> Option<QueuedResponse> {
        let row = find_row(command)?;
        let queued = match row.check_queued(command) {
            Ok(()) => run(row.run(command), command),
            Err(refusal) => QueuedResponse { response: refusal.into(), session: command.shared_session() },
        };
        notify(command, &queued.response);
        Some(queued)
    }
}

fn run((outcome, session): (Outcome, Arc<Session>), command: &Command) -> QueuedResponse {
    let response = match outcome {
        // It stands inside of the response to EXEC, after which the connection is closed.
        Outcome::Answered(Response::Close(last)) => {
            command.session().mailbox().inspect(|mailbox| mailbox.order(Order::Stop));
            *last
        }
        Outcome::Answered(response) => response,
        Outcome::Pending(_) => CommandError::NOT_IN_TRANSACTION.into(),
    };
    QueuedResponse { response, session }
}
