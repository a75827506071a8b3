//! [`Command`]: one request, as it came.

use std::{fmt, ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};

use crate::{Push, Session, byte_string::escaped};

/// How many words, the name included, are located without an allocation.
const INLINE: usize = 4;

/// One command: the request frame and where its words lie in it.
///
/// What every service receives, for every protocol. A command that came from a socket borrows nothing and copies
/// nothing: its words are ranges of the buffer that was read. Clones share that buffer. The first word is the name;
/// it compares without regard to case. The others are the arguments, and are counted from 0.
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
    frame: Bytes,
    words: Words,
    session: Option<Arc<Session>>,
    /// The number of the command on its connection.
    number: u64,
}

impl Command {
    /// A command without arguments.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let words = [Word::within(0..name.len())];
        Self::from_frame(Bytes::copy_from_slice(name), &words)
    }

    /// Appends an argument: bytes, text or a number. One argument copies the command so far, so many arguments go
    /// through [`Command::with_args`].
    ///
    /// # Panics
    /// When the command grows over 2 GiB.
    #[must_use]
    pub fn arg(self, arg: impl ToArg) -> Self {
        self.with_args([arg])
    }

    /// Appends arguments.
    ///
    /// # Panics
    /// When the command grows over 2 GiB.
    #[must_use]
    pub fn with_args<A: ToArg>(self, args: impl IntoIterator<Item = A>) -> Self {
        let mut words = Vec::with_capacity(self.len() + 1);
        let mut frame = BytesMut::with_capacity(self.frame.len() + 64);
        let mut push = |arg: &[u8]| {
            let start = frame.len();
            frame.extend_from_slice(arg);
            words.push(Word::within(start..frame.len()));
        };
        self.words().for_each(&mut push);
        args.into_iter().for_each(|arg| arg.with_bytes(&mut push));
        Self { session: self.session, number: self.number, ..Self::from_frame(frame.freeze(), &words) }
    }

    /// The same command under another name. The arguments stay where they are: only the name and the places of the
    /// words are written anew.
    ///
    /// ```
    /// use kvstore_protocol::Command;
    ///
    /// assert_eq!(Command::new("FETCH").arg("key").renamed("GET"), Command::get("key"));
    /// ```
    ///
    /// # Panics
    /// When the name, with the words that lie outside of the frame, takes over 2 GiB.
    #[must_use]
    pub fn renamed(self, name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        let outside: Arc<[u8]> = [name, self.words.outside()].concat().into();
        let mut words = self.words.as_slice().to_vec();
        for word in words.iter_mut().filter(|word| word.is_outside()) {
            let Range { start, end } = word.range();
            *word = Word::outside(start + name.len()..end + name.len());
        }
        words[0] = Word::outside(0..name.len());
        Self { words: Words::many(&words, outside), ..self }
    }

    /// `GET key`.
    pub fn get(key: impl ToArg) -> Self {
        Self::new("GET").arg(key)
    }

    /// `SET key value`.
    pub fn set(key: impl ToArg, value: impl ToArg) -> Self {
        Self::new("SET").arg(key).arg(value)
    }

    /// `DEL key`.
    pub fn del(key: impl ToArg) -> Self {
        Self::new("DEL").arg(key)
    }

    /// `PING`.
    pub fn ping() -> Self {
        Self::new("PING")
    }

    /// A command whose words lie in `frame`. The first word is the name.
    ///
    /// # Panics
    /// When there is no word, or one lies outside the frame.
    pub fn from_frame(frame: Bytes, words: &[Word]) -> Self {
        assert!(!words.is_empty(), "a command has a name");
        assert!(
            words.iter().all(|word| word.is_outside() || word.range().end <= frame.len()),
            "words lie in the frame"
        );
        Self::from_checked(frame, words)
    }

    /// The same for words that are known to lie in the frame.
    #[inline]
    pub(crate) fn from_checked(frame: Bytes, words: &[Word]) -> Self {
        Self { frame, words: Words::from(words), session: None, number: 0 }
    }

    /// A command some of whose words ([`Word::outside`]) lie in a buffer of their own.
    ///
    /// # Panics
    /// When there is no word, or one lies outside of both buffers.
    pub fn from_frame_and_outside(frame: Bytes, outside: Arc<[u8]>, words: &[Word]) -> Self {
        assert!(words.iter().all(|word| !word.is_outside() || word.range().end <= outside.len()), "words lie outside");
        Self { words: Words::many(words, outside), ..Self::from_frame(frame, &[Word::default()]) }
    }

    /// The name, in the case in which it came.
    #[inline]
    pub fn name(&self) -> &[u8] {
        self.word(0).unwrap_or_default()
    }

    /// Whether the name is `name`, without regard to case.
    #[inline]
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The argument at `index`; 0 is the first after the name.
    #[inline]
    pub fn arg_at(&self, index: usize) -> Option<&[u8]> {
        self.word(index + 1)
    }

    /// The arguments, without the name.
    #[inline]
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        let words = &self.words.as_slice()[1..];
        words.iter().map(|word| self.slice(*word))
    }

    /// The name and the arguments.
    #[inline]
    pub fn words(&self) -> impl ExactSizeIterator<Item = &[u8]> + DoubleEndedIterator {
        self.words.as_slice().iter().map(|word| self.slice(*word))
    }

    /// The argument at `index` as a buffer that shares the command's frame.
    pub fn shared_arg(&self, index: usize) -> Option<Bytes> {
        let word = *self.words.as_slice().get(index + 1)?;
        Some(match word.is_outside() {
            true => Bytes::copy_from_slice(self.slice(word)),
            false => self.frame.slice(word.range()),
        })
    }

    /// How many words there are, the name included. Never 0.
    #[expect(clippy::len_without_is_empty, reason = "a command has a name")]
    #[inline]
    pub fn len(&self) -> usize {
        self.words.as_slice().len()
    }

    /// How many bytes the frame takes.
    #[inline]
    pub fn size(&self) -> usize {
        self.frame.len() + self.words.outside().len()
    }

    /// The session in which the command came. A command that came from no connection has the default session.
    #[inline]
    pub fn session(&self) -> &Session {
        self.session.as_deref().unwrap_or_else(|| Session::none())
    }

    /// The number of the command on its connection, counted from 1; 0 when it came from no connection.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The same command in another session: what a transport does with a decoded command, and a layer that acts in
    /// somebody's name.
    #[must_use]
    #[inline]
    pub fn in_session(mut self, session: Arc<Session>, number: u64) -> Self {
        self.session = Some(session);
        self.number = number;
        self
    }

    /// The session, to keep.
    pub fn shared_session(&self) -> Arc<Session> {
        self.session.clone().unwrap_or_default()
    }

    /// The same command with a changed session: how a layer tells those inside of it something about this command alone.
    /// Later commands of the connection do not see it. Costs a copy of the session.
    ///
    /// ```
    /// use kvstore_protocol::Command;
    ///
    /// struct Tenant(&'static str);
    ///
    /// let command = Command::get("key").with_session(|session| session.insert(Tenant("blue")));
    /// assert_eq!(command.session().get::<Tenant>().map(|tenant| tenant.0), Some("blue"));
    /// ```
    #[must_use]
    pub fn with_session(mut self, change: impl FnOnce(&mut Session)) -> Self {
        change(Arc::make_mut(self.session.get_or_insert_default()));
        self
    }

    /// A handle with which messages are sent to the connection that the command came from, now and after the command is
    /// answered; `None` when it came from no connection.
    pub fn push(&self) -> Option<Push> {
        self.session.as_ref()?.mailbox().map(|mailbox| Push::new(mailbox.clone(), self.number))
    }

    #[inline]
    fn word(&self, index: usize) -> Option<&[u8]> {
        self.words.as_slice().get(index).map(|word| self.slice(*word))
    }

    #[inline]
    fn slice(&self, word: Word) -> &[u8] {
        if word.is_outside() {
            return &self.words.outside()[word.range()];
        }
        &self.frame[word.range()]
    }
}

