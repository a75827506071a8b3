//! The commands of the store: reading [`FAMILIES`] is reading the feature list.

mod strings;

use kvstore_protocol::NameMap;

use super::spec::Spec;

/// Every command, family by family.
const FAMILIES: &[&[Spec]] = &[strings::SPECS];

/// The rows by name.
pub(super) fn table() -> NameMap<&'static Spec> {
    FAMILIES.iter().flat_map(|family| family.iter()).map(|spec| (spec.name, spec)).collect()
}
