//! [`Handshake`]: the commands at the start of every connection.

use std::fmt;

use kvstore_protocol::{ByteString, Command};

use super::Refusal;

/// The credentials of the client, and the settings of each of its connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Handshake {
    pub(super) is_resp3: bool,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: usize,
    pub(super) name: Option<String>,
}

/// Bytes that `Debug` does not show.
#[derive(Clone, Default)]
pub(super) struct Secret(pub(super) Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Handshake {
    /// The commands with their names, in the order in which they are sent.
    pub(super) fn commands(&self) -> Vec<(&'static str, Command)> {
        let mut commands = Vec::new();
        if self.is_resp3 {
            let mut hello = Command::new("HELLO").arg(3);
            if let Some(password) = &self.password {
                hello = hello.arg("AUTH").arg(self.user.as_deref().unwrap_or("default")).arg(&password.0);
            }
            commands.push(("HELLO", hello));
        } else if let Some(password) = &self.password {
            let auth = Command::new("AUTH").with_args(self.user.as_deref());
            commands.push(("AUTH", auth.arg(&password.0)));
        }
        if self.database != 0 {
            commands.push(("SELECT", Command::new("SELECT").arg(self.database)));
        }
        if let Some(name) = &self.name {
            commands.push(("CLIENT", Command::new("CLIENT").arg("SETNAME").arg(name)));
        }
        commands
    }

    /// The error reply without the password. A server that does not know a command repeats its arguments.
    pub(super) fn without_secrets(&self, text: ByteString) -> Refusal {
        let secret = self.password.as_ref().map(|password| &password.0[..]).filter(|secret| !secret.is_empty());
        if !secret.is_some_and(|secret| shows(&text, secret)) {
            return Refusal::new(text);
        }
        let code = text.split(|byte| *byte == b' ').next().filter(|code| !shows(code, secret.unwrap_or_default()));
        Refusal::new([code.unwrap_or(b"ERR"), b" (the server's text has the password in it)"].concat())
    }
}

/// Whether the text contains the secret, or its beginning, since a server may cut the text.
fn shows(text: &[u8], secret: &[u8]) -> bool {
    let part = &secret[..secret.len().min(16)];
    let text = String::from_utf8_lossy(text);
    text.contains(&*String::from_utf8_lossy(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(handshake: &Handshake) -> Vec<String> {
        let text = |command: &Command| command.words().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
        handshake.commands().iter().map(|(_, command)| text(command)).collect()
    }

    #[test]
    fn a_client_without_wishes_says_nothing() {
        assert_eq!(of(&Handshake::default()), [""; 0]);
    }

    #[test]
    fn the_commands_come_in_an_order_in_which_none_is_refused() {
        let mut handshake = Handshake {
            password: Some(Secret(b"secret".to_vec())),
            database: 3,
            name: Some("worker".to_owned()),
            ..Handshake::default()
        };
        let rest = ["SELECT 3", "CLIENT SETNAME worker"];
        assert_eq!(of(&handshake), ["AUTH secret", rest[0], rest[1]]);
        handshake.user = Some("ann".to_owned());
        assert_eq!(of(&handshake), ["AUTH ann secret", rest[0], rest[1]]);
        handshake.is_resp3 = true;
        assert_eq!(of(&handshake), ["HELLO 3 AUTH ann secret", rest[0], rest[1]]);
        handshake.user = None;
        assert_eq!(of(&handshake)[0], "HELLO 3 AUTH default secret");
    }

    #[test]
    fn the_password_is_never_shown() {
        let handshake = Handshake { password: Some(Secret(b"pass word".to_vec())), ..Handshake::default() };
        assert!(!format!("{handshake:?}").contains("pass word"));
        let echoed = "ERR unknown command 'AUTH', with args beginning with: 'pass word' ";
        assert_eq!(
            handshake.without_secrets(echoed.into()).to_string(),
            "ERR (the server's text has the password in it)"
        );
        assert_eq!(handshake.without_secrets("WRONGPASS no".into()).to_string(), "WRONGPASS no");
    }
}