/// The words between quotes: escaped, at most eight, each cut after 64 bytes.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Command(")?;
        for (index, word) in self.words().take(8).enumerate() {
            write!(f, "{}{}", if index == 0 { "" } else { " " }, escaped(word, 64))?;
        }
        match self.len().saturating_sub(8) {
            0 => f.write_str(")"),
            more => write!(f, " … +{more} arguments)"),
        }
    }
}

/// Two commands are equal when their words are, byte for byte. The session does not count.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.words().eq(other.words())
    }
}

impl Eq for Command {}

/// Where a word of a command lies: in its frame, or outside of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// The highest bit tells a word outside of the frame.
    start: u32,
    len: u32,
}

impl Word {
    const OUTSIDE: u32 = 1 << 31;

    /// A word in the frame.
    ///
    /// # Panics
    /// When the range ends after 2 GiB.
    #[inline]
    pub fn within(range: Range<usize>) -> Self {
        assert!(range.end < Self::OUTSIDE as usize, "a frame is smaller than 2 GiB");
        Self { start: range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// A word in the buffer beside the frame.
    ///
    /// # Panics
    /// When the range ends after 2 GiB.
    pub fn outside(range: Range<usize>) -> Self {
        let word = Self::within(range);
        Self { start: word.start | Self::OUTSIDE, ..word }
    }

    #[inline]
    fn is_outside(self) -> bool {
        self.start & Self::OUTSIDE != 0
    }

    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        let start = (self.start & !Self::OUTSIDE) as usize;
        start..start + self.len as usize
    }
}

/// Where the words lie. Not an enum: all of it is moved in whole words, which a tag of one byte in front would prevent.
#[derive(Clone)]
struct Words {
    /// How many of `few` there are.
    len: usize,
    few: [Word; INLINE],
    /// In place of `few`.
    many: Option<Arc<Many>>,
}

struct Many {
    words: Box<[Word]>,
    /// Words that are not in the frame: the name a native message implies, unescaped words of an inline command.
    outside: Arc<[u8]>,
}

impl Words {
    #[inline]
    fn as_slice(&self) -> &[Word] {
        match &self.many {
            None => &self.few[..self.len],
            Some(many) => &many.words,
        }
    }

