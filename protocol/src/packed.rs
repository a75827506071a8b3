//! [`Packed`]: a large collection as encoded elements.

use std::{convert::Infallible, fmt, mem, sync::Arc};

use bytes::{Buf, Bytes, BytesMut};

use crate::{
    Limits, Output, Protocol, ReplyBudget, Response,
    output::SHARED,
    resp::{ReplyDecoder, encode},
};

/// A collection whose elements are encoded as they are added, for answers of many elements: those of KEYS, LRANGE, HGETALL.
///
/// A [`Response::Array`] takes 88 bytes for each element. Here an element takes the bytes that are sent, in chunks of about
/// 256 KiB. The chunks go to the socket without a copy, and nothing large is moved when the collection grows.
///
/// ```
/// use kvstore_protocol::{Output, Packed, Protocol, Response, resp::encode_response};
///
/// let mut keys = Packed::array();
/// for key in ["one", "two"] {
///     keys.push(key.as_bytes());
/// }
/// let answer = Response::from(keys);
/// assert_eq!(answer.to_string(), r#"["one", "two"]"#);
///
/// let mut output = Output::default();
/// encode_response(&answer, Protocol::Resp2, &mut output);
/// assert_eq!(&output.bytes()[..], b"*2\r\n$3\r\none\r\n$3\r\ntwo\r\n");
/// ```
///
/// The answer does not depend on the protocol of the client. The elements are stored as RESP3 has them. Strings, integers
/// and arrays of them are the same in RESP2 and are sent as they are; if there is anything else, such as a score, all elements
/// are converted when the answer is encoded for RESP2.
///
/// The elements of a [`map`](Packed::map) are keys and values in turn, those of [`pairs`](Packed::pairs) likewise. A key
/// without a value gets a null.
///
/// ```
/// # use kvstore_protocol::{Packed, Response};
/// let mut scores = Packed::pairs();
/// scores.push(b"ada");
/// scores.push_double(1.5);
/// assert_eq!(Response::from(scores).to_string(), r#"[["ada", 1.5]]"#);
/// ```
#[derive(Clone)]
pub struct Packed {
    kind: Kind,
    /// Whether RESP2 has every element in the same form.
    is_plain: bool,
    len: usize,
    elements: Output,
    bound: Option<Bound>,
}

/// The memory that a collection may take.
#[derive(Clone)]
struct Bound {
    /// What is left for it, in bytes, and for all that draw on a budget.
    left: usize,
    budget: Option<Arc<ReplyBudget>>,
    /// The size of the elements that are paid for or shared, in bytes.
    paid: usize,
    is_exceeded: bool,
}

impl Bound {
    /// Takes bytes out of what is left. Returns whether there were as many.
    fn take(&mut self, bytes: usize) -> bool {
        self.paid += bytes;
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        self.is_exceeded |= left.is_none() || self.budget.as_ref().is_some_and(|budget| !budget.take(bytes));
        !self.is_exceeded
    }
}

/// What the elements are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Array,
    Set,
    Map,
    /// Each pair is an array in RESP3. In RESP2 there is one flat array.
    Pairs,
}

/// The line in front of a pair in RESP3.
pub(crate) const PAIR: &[u8] = b"*2\r\n";

impl Packed {
    /// An array without elements.
    pub fn array() -> Self {
        Self::new(Kind::Array)
    }

    /// A set without elements. An array in RESP2.
    pub fn set() -> Self {
        Self::new(Kind::Set)
    }

    /// A map without elements. A flat array in RESP2.
    pub fn map() -> Self {
        Self::new(Kind::Map)
    }

    /// An array of pairs, as ZRANGE WITHSCORES answers. A flat array in RESP2.
    pub fn pairs() -> Self {
        Self::new(Kind::Pairs)
    }

    fn new(kind: Kind) -> Self {
        Self { kind, is_plain: kind != Kind::Pairs, len: 0, elements: Output::default(), bound: None }
    }

