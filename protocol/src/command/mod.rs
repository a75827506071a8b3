//! [`Command`]: one request.

mod batch;
mod options;
mod origin;
mod to_arg;

use std::{fmt, mem, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};

pub use batch::RequestBatch;
pub use options::Options;
pub use origin::Word;
pub use to_arg::ToArg;

use crate::{
    Push, Session, SessionHandle,
    byte_string::escaped,
    catalog::{CommandId, Flags, KnownCommand},
    mailbox::Unblocked,
};
use origin::{Extent, Origin};

/// A command: a name and its arguments, as byte strings.
///
/// Every service receives commands of this type, for every protocol. A command from a socket copies nothing: its words are
/// ranges of the buffer that was read, which it shares with the commands that were read together with it. The first word is
/// the name, and is compared without regard to case. The others are the arguments, counted from 0.
///
/// ```
/// use kvstore_protocol::Command;
///
/// let command = Command::new("set").arg("key").arg(10);
/// assert!(command.is("SET"));
/// assert_eq!(command.arg_at(0), Some(&b"key"[..]));
/// assert_eq!(command.args().count(), 2);
/// ```
#[derive(Clone)]
pub struct Command {
    origin: Arc<Origin>,
    extent: Extent,
}

impl Command {
    /// Creates a command without arguments.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let words = [Word::within(0..name.len())];
        Self::from_frame(Bytes::copy_from_slice(name), &words)
    }

    /// Appends an argument: bytes, text or a number. Copies the command, so use [`with_args`](Command::with_args) for
    /// many arguments.
    ///
    /// # Panics
    /// If the command grows over 2 GiB, or over 268,435,455 words.
    #[must_use]
    pub fn arg(self, arg: impl ToArg) -> Self {
        self.with_args([arg])
    }

    /// Appends several arguments.
    ///
    /// # Panics
    /// If the command grows over 2 GiB, or over 268,435,455 words.
    #[must_use]
    pub fn with_args<A: ToArg>(self, args: impl IntoIterator<Item = A>) -> Self {
        let mut words = Vec::with_capacity(self.len() + 1);
        let mut frame = BytesMut::with_capacity(self.size() + 64);
        let mut push = |arg: &[u8]| {
            let start = frame.len();
            frame.extend_from_slice(arg);
            words.push(Word::within(start..frame.len()));
        };
        self.words().for_each(&mut push);
        args.into_iter().for_each(|arg| arg.with_bytes(&mut push));
        let (session, number) = (self.origin.session.clone(), self.number());
        Self::of(Origin { session, number, ..Origin::new(frame.freeze(), words) })
    }

    /// Replaces the name. The arguments are not copied.
    ///
    /// ```
    /// use kvstore_protocol::Command;
    ///
    /// assert_eq!(Command::new("FETCH").arg("key").renamed("GET"), Command::new("GET").arg("key"));
    /// ```
    ///
    /// # Panics
    /// If the name, with the words that are outside of the frame, takes over 2 GiB.
    #[must_use]
    pub fn renamed(mut self, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let origin = self.own();
        origin.external = Some([name, origin.external()].concat().into());
        for word in origin.words.iter_mut().filter(|word| word.is_external()) {
            let Range { start, end } = word.range();
            *word = Word::external(start + name.len()..end + name.len());
        }
        origin.words[0] = Word::external(0..name.len());
        self.extent = Extent::new(0, CommandId::of(name), self.extent.words());
        self
    }

    /// Creates a command from words in `frame`. The first word is the name.
    ///
    /// # Panics
    /// If there is no word or over 268,435,455 of them, or one is outside of the frame.
    pub fn from_frame(frame: Bytes, words: &[Word]) -> Self {
        assert!(!words.is_empty(), "a command has a name");
        let lies = |word: &Word| !word.is_external() && word.range().end <= frame.len();
        assert!(words.iter().all(lies), "words lie in the frame");
        Self::from_checked(frame, words)
    }

    /// Like [`from_frame`](Self::from_frame), for words that are known to be in the frame.
    pub(crate) fn from_checked(frame: Bytes, words: impl Into<Box<[Word]>>) -> Self {
        Self::of(Origin::new(frame, words))
    }

    /// Creates a command from words in `frame` and words in a separate buffer ([`Word::external`]).
    ///
    /// # Panics
    /// If there is no word, or one is outside of its buffer.
    pub fn from_frame_and_external(frame: Bytes, external: Arc<[u8]>, words: &[Word]) -> Self {
        assert!(!words.is_empty(), "a command has a name");
        let lies = |word: &Word| word.range().end <= if word.is_external() { external.len() } else { frame.len() };
        assert!(words.iter().all(lies), "words lie in the frame, or external");
        Self::of(Origin { external: Some(external), ..Origin::new(frame, words) })
    }

    /// Creates the command of all words of an origin.
    fn of(origin: Origin) -> Self {
        let name = origin.words.first().map_or(&[][..], |name| origin.slice(*name));
        let extent = Extent::new(0, CommandId::of(name), 0..origin.words.len());
        Self { origin: Arc::new(origin), extent }
    }

    /// Returns the name, in the case in which it was sent.
    #[inline]
    pub fn name(&self) -> &[u8] {
        self.word(0).unwrap_or_default()
    }

    /// Whether the name is `name`, without regard to case.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// Returns the ID of the command in the [catalog](crate::catalog). It is looked up when the command is created.
    #[inline]
    pub fn id(&self) -> CommandId {
        self.extent.id()
    }

    /// Returns the entry of the command in the catalog; `None` for a command that neither Redis nor Valkey has.
    #[inline]
    pub fn known(&self) -> Option<&'static KnownCommand> {
        self.id().known()
    }

    /// Whether the command may write: it or its sub-command has the flag in the catalog, runs scripts that may write, is PUBLISH, SPUBLISH,
    /// or PFCOUNT, which caches what it counts, or is not in the catalog.
    pub fn may_write(&self) -> bool {
        const OTHERS: [&str; 3] = ["PUBLISH", "SPUBLISH", "PFCOUNT"];
        let writes =
            |flags: Flags| flags.has(Flags::WRITE) || flags.has(Flags::RUNS_COMMANDS) && !flags.has(Flags::READ);
        self.known().is_none_or(|known| writes(known.named_in(self).flags())) || OTHERS.iter().any(|name| self.is(name))
    }

    /// Returns the flags of the command in the catalog; none for an unknown command.
    #[inline]
    pub fn flags(&self) -> Flags {
        self.id().flags()
    }

    /// Returns the argument at `index`; 0 is the first after the name.
    #[inline]
    pub fn arg_at(&self, index: usize) -> Option<&[u8]> {
        self.word(index + 1)
    }

    /// Returns the arguments, without the name.
    #[inline]
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.located()[1..].iter().map(|word| self.origin.slice(*word))
    }

    /// Returns the name and the arguments.
    #[inline]
    pub fn words(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.located().iter().map(|word| self.origin.slice(*word))
    }

    /// Returns the argument at `index` as a buffer that shares the memory of the frame.
    pub fn shared_arg(&self, index: usize) -> Option<Bytes> {
        let word = *self.located().get(index + 1)?;
        Some(match word.is_external() {
            true => Bytes::copy_from_slice(self.origin.slice(word)),
            false => self.origin.frame.slice(word.range()),
        })
    }

    /// Returns the number of words, including the name. Never 0.
    #[expect(clippy::len_without_is_empty, reason = "a command has a name")]
    #[inline]
    pub fn len(&self) -> usize {
        self.extent.words().len()
    }

    /// Returns the total size of the words, in bytes.
    pub fn size(&self) -> usize {
        self.words().map(<[u8]>::len).sum()
    }

    /// Returns the size of the frame, in bytes. Commands that were received together share it, so it may be more than the size of
    /// this one.
    #[inline]
    pub fn frame_size(&self) -> usize {
        self.origin.frame.len()
    }

    /// Returns the session of the command. A command that did not come from a connection has the default session.
    #[inline]
    pub fn session(&self) -> &Session {
        self.origin.session.as_deref().unwrap_or_else(|| Session::none())
    }

    /// Returns the number of the command on its connection, counted from 1; 0 if it did not come from a connection.
    #[inline]
    pub fn number(&self) -> u64 {
        self.origin.number + self.extent.index()
    }

    /// Replaces the session and the number: for transports, and for layers that act for another user. A
    /// [streamed](Self::with_body) last argument is kept.
    #[must_use]
    pub fn in_session(mut self, session: Arc<Session>, number: u64) -> Self {
        let body = self.last_argument().cloned();
        let origin = self.own();
        (origin.session, origin.number) = (Some(session), number);
        match body {
            None => self,
            Some(body) => self.with_session(|session| session.extensions_mut().insert(body)),
        }
    }

    /// Moves the frame to other memory: `replace` gets the frame, and returns the same bytes. Other commands that share
    /// the frame are not changed.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use kvstore_protocol::Command;
    ///
    /// let command = Command::new("GET").arg("key").map_frame(|frame| Bytes::from_owner(frame.to_vec()));
    /// assert_eq!(command, Command::new("GET").arg("key"));
    /// ```
    ///
    /// # Panics
    /// If `replace` returns another number of bytes.
    #[must_use]
    pub fn map_frame(mut self, replace: impl FnOnce(Bytes) -> Bytes) -> Self {
        let frame = &mut self.own().frame;
        let length = frame.len();
        *frame = replace(mem::take(frame));
        assert_eq!(frame.len(), length, "the same bytes");
        self
    }

    /// Returns the session as a shared pointer.
    pub fn shared_session(&self) -> Arc<Session> {
        self.origin.session.clone().unwrap_or_default()
    }

    /// Changes the session of this command alone, for example to pass a value to inner layers. Later commands of the
    /// connection are not affected. Copies the session.
    ///
    /// ```
    /// use kvstore_protocol::Command;
    ///
    /// struct Tenant(&'static str);
    ///
    /// let command = Command::new("GET").arg("key").with_session(|session| session.extensions_mut().insert(Tenant("blue")));
    /// assert_eq!(command.session().extensions().get::<Tenant>().map(|tenant| tenant.0), Some("blue"));
    /// ```
    #[must_use]
    pub fn with_session(mut self, change: impl FnOnce(&mut Session)) -> Self {
        change(Arc::make_mut(self.own().session.get_or_insert_default()));
        self
    }

    /// Returns a handle that changes the session of the connection; `None` if the command did not come from a
    /// connection.
    pub fn session_handle(&self) -> Option<SessionHandle> {
        self.origin.session.as_ref()?.mailbox().cloned().map(SessionHandle::new)
    }

    /// Returns a future that completes when the command is unblocked, for example by CLIENT UNBLOCK: for blocking
    /// commands. Never completes for a command that did not come from a connection.
    pub fn unblocked(&self) -> Unblocked {
        Unblocked::new(self.session().mailbox().cloned(), self.number())
    }

    /// Returns a handle that sends push messages to the connection, also after the command is answered; `None` if the
    /// command did not come from a connection.
    pub fn push(&self) -> Option<Push> {
        self.origin.session.as_ref()?.mailbox().map(|mailbox| Push::new(mailbox.clone(), self.number()))
    }

    #[inline]
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.located().get(index).map(|word| self.origin.slice(*word))
    }

    #[inline]
    fn located(&self) -> &[Word] {
        &self.origin.words[self.extent.words()]
    }

    /// Returns the origin for changes: the own one, or a copy if other commands share it.
    fn own(&mut self) -> &mut Origin {
        if !self.extent.is_whole(&self.origin) || Arc::get_mut(&mut self.origin).is_none() {
            *self = Self::of(self.apart());
        }
        Arc::get_mut(&mut self.origin).expect("nobody shares what was just made")
    }

    /// Returns a copy of the origin with the words of this command alone. The frame is shared.
    fn apart(&self) -> Origin {
        let Origin { frame, external, session, .. } = &*self.origin;
        let (frame, words) = (frame.clone(), self.located().into());
        Origin { frame, words, external: external.clone(), session: session.clone(), number: self.number() }
    }
}

