//! The limit of open files, and how many clients it allows.

use crate::settings::Flags;

/// The files that the program needs, beside one for each client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenFiles {
    own: u64,
}

/// The files that the program needs in any case.
const LEAST: u64 = 64;

impl OpenFiles {
    /// One for each TLS handshake, two for the pipe that each thread may have, and some for the program itself.
    pub(crate) fn new(flags: &Flags) -> Self {
        let handshakes = flags.tls.max_handshakes(flags.addresses().count());
        Self { own: (2 * flags.threads() + handshakes) as u64 + LEAST }
    }

    /// Raises the limit for so many clients. Returns how many there may be within it.
    pub(crate) fn admissible_clients(self, clients: usize) -> usize {
        let wanted = clients as u64 + self.own;
        // If it cannot be raised, it is as before.
        let limit = rlimit::increase_nofile_limit(wanted)
            .or_else(|_| rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft));
        match limit {
            Ok(limit) if limit < wanted => limit.saturating_sub(self.own).max(1) as usize,
            Ok(_) | Err(_) => clients,
        }
    }
}
