//! [`ClientTracking`]: the tracking client of a session.

use std::sync::{Arc, Weak};

use kvstore_protocol::{CommandError, Response, Session, catalog::Flags};

use super::{
    client::{Client, Selection, Settings},
    options::Options,
};
use crate::{
    server::TrackingStatus,
    store::{call::Call, state::StoreState},
};

/// The tracking client of a connection, an extension of its session. It tracks until this is dropped.
#[derive(Debug)]
pub(in super::super) struct ClientTracking {
    store: Weak<StoreState>,
    client: Arc<Client>,
}

const NOT_TRACKING: CommandError = CommandError::new(
    "ERR",
    "CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
);

const NOT_OPTIN: CommandError =
    CommandError::new("ERR", "CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
const NOT_OPTOUT: CommandError =
    CommandError::new("ERR", "CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");

impl ClientTracking {
    /// That of a session, if it belongs to this store.
    pub(in super::super) fn of<'a>(session: &'a Session, store: &StoreState) -> Option<&'a Self> {
        session.extensions().get::<Self>().filter(|tracking| tracking.store.ptr_eq(&store.myself))
    }

    /// The number of the client.
    pub(in super::super) fn id(&self) -> u32 {
        self.client.id
    }

    /// Notes that a command with this number has read or changed keys, which are locked, and will be answered: EXEC, or a command
    /// that has waited.
    pub(in super::super) fn note_read(&self, number: u64) {
        self.client.note_read(number);
    }
}

/// A connection that is closed or reset tracks nothing any more.
impl Drop for ClientTracking {
    fn drop(&mut self) {
        if let Some(store) = self.store.upgrade() {
            store.tracking.remove_client(&self.client);
        }
    }
}

impl<'c> Call<'c> {
    /// The tracking client of the session.
    fn tracking_client(&self) -> Option<&'c Client> {
        Some(&ClientTracking::of(self.session(), self.store())?.client)
    }

    /// Notes that the client has read the keys of this call, which are locked, if it tracks them.
    pub(in super::super) fn track_reads(&self) {
        let reads = self.row.flags().has(Flags::READ) && self.keys() > 0;
        let Some(client) = self.tracking_client().filter(|_| reads) else { return };
        let command = self.args().command();
        // A transaction is answered later, at its end.
        if !self.session().is_in_transaction() {
            client.note_read(command.number());
        }
        if client.status.is_broadcast() || !client.selects(command) {
            return;
        }
        (0..self.keys()).for_each(|key| self.store().tracking.keys.add(self.key_name(key), client.id));
        self.store().make_room_for_tracked(self.commit);
    }

    /// CLIENT TRACKING ON: tracks, or changes the settings.
    ///
    /// # Errors
    /// If the options do not fit each other, or the settings.
    pub(in super::super) fn track(&self, options: Options) -> Result<(), CommandError> {
        match self.tracking_client() {
            Some(client) => {
                options.check(client.status.is_broadcast(), &client.settings.lock())?;
                self.store().tracking.set_options(client, options);
            }
            None => {
                options.check(options.is_broadcast, &Settings::default())?;
                let client = self.store().tracking.add_client(self.session(), options.is_broadcast)?;
                self.store().tracking.set_options(&client, options);
                self.extend_session(client);
            }
        }
        Ok(())
    }

    fn extend_session(&self, client: Arc<Client>) {
        let Some(handle) = self.args().command().session_handle() else { return };
        let (status, store) = (client.status.clone(), self.store().myself.clone());
        let tracking = ClientTracking { store, client };
        handle.update(move |session| {
            session.extensions_mut().insert(tracking);
            session.extensions_mut().insert(status);
        });
    }

    /// CLIENT TRACKING OFF.
    pub(in super::super) fn untrack(&self) {
        let Some(client) = self.tracking_client() else { return };
        self.store().tracking.remove_client(client);
        if let Some(handle) = self.args().command().session_handle() {
            handle.update(|session| {
                session.extensions_mut().remove::<ClientTracking>();
                session.extensions_mut().remove::<TrackingStatus>();
            });
        }
    }

    /// CLIENT CACHING: the keys of the next command are cached, or not. `None` for another word.
    ///
    /// # Errors
    /// If this is the other mode.
    pub(in super::super) fn cache_next(&self, is_cached: Option<bool>) -> Result<(), CommandError> {
        let client = self.tracking_client().ok_or(NOT_TRACKING)?;
        let selection = client.settings.lock().selection;
        match (is_cached, selection) {
            (Some(true), Selection::OptIn) | (Some(false), Selection::OptOut) => {
                client.cache_behind(self.args().command());
            }
            (Some(true), _) => return Err(NOT_OPTIN),
            (Some(false), _) => return Err(NOT_OPTOUT),
            (None, _) => return Err(CommandError::SYNTAX),
        }
        Ok(())
    }

    /// MULTI: CLIENT CACHING in front of it is for the whole transaction.
    pub(in super::super) fn cache_in_transaction(&self) {
        if let Some(client) = self.tracking_client() {
            client.cache_in_transaction(self.args().command());
        }
    }

    /// Another command of tracking stands between CLIENT CACHING and the command that it is for.
    pub(in super::super) fn pass_caching_on(&self) {
        if let Some(client) = self.tracking_client() {
            client.status.pass_over(self.args().command().number());
        }
    }

    /// The connection that is told in place of this one: 0 if there is none, -1 if it does not track.
    pub(in super::super) fn tracking_redirect(&self) -> i64 {
        self.tracking_client().map_or(-1, |client| client.status.redirect() as i64)
    }

    /// The settings, as CLIENT TRACKINGINFO shows them.
    pub(in super::super) fn tracking_flags(&self) -> Vec<&'static str> {
        let Some(client) = self.tracking_client() else { return vec!["off"] };
        let command = self.args().command();
        // This command has passed it on.
        let is_caching = client.is_caching(command) || client.status.is_cached(command.number() + 1);
        let settings = client.settings.lock();
        let (is_opt_in, is_opt_out) = (settings.selection == Selection::OptIn, settings.selection == Selection::OptOut);
        let flags = [
            ("on", true),
            ("bcast", client.status.is_broadcast()),
            ("optin", is_opt_in),
            ("caching-yes", is_opt_in && is_caching),
            ("optout", is_opt_out),
            ("caching-no", is_opt_out && is_caching),
            ("noloop", settings.no_loop),
            ("broken_redirect", client.status.is_broken()),
        ];
        flags.into_iter().filter_map(|(flag, is_set)| is_set.then_some(flag)).collect()
    }

    /// The prefixes that are tracked.
    pub(in super::super) fn tracking_prefixes(&self) -> Vec<Response> {
        let client = self.tracking_client();
        client.map_or_else(Vec::new, |client| {
            client.settings.lock().prefixes.iter().map(|prefix| (&**prefix).into()).collect()
        })
    }
}
