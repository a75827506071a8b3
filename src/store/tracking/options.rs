//! [`Options`]: the arguments of CLIENT TRACKING ON.

use kvstore_protocol::{CommandError, Session};

use super::client::{Selection, Settings};
use crate::server::ServerStatus;

/// The arguments of CLIENT TRACKING ON.
#[derive(Debug, Default)]
pub(in super::super) struct Options {
    /// The connection that is told in place of the own one; 0 for none.
    pub(super) redirect: u64,
    pub(super) is_broadcast: bool,
    pub(super) selection: Selection,
    pub(super) no_loop: bool,
    pub(super) prefixes: Vec<Box<[u8]>>,
    /// Whether both OPTIN and OPTOUT were given.
    is_torn: bool,
}

impl Options {
    /// Parses `[REDIRECT id] [PREFIX prefix …] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`.
    ///
    /// # Errors
    /// If there is no connection to redirect to, or for another syntax.
    pub(in super::super) fn parse(
        mut args: kvstore_protocol::Options<'_>,
        session: &Session,
    ) -> Result<Self, CommandError> {
        let mut options = Self::default();
        loop {
            if args.len() > 1 && args.keyword("REDIRECT") {
                options.set_redirect(args.integer()?, session)?;
            } else if args.len() > 1 && args.keyword("PREFIX") {
                options.prefixes.push(args.value()?.into());
            } else if args.keyword("BCAST") {
                options.is_broadcast = true;
            } else if args.keyword("OPTIN") {
                options.select(Selection::OptIn);
            } else if args.keyword("OPTOUT") {
                options.select(Selection::OptOut);
            } else if args.keyword("NOLOOP") {
                options.no_loop = true;
            } else {
                break;
            }
        }
        args.finish()?;
        Ok(options)
    }

    fn set_redirect(&mut self, id: i64, session: &Session) -> Result<(), CommandError> {
        if self.redirect != 0 {
            return Err(CommandError::err("A client can only redirect to a single other client"));
        }
        let clients = session.extensions().get().map(ServerStatus::clients);
        let is_there = |id: &u64| clients.is_some_and(|clients| clients.get(*id).is_some());
        self.redirect = u64::try_from(id)
            .ok()
            .filter(is_there)
            .ok_or(CommandError::err("The client ID you want redirect to does not exist"))?;
        Ok(())
    }

    fn select(&mut self, selection: Selection) {
        self.is_torn |= self.selection != Selection::All && self.selection != selection;
        self.selection = selection;
    }

    /// Checks whether the options fit each other, and the settings of the client.
    ///
    /// # Errors
    /// If they do not.
    pub(super) fn check(&self, is_broadcast: bool, settings: &Settings) -> Result<(), CommandError> {
        let refusal = match () {
            () if !self.is_broadcast && !self.prefixes.is_empty() => "PREFIX option requires BCAST mode to be enabled",
            () if self.is_broadcast != is_broadcast => {
                "You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it \
                 with a different mode."
            }
            () if self.is_broadcast && (self.is_torn || self.selection != Selection::All) => {
                "OPTIN and OPTOUT are not compatible with BCAST"
            }
            () if self.is_torn => "You can't specify both OPTIN mode and OPTOUT mode",
            () if are_opposite(self.selection, settings.selection) => {
                "You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it \
                 with a different mode."
            }
            () => return self.check_prefixes(settings),
        };
        Err(CommandError::err(refusal))
    }

    fn check_prefixes(&self, settings: &Settings) -> Result<(), CommandError> {
        for (index, prefix) in self.prefixes.iter().enumerate() {
            let existing = settings.prefixes.iter().map(|other| ("an existing", other));
            let provided = self.prefixes[index + 1..].iter().map(|other| ("another provided", other));
            let overlaps = |other: &[u8]| other.starts_with(prefix) || prefix.starts_with(other);
            if let Some((which, other)) = existing.chain(provided).find(|(_, other)| overlaps(other)) {
                let (prefix, other) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(other));
                return Err(CommandError::err(format!(
                    "Prefix '{prefix}' overlaps with {which} prefix '{other}'. Prefixes for a single client must not overlap."
                )));
            }
        }
        Ok(())
    }
}

fn are_opposite(one: Selection, other: Selection) -> bool {
    matches!((one, other), (Selection::OptIn, Selection::OptOut) | (Selection::OptOut, Selection::OptIn))
}