    /// Bounds the memory that it takes, in bytes. Beyond that its elements are dropped, and it is an error in place of a collection.
    ///
    /// Strings that it shares with others are not counted. The rest is counted when it has come to about 256 KiB.
    ///
    /// ```
    /// # use kvstore_protocol::{Packed, Response};
    /// let mut fields = Packed::array().limited_to(1 << 20);
    /// while !fields.is_too_large() {
    ///     fields.push(&[b'x'; 100_000]);
    /// }
    /// assert_eq!(fields.len(), 11);
    /// assert!(matches!(Response::from(fields), Response::Error(_)));
    /// ```
    pub fn limited_to(mut self, bytes: usize) -> Self {
        self.bound_mut().left = bytes;
        self
    }

    /// The same with a budget that it shares with others.
    pub fn drawing_on(mut self, budget: &Arc<ReplyBudget>) -> Self {
        self.bound_mut().budget = Some(Arc::clone(budget));
        self
    }

    fn bound_mut(&mut self) -> &mut Bound {
        self.bound.get_or_insert(Bound { left: usize::MAX, budget: None, paid: 0, is_exceeded: false })
    }

    /// Whether it takes more memory than it may. What is added is dropped then.
    pub fn is_too_large(&self) -> bool {
        self.bound.as_ref().is_some_and(|bound| bound.is_exceeded)
    }