/// Shows at most eight words, quoted, escaped, and truncated after 64 bytes. The arguments of a command that may hold
/// passwords are left out.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command(")?;
        if self.flags().has(Flags::SENSITIVE) && self.len() > 1 {
            return write!(f, "{} (redacted))", escaped(self.name(), 64));
        }
        for (index, word) in self.words().take(8).enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { " " }, escaped(word, 64))?;
        }
        match self.len().saturating_sub(8) {
            0 => f.write_str(")"),
            more => write!(f, " … +{more} arguments)"),
        }
    }
}

/// Two commands are equal if their words are, byte for byte. Sessions are not compared.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.words().eq(other.words())
    }
}

impl Eq for Command {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_built_command_has_its_words_in_order() {
        let command = Command::new("MSET").with_args(["a", "1", "b", "2"]).arg(-7);
        assert_eq!(command.words().collect::<Vec<_>>(), [&b"MSET"[..], b"a", b"1", b"b", b"2", b"-7"]);
        assert_eq!(command.arg_at(4), Some(&b"-7"[..]));
        assert_eq!(command.arg_at(5), None);
    }

    #[test]
    fn words_outside_the_frame_are_found() {
        let words = [Word::external(0..3), Word::within(2..5)];
        let command = Command::from_frame_and_external(Bytes::from_static(b"xxkey"), Arc::from(&b"GET"[..]), &words);
        assert_eq!(command, Command::new("GET").arg("key"));
        assert_eq!(command.shared_arg(0), Some(Bytes::from_static(b"key")));
    }

