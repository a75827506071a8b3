//! The libraries that Redis adds to Lua's own.