    /// Adds a string of bytes.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        if bytes.len() >= SHARED {
            return self.push_long(bytes);
        }
        encode::bulk_bytes(bytes, self.element());
    }

    #[cold]
    fn push_long(&mut self, bytes: &[u8]) {
        self.element();
        if self.bound.as_mut().is_none_or(|bound| bound.take(bytes.len())) {
            encode::bulk_bytes(bytes, &mut self.elements);
        } else {
            self.drop_elements();
        }
    }

    /// Adds a string of bytes. One of 8 KiB or more is not copied.
    pub fn push_shared(&mut self, bytes: Bytes) {
        if bytes.len() >= SHARED
            && let Some(bound) = &mut self.bound
        {
            bound.paid += bytes.len();
        }
        encode::bulk(&bytes.into(), self.element());
    }

    /// Adds an integer.
    #[inline]
    pub fn push_integer(&mut self, integer: i64) {
        encode::number(b':', integer, self.element().bytes());
    }

    /// Adds a double. A string in RESP2.
    pub fn push_double(&mut self, double: f64) {
        self.push_response(&Response::Double(double));
    }

    /// Adds a null.
    pub fn push_null(&mut self) {
        self.push_response(&Response::Null);
    }

    /// Adds any response in the form of a protocol, that of the client that will read the answer. So the other elements need not be
    /// converted for RESP2.
    pub fn push_in(&mut self, response: &Response, protocol: Protocol) {
        encode::encode_item(response, protocol, self.element());
    }

    /// Adds a null in the form of a protocol.
    pub fn push_null_in(&mut self, protocol: Protocol) {
        self.push_in(&Response::Null, protocol);
    }

    /// Adds a null array in the form of a protocol.
    pub fn push_null_array_in(&mut self, protocol: Protocol) {
        self.push_in(&Response::NullArray, protocol);
    }

    /// Adds any response, as an [`Array`](Response::Array) holds it.
    pub fn push_response(&mut self, response: &Response) {
        self.is_plain &= is_plain(response);
        encode::encode_item(response, Protocol::Resp3, self.element());
    }

    /// Adds an array of `len` elements, which `fill` adds to it.
    ///
    /// ```
    /// # use kvstore_protocol::{Packed, Response};
    /// let mut entries = Packed::array();
    /// entries.push_array(2, |entry| {
    ///     entry.push(b"5-1");
    ///     entry.push_integer(7);
    /// });
    /// assert_eq!(Response::from(entries).to_string(), r#"[["5-1", :7]]"#);
    /// ```
    ///
    /// # Panics
    /// If `fill` adds another number of elements: the client would take the rest for another answer.
    #[inline]
    pub fn push_array(&mut self, len: usize, fill: impl FnOnce(&mut Self)) {
        let filled = self.try_push_array(len, |items| {
            fill(items);
            Ok::<_, Infallible>(())
        });
        let Ok(()) = filled;
    }

    /// Adds an array of `len` elements, as [`push_array`](Self::push_array) does.
    ///
    /// # Errors
    /// Those of `fill`. The collection is of no use then, since the array is not complete.
    ///
    /// # Panics
    /// If `fill` adds another number of elements, and returns no error.
    #[inline]
    pub fn try_push_array<E>(&mut self, len: usize, fill: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.push_nested((b'*', len), len, fill)
    }

    /// Adds a map of so many pairs, whose keys and values `fill` adds in turn, in the form of a protocol: that of the client that will
    /// read the answer, as for [`push_in`](Self::push_in).
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use kvstore_protocol::{Packed, Protocol, Response};
    /// let mut entries = Packed::array();
    /// entries.try_push_map_in(Protocol::Resp2, 1, |entry| {
    ///     entry.push(b"field");
    ///     entry.push_integer(7);
    ///     Ok::<_, Infallible>(())
    /// })?;
    /// assert_eq!(Response::from(entries).to_string(), r#"[["field", :7]]"#);
    /// # Ok::<(), Infallible>(())
    /// ```
    ///
    /// # Errors
    /// Those of `fill`. The collection is of no use then.
    ///
    /// # Panics
    /// If `fill` adds another number of elements, and returns no error.
    pub fn try_push_map_in<E>(
        &mut self,
        protocol: Protocol,
        pairs: usize,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = if protocol == Protocol::Resp3 { (b'%', pairs) } else { (b'*', 2 * pairs) };
        self.push_nested(line, 2 * pairs, fill)
    }

    /// Adds a set of `len` elements, which `fill` adds to it, in the form of a protocol.
    ///
    /// # Errors
    /// Those of `fill`. The collection is of no use then.
    ///
    /// # Panics
    /// If `fill` adds another number of elements, and returns no error.
    pub fn try_push_set_in<E>(
        &mut self,
        protocol: Protocol,
        len: usize,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let kind = if protocol == Protocol::Resp3 { b'~' } else { b'*' };
        self.push_nested((kind, len), len, fill)
    }

    #[inline]
    fn push_nested<E>(
        &mut self,
        (kind, count): (u8, usize),
        len: usize,
        fill: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        encode::number(kind, count as i64, self.element().bytes());
        let (kind, outer) = (mem::replace(&mut self.kind, Kind::Array), mem::take(&mut self.len));
        fill(self)?;
        assert_eq!(self.len, len, "an array has as many elements as it says");
        (self.kind, self.len) = (kind, outer);
        Ok(())
    }

    /// The number of elements so far. The keys and the values of a map are counted each.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Counts one more element, and returns what it is encoded to.
    #[inline]
    fn element(&mut self) -> &mut Output {
        if self.elements.split_when_large() {
            self.pay();
        }
        if self.kind == Kind::Pairs && self.len.is_multiple_of(2) {
            self.elements.bytes().extend_from_slice(PAIR);
        }
        self.len += 1;
        &mut self.elements
    }

    /// Counts what the elements have come to.
    fn pay(&mut self) {
        let Some(bound) = &mut self.bound else { return };
        let due = self.elements.remaining().saturating_sub(bound.paid);
        if !bound.take(due) {
            self.drop_elements();
        }
    }

    #[cold]
    fn drop_elements(&mut self) {
        self.elements = Output::default();
        if let Some(bound) = &mut self.bound {
            bound.paid = 0;
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// The encoded elements. A line is within one part, and so are the bytes of a string.
    pub(crate) fn elements(&self) -> &Output {
        &self.elements
    }

    /// Whether the last key has no value.
    pub(crate) fn lacks_value(&self) -> bool {
        matches!(self.kind, Kind::Map | Kind::Pairs) && !self.len.is_multiple_of(2)
    }

    /// The size of the encoded elements, in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>() + self.elements.remaining()
    }

    /// The collection with a [`Response`] for each element.
    pub(crate) fn unpack(&self) -> Response {
        let mut items = self.decode();
        match self.kind {
            Kind::Array | Kind::Pairs => Response::Array(items.collect()),
            Kind::Set => Response::Set(items.collect()),
            Kind::Map => Response::Map(std::iter::from_fn(|| Some((items.next()?, items.next()?))).collect()),
        }
    }

    /// What the elements are together for a peer of this protocol, and their number. In RESP2 it is always an array; the members of pairs
    /// and of a map are elements of it.
    ///
    /// ```
    /// use kvstore_protocol::{Packed, PackedForm, Protocol};
    ///
    /// let mut scores = Packed::pairs();
    /// scores.push(b"ada");
    /// scores.push_integer(1);
    /// assert_eq!(scores.form(Protocol::Resp2), PackedForm::Array(2));
    /// assert_eq!(scores.form(Protocol::Resp3), PackedForm::Array(1)); // of a pair
    /// ```
    pub fn form(&self, protocol: Protocol) -> PackedForm {
        let len = self.len + usize::from(self.lacks_value());
        match (self.kind, protocol) {
            (Kind::Set, Protocol::Resp3) => PackedForm::Set(len),
            (Kind::Map, Protocol::Resp3) => PackedForm::Map(len / 2),
            (Kind::Pairs, Protocol::Resp3) => PackedForm::Array(len / 2),
            _ => PackedForm::Array(len),
        }
    }

    /// The elements in the [form](Self::form) that they have for a peer of this protocol, one after the other: the keys and values of a map
    /// in turn. No more than one of them is in memory besides.
    ///
    /// ```
    /// use kvstore_protocol::{Packed, Protocol, Response};
    ///
    /// let mut scores = Packed::pairs();
    /// scores.push(b"ada");
    /// scores.push_integer(1);
    /// let elements: Vec<_> = scores.elements_for(Protocol::Resp2).collect();
    /// assert_eq!(elements, ["ada".into(), Response::Integer(1)]);
    /// let elements: Vec<_> = scores.elements_for(Protocol::Resp3).collect();
    /// assert_eq!(elements, [Response::Array(vec!["ada".into(), Response::Integer(1)])]);
    /// ```
    pub fn elements_for(&self, protocol: Protocol) -> impl Iterator<Item = Response> {
        let is_flat = self.kind == Kind::Pairs && protocol == Protocol::Resp2;
        self.decode().flat_map(move |element| {
            let (pair, element) = match element {
                Response::Array(pair) if is_flat => (pair, None),
                element => (Vec::new(), Some(element)),
            };
            pair.into_iter().chain(element)
        })
    }

    /// The elements; for pairs, the pairs.
    fn decode(&self) -> impl Iterator<Item = Response> {
        let mut decoder = ReplyDecoder::default();
        decoder.set_limits(Limits::default().max_args(usize::MAX).max_bulk(usize::MAX).max_request(usize::MAX));
        decoder.set_max_depth(usize::MAX);
        let null = self.lacks_value().then_some(&b"_\r\n"[..]);
        let (mut chunks, mut input) = (self.elements.chunks().chain(null), BytesMut::new());
        std::iter::from_fn(move || {
            loop {
                match decoder.decode(&mut input) {
                    Ok(Some(item)) => return Some(item),
                    Ok(None) => input.extend_from_slice(chunks.next()?),
                    Err(error) => return Some(Response::error("ERR", &error.to_string())),
                }
            }
        })
    }
}