    #[test]
    fn a_renamed_command_shares_its_arguments_and_keeps_its_session() {
        let mut session = Session::default();
        session.set_database(3);
        for args in [2, 6] {
            let command = Command::new("LOAD").with_args(0..args).in_session(session.clone().into(), 7);
            let renamed = command.clone().renamed("STORE");
            assert_eq!(renamed, Command::new("STORE").with_args(0..args));
            assert_eq!((renamed.session().database(), renamed.number()), (3, 7));
            assert_eq!(renamed.arg_at(1).unwrap().as_ptr(), command.arg_at(1).unwrap().as_ptr());
            assert_eq!(renamed.shared_arg(1), command.shared_arg(1));
        }
    }

    #[test]
    fn a_renamed_command_finds_its_words_external_of_the_frame() {
        let words = [Word::external(0..3), Word::within(2..5), Word::external(3..5)];
        let frame = Bytes::from_static(b"xxkey");
        let command = Command::from_frame_and_external(frame, Arc::from(&b"SET10"[..]), &words);
        let renamed = command.renamed("STORE").renamed("PUT");
        assert_eq!(renamed, Command::new("PUT").arg("key").arg(10));
        assert_eq!(renamed.arg("EX"), Command::new("PUT").arg("key").arg(10).arg("EX"));
    }

    #[test]
    fn debug_escapes_and_truncates() {
        let command = Command::new("SET").arg("k\n").arg("v".repeat(100));
        let text = format!("{command:?}");
        assert!(text.starts_with(r#"Command("SET" "k\n" "vvv"#) && text.ends_with("… +36 bytes)"), "{text}");
        let many = Command::new("DEL").with_args(0..20);
        assert!(format!("{many:?}").ends_with(r#""6" … +13 arguments)"#));
    }
}
