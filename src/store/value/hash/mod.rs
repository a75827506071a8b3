mod table;
pub(crate) use table::HashTable;