/// What the elements of a [`Packed`] are together, and their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedForm {
    /// An array of so many elements.
    Array(usize),
    /// A set of so many elements.
    Set(usize),
    /// A map of so many keys, each with a value.
    Map(usize),
}

/// Whether RESP2 has the response in the same form as RESP3.
fn is_plain(response: &Response) -> bool {
    match response {
        Response::Bulk(_) | Response::Integer(_) | Response::Simple(_) | Response::Error(_) => true,
        Response::Array(items) => items.iter().all(is_plain),
        Response::Packed(packed) => packed.kind == Kind::Array && packed.is_plain,
        _ => false,
    }
}

impl From<Packed> for Response {
    fn from(mut packed: Packed) -> Self {
        packed.pay();
        if packed.is_too_large() {
            return Self::error("ERR", "the reply takes too much memory");
        }
        packed.elements.share_tail();
        Self::Packed(packed.into())
    }
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        self.unpack() == other.unpack()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Packed").field(&self.unpack()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ByteString, resp::encode_response};

    fn encoded(response: &Response, protocol: Protocol) -> Vec<u8> {
        let mut output = Output::default();
        encode_response(response, protocol, &mut output);
        output.copy_to_bytes(output.remaining()).to_vec()
    }

    #[track_caller]
    fn check(packed: Packed, resp2: &str, resp3: &str) {
        let response = Response::from(packed);
        assert_eq!(encoded(&response, Protocol::Resp2).escape_ascii().to_string(), resp2.escape_default().to_string());
        assert_eq!(encoded(&response, Protocol::Resp3).escape_ascii().to_string(), resp3.escape_default().to_string());
    }

