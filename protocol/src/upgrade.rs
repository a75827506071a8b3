//! [`Upgrade`]: a response that upgrades a connection to another protocol.

use std::{
    any::Any,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// A value for the transport, in a response that upgrades the connection to another protocol.
///
/// The transport knows the type of the value; to layers and codecs it is opaque. It can be taken once, from any clone. Two are
/// equal when they are clones of each other.
///
/// ```
/// use kvstore_protocol::{Upgrade, Response};
///
/// let upgrade = Upgrade::new("what a transport understands");
/// let answer = Response::Upgrade(upgrade.clone());
/// assert_eq!(upgrade.take::<u8>(), None);
/// assert_eq!(upgrade.take::<&str>(), Some("what a transport understands"));
/// assert_eq!(upgrade.take::<&str>(), None);
/// ```
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Option<Box<dyn Any + Send>>>>);

impl Upgrade {
    /// Creates an upgrade with a value for the transport.
    pub fn new<T: Any + Send>(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(value)))))
    }

    /// Takes the value, if it has this type and was not taken.
    pub fn take<T: Any>(&self) -> Option<T> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match held.take()?.downcast() {
            Ok(value) => Some(*value),
            Err(other) => {
                *held = Some(other);
                None
            }
        }
    }
}

impl PartialEq for Upgrade {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}
