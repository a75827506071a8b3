//! [`Extensions`]: values of any type in a session.

use std::{
    any::{Any, TypeId},
    fmt,
    sync::Arc,
};

/// Values of any type that layers, handlers, listeners and authenticators store in a session. A value is found by its
/// type.
///
/// ```
/// use kvstore_protocol::Session;
///
/// struct Tenant(&'static str);
///
/// let mut session = Session::default();
/// session.extensions_mut().insert(Tenant("blue"));
/// assert_eq!(session.extensions().get::<Tenant>().map(|tenant| tenant.0), Some("blue"));
/// ```
#[derive(Clone, Default)]
pub struct Extensions(Vec<Extension>);

#[derive(Clone)]
struct Extension {
    id: TypeId,
    value: Arc<dyn Any + Send + Sync>,
    is_lasting: bool,
}

impl Extensions {
    /// Returns the value of type `T`.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.0.iter().find(|known| known.id == id).and_then(|known| known.value.downcast_ref())
    }

    /// Adds a value, and replaces an older one of the same type. [`Session::reset`](crate::Session::reset) removes it.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.put(Arc::new(value), false);
    }

    /// Adds a value that is kept until the connection is closed: for what a listener or a transport knows about the
    /// peer.
    pub fn insert_lasting<T: Send + Sync + 'static>(&mut self, value: T) {
        self.put(Arc::new(value), true);
    }

    /// The same for a value that several sessions share.
    pub fn insert_lasting_shared<T: Send + Sync + 'static>(&mut self, value: Arc<T>) {
        self.put(value, true);
    }

    /// Removes the value of type `T`.
    pub fn remove<T: Send + Sync + 'static>(&mut self) {
        self.0.retain(|known| known.id != TypeId::of::<T>());
    }

    /// Adds the values of `other`, and replaces older ones of the same types.
    pub fn extend(&mut self, other: Self) {
        self.0.retain(|known| other.0.iter().all(|new| new.id != known.id));
        self.0.extend(other.0);
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Removes the values that are not lasting.
    pub(crate) fn reset(&mut self) {
        self.0.retain(|known| known.is_lasting);
    }

    /// Makes all values lasting.
    pub(crate) fn lasting(mut self) -> Self {
        self.0.iter_mut().for_each(|known| known.is_lasting = true);
        self
    }

    fn put<T: Send + Sync + 'static>(&mut self, value: Arc<T>, is_lasting: bool) {
        self.remove::<T>();
        // Mostly there is one value, in each of very many sessions.
        self.0.reserve_exact(1);
        self.0.push(Extension { id: TypeId::of::<T>(), value, is_lasting });
    }
}

/// Shows only the number of values, since their types need not implement `Debug`.
impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extensions").field("values", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_type_and_replaced() {
        let mut extensions = Extensions::default();
        extensions.insert(1_u8);
        extensions.insert("text");
        extensions.insert(2_u8);
        assert_eq!((extensions.get::<u8>(), extensions.get::<&str>()), (Some(&2), Some(&"text")));
        assert_eq!(extensions.get::<u16>(), None);
    }

    #[test]
    fn lasting_values_outlive_a_reset() {
        let mut extensions = Extensions::default();
        extensions.insert(1_u8);
        extensions.insert_lasting(2_u16);
        extensions.reset();
        assert_eq!((extensions.get::<u8>(), extensions.get::<u16>()), (None, Some(&2)));
    }

    #[test]
    fn the_values_of_another_replace_those_of_the_same_type() {
        let (mut extensions, mut other) = (Extensions::default(), Extensions::default());
        extensions.insert(1_u8);
        extensions.insert(1_u16);
        other.insert(2_u8);
        extensions.extend(other);
        assert_eq!((extensions.get::<u8>(), extensions.get::<u16>()), (Some(&2), Some(&1)));
    }
}