    fn with(mut packed: Packed, items: &[Response]) -> Packed {
        items.iter().for_each(|item| packed.push_response(item));
        packed
    }

    #[test]
    fn a_nested_map_or_set_has_the_form_of_its_client() {
        for (protocol, expected) in [
            (Protocol::Resp2, "*3\r\n*2\r\n$1\r\na\r\n$3\r\n1.5\r\n*1\r\n:1\r\n$-1\r\n"),
            (Protocol::Resp3, "*3\r\n%1\r\n$1\r\na\r\n,1.5\r\n~1\r\n:1\r\n_\r\n"),
        ] {
            let mut packed = Packed::array();
            let filled = packed.try_push_map_in(protocol, 1, |map| {
                map.push(b"a");
                map.push_in(&Response::Double(1.5), protocol);
                map.is_empty().then_some(()).ok_or(())
            });
            assert_eq!(filled, Err(()));
            packed = Packed::array();
            let filled = packed.try_push_map_in(protocol, 1, |map| {
                map.push(b"a");
                map.push_in(&Response::Double(1.5), protocol);
                Ok::<_, ()>(())
            });
            assert_eq!(filled, Ok(()));
            let filled = packed.try_push_set_in(protocol, 1, |set| {
                set.push_integer(1);
                Ok::<_, ()>(())
            });
            assert_eq!(filled, Ok(()));
            packed.push_null_in(protocol);
            assert_eq!(packed.len(), 3);
            assert_eq!(
                encoded(&packed.into(), protocol).escape_ascii().to_string(),
                expected.escape_default().to_string()
            );
        }
    }

    #[test]
    fn every_kind_has_its_form_in_both_versions() {
        let mut array = Packed::array();
        check(array.clone(), "*0\r\n", "*0\r\n");
        array.push(b"key");
        array.push_integer(-12);
        array.push_shared(Bytes::from_static(b"v"));
        let plain = "$3\r\nkey\r\n:-12\r\n$1\r\nv\r\n";
        check(array.clone(), &format!("*3\r\n{plain}"), &format!("*3\r\n{plain}"));
        array.push_null();
        array.push_double(1.5);
        check(array, &format!("*5\r\n{plain}$-1\r\n$3\r\n1.5\r\n"), &format!("*5\r\n{plain}_\r\n,1.5\r\n"));
        let items = [Response::from("a"), 1.into()];
        check(with(Packed::set(), &items), "*2\r\n$1\r\na\r\n:1\r\n", "~2\r\n$1\r\na\r\n:1\r\n");
        check(with(Packed::map(), &items), "*2\r\n$1\r\na\r\n:1\r\n", "%1\r\n$1\r\na\r\n:1\r\n");
        check(with(Packed::pairs(), &items), "*2\r\n$1\r\na\r\n:1\r\n", "*1\r\n*2\r\n$1\r\na\r\n:1\r\n");
    }