    #[inline]
    fn outside(&self) -> &[u8] {
        self.many.as_ref().map_or(&[], |many| &many.outside)
    }

    fn many(words: &[Word], outside: Arc<[u8]>) -> Self {
        Self { len: 0, few: Default::default(), many: Some(Arc::new(Many { words: words.into(), outside })) }
    }
}

impl From<&[Word]> for Words {
    #[inline]
    fn from(words: &[Word]) -> Self {
        if words.len() > INLINE {
            return Self::many(words, Arc::default());
        }
        let mut few = [Word::default(); INLINE];
        for (place, word) in few.iter_mut().zip(words) {
            *place = *word;
        }
        Self { len: words.len(), few, many: None }
    }
}

/// What can be an argument of a command: bytes, text, numbers.
pub trait ToArg {
    /// Calls `f` with the bytes of the argument.
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R;
}

macro_rules! bytes_to_arg {
    ($($kind:ty),*) => {$(
        impl ToArg for $kind {
            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(self.as_ref())
            }
        }
    )*};
}
bytes_to_arg!(str, String, [u8], Vec<u8>, Bytes, crate::ByteString);

macro_rules! integer_to_arg {
    ($($kind:ty),*) => {$(
        impl ToArg for $kind {
            fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
                f(itoa::Buffer::new().format(*self).as_bytes())
            }
        }
    )*};
}
integer_to_arg!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl<const N: usize> ToArg for [u8; N] {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(self)
    }
}

impl ToArg for f64 {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        f(crate::double::format(*self).as_bytes())
    }
}

impl<A: ToArg + ?Sized> ToArg for &A {
    fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        (**self).with_bytes(f)
    }
}

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
        let words = [Word::outside(0..3), Word::within(2..5)];
        let command = Command::from_frame_and_outside(Bytes::from_static(b"xxkey"), Arc::from(&b"GET"[..]), &words);
        assert_eq!(command, Command::get("key"));
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
    fn a_renamed_command_finds_its_words_outside_of_the_frame() {
        let words = [Word::outside(0..3), Word::within(2..5), Word::outside(3..5)];
        let frame = Bytes::from_static(b"xxkey");
        let command = Command::from_frame_and_outside(frame, Arc::from(&b"SET10"[..]), &words);
        let renamed = command.renamed("STORE").renamed("PUT");
        assert_eq!(renamed, Command::new("PUT").arg("key").arg(10));
        assert_eq!(renamed.arg("EX"), Command::new("PUT").arg("key").arg(10).arg("EX"));
    }

    #[test]
    fn debug_escapes_and_truncates() {
        let command = Command::set("k\n", "v".repeat(100));
        let text = format!("{command:?}");
        assert!(text.starts_with(r#"Command("SET" "k\n" "vvv"#) && text.ends_with("… +36 bytes)"), "{text}");
        let many = Command::new("DEL").with_args(0..20);
        assert!(format!("{many:?}").ends_with(r#""6" … +13 arguments)"#));
    }
}
