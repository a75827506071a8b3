//! Transactions: the commands between MULTI and EXEC, and the keys of WATCH.
//!
//! The state of a transaction (idle, open, aborted) is in the session of its connection, so that the server can abort it when
//! it answers an error. Its commands and watched keys are in an extension of the session, [`ClientTransaction`].
//!
//! - `queue` the queued commands; `exec` how EXEC runs them
//! - `watch` the keys of all clients that are watched

mod exec;
mod queue;
mod watch;

use std::sync::Weak;

use kvstore_protocol::{Command, CommandError, Session, Transaction};
use parking_lot::Mutex;

use super::{call::Call, state::StoreState};
use queue::Queue;
use watch::Watch;

pub(super) use watch::WatchTable;

/// The transaction of a connection, an extension of its session. It is kept for the next one.
#[derive(Debug)]
pub(super) struct ClientTransaction {
    store: Weak<StoreState>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queue: Queue,
    watch: Watch,
}

impl ClientTransaction {
    fn new(store: &StoreState) -> Self {
        Self { store: store.myself.clone(), state: Mutex::default() }
    }

    /// That of a session, if it belongs to this store.
    fn of<'a>(session: &'a Session, store: &StoreState) -> Option<(&'a Transaction, &'a Self)> {
        let client = session.extensions().get::<Self>().filter(|client| client.store.ptr_eq(&store.myself))?;
        Some((session.transaction()?, client))
    }
}

impl State {
    /// Ends the transaction: forgets the queued commands and the watched keys.
    fn end(&mut self, transaction: &Transaction, watches: &WatchTable) {
        transaction.end();
        self.queue.clear();
        self.forget_watched(transaction, watches);
    }

    fn forget_watched(&mut self, transaction: &Transaction, watches: &WatchTable) {
        self.watch.clear(watches);
        transaction.set_watched(0);
    }
}

/// A connection that is closed or reset watches nothing any more.
impl Drop for ClientTransaction {
    fn drop(&mut self) {
        if let Some(store) = self.store.upgrade() {
            self.state.get_mut().watch.clear(&store.watches);
        }
    }
}

impl Call<'_> {
    /// MULTI: from now on the commands of the connection are queued.
    ///
    /// # Errors
    /// If they are already.
    pub(super) fn begin_transaction(&mut self) -> Result<(), CommandError> {
        self.with_client(|transaction, state| {
            if !transaction.begin() {
                return Err(CommandError::err("MULTI calls can not be nested"));
            }
            // The one before may have been ended by an error to EXEC, which has not run then.
            state.queue.clear();
            Ok(())
        })?;
        self.cache_in_transaction();
        Ok(())
    }

    /// DISCARD: forgets the queued commands and the watched keys.
    ///
    /// # Errors
    /// If there is no transaction.
    pub(super) fn discard_transaction(&mut self) -> Result<(), CommandError> {
        let client = ClientTransaction::of(self.session, self.store).filter(|(transaction, _)| transaction.is_open());
        let (transaction, client) = client.ok_or(CommandError::new("ERR", "DISCARD without MULTI"))?;
        client.state.lock().end(transaction, &self.store.watches);
        Ok(())
    }

    /// WATCH: the next EXEC does nothing if one of the keys is changed before.
    pub(super) fn watch_keys(&mut self) -> Result<(), CommandError> {
        let keys: Vec<_> = (0..self.keys()).map(|key| self.watched_key(key)).collect();
        let watches = &self.store.watches;
        self.with_client(|transaction, state| {
            if transaction.is_open() {
                return Err(CommandError::err("WATCH inside MULTI is not allowed"));
            }
            keys.into_iter().for_each(|key| state.watch.add(key, watches));
            transaction.set_watched(state.watch.len());
            Ok(())
        })
    }

    /// UNWATCH: forgets the watched keys.
    pub(super) fn unwatch_keys(&mut self) {
        if let Some((transaction, client)) = ClientTransaction::of(self.session, self.store) {
            // While EXEC runs, it holds the state, and forgets the watched keys itself.
            if let Some(mut state) = client.state.try_lock() {
                state.forget_watched(transaction, &self.store.watches);
            }
        }
    }

    /// Runs `run` with the transaction of the connection, which is created if this is its first.
    fn with_client(
        &self,
        run: impl FnOnce(&Transaction, &mut State) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        if let Some((transaction, client)) = ClientTransaction::of(self.session, self.store) {
            return run(transaction, &mut client.state.lock());
        }
        let handle = self.args().command().session_handle().ok_or(CommandError::NO_CONNECTION)?;
        let (transaction, client) = (Transaction::default(), ClientTransaction::new(self.store));
        run(&transaction, &mut client.state.lock())?;
        handle.update(move |session| {
            session.set_transaction(transaction);
            session.extensions_mut().insert(client);
        });
        Ok(())
    }
}

impl StoreState {
    /// Ends the transaction if a command that is refused is EXEC.
    #[cold]
    pub(super) fn drop_transaction_of(&self, command: &Command) {
        if command.is("EXEC")
            && let Some((transaction, client)) = ClientTransaction::of(command.session(), self)
        {
            client.state.lock().end(transaction, &self.watches);
        }
    }

    /// Queues a command of a connection that is in a transaction. Returns `None` if it is to be executed at once.
    pub(super) fn queue(&self, command: &Command) -> Option<Result<(), CommandError>> {
        let Some((transaction, client)) = ClientTransaction::of(command.session(), self) else {
            return Some(Err(CommandError::NOT_IN_TRANSACTION));
        };
        let queued = client.state.lock().queue.push(command, self)?;
        match &queued {
            Ok(()) if command.runs_commands() && self.only_reads(command) => transaction.count_queued_read(command),
            Ok(()) => transaction.count_queued(command),
            Err(_) => {
                transaction.abort();
                self.drop_transaction_of(command);
            }
        }
        Some(queued)
    }
}