    #[test]
    fn arrays_inside_count_as_one_element() {
        let nested = |mut packed: Packed| {
            packed.push(b"a");
            packed.push_array(2, |array| {
                array.push_integer(1);
                array.push_array(1, |array| array.push_double(0.5));
            });
            packed
        };
        let (resp2, resp3) = ("$1\r\na\r\n*2\r\n:1\r\n*1\r\n$3\r\n0.5\r\n", "$1\r\na\r\n*2\r\n:1\r\n*1\r\n,0.5\r\n");
        check(nested(Packed::array()), &format!("*2\r\n{resp2}"), &format!("*2\r\n{resp3}"));
        check(nested(Packed::pairs()), &format!("*2\r\n{resp2}"), &format!("*1\r\n*2\r\n{resp3}"));
    }

    #[test]
    fn a_key_without_a_value_gets_a_null() {
        let items = [Response::Integer(1)];
        check(with(Packed::map(), &items), "*2\r\n:1\r\n$-1\r\n", "%1\r\n:1\r\n_\r\n");
        check(with(Packed::pairs(), &items), "*2\r\n:1\r\n$-1\r\n", "*1\r\n*2\r\n:1\r\n_\r\n");
    }

    #[test]
    fn the_answer_equals_the_one_that_is_not_packed() {
        let items = vec![Response::from("a"), 1.5.into(), Response::Null, Response::array(["b", "c"])];
        let packed = |kind| Response::from(with(kind, &items));
        assert_eq!(packed(Packed::array()), Response::Array(items.clone()));
        assert_eq!(Response::Set(items.clone()), packed(Packed::set()));
        let pairs: Vec<_> = items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        assert_eq!(packed(Packed::map()), Response::Map(pairs));
        let pairs = Response::array(items.chunks(2).map(|pair| Response::Array(pair.to_vec())));
        assert_eq!(packed(Packed::pairs()), pairs);
        assert_ne!(packed(Packed::array()), packed(Packed::set()));
        assert_ne!(packed(Packed::array()), Response::Array(items[1..].to_vec()));
        assert_eq!(packed(Packed::map()).to_string(), r#"{"a": 1.5, (nil): ["b", "c"]}"#);
    }

    #[test]
    fn unpacking_reaches_answers_inside_of_others() {
        let mut keys = Packed::array();
        keys.push(b"key");
        let scan = Response::Array(vec!["0".into(), keys.into()]);
        let Response::Array(parts) = scan.clone().unpacked() else { panic!("{scan}") };
        assert!(matches!(&parts[1], Response::Array(keys) if keys[..] == [Response::from("key")]));
    }

    #[test]
    fn long_strings_are_neither_copied_when_they_are_added_nor_when_they_are_sent() {
        let long = Bytes::from(vec![b'x'; 9000]);
        let verbatim = Response::Verbatim(*b"txt", ByteString::from(long.clone()));
        let mut plain = Packed::array();
        plain.push_shared(long.clone());
        let mut other = Packed::array();
        other.push_shared(long.clone());
        other.push_response(&verbatim);
        let text = "x".repeat(9000);
        check(
            other.clone(),
            &format!("*2\r\n$9000\r\n{text}\r\n$9000\r\n{text}\r\n"),
            &format!("*2\r\n$9000\r\n{text}\r\n=9004\r\ntxt:{text}\r\n"),
        );
        for (response, copies) in [(Response::from(plain), 1), (other.into(), 2)] {
            let mut output = Output::default();
            encode_response(&response, Protocol::Resp2, &mut output);
            assert_eq!(output.chunks().filter(|chunk| chunk.as_ptr() == long.as_ptr()).count(), copies);
        }
    }

    #[test]
    fn a_long_answer_is_in_chunks_that_are_shared() {
        let mut packed = Packed::array();
        (0..1_000_000).for_each(|number| packed.push(format!("{number:010}").as_bytes()));
        let response = Response::from(packed);
        let Response::Packed(packed) = &response else { panic!("it is packed") };
        assert!(packed.elements.chunks().all(|chunk| chunk.len() < 300 * 1024));
        let mut output = Output::default();
        encode_response(&response, Protocol::Resp3, &mut output);
        let mut sent = output.chunks();
        assert_eq!(sent.next(), Some(&b"*1000000\r\n"[..]));
        assert!(sent.map(<[u8]>::as_ptr).eq(packed.elements.chunks().map(<[u8]>::as_ptr)));
    }
}
