//! Sorted sets.
//!
//! - `add` ZADD, ZINCRBY; `members` what asks for members: ZSCORE, ZRANK, ZREM …; `pop` ZPOPMIN, ZPOPMAX, ZMPOP
//! - `range` ZRANGE and everything else on a range: `range_options` says which
//! - `combine` ZUNION, ZINTER, ZDIFF
//! - `scored` members with their scores as an answer

pub(super) mod add;
pub(super) mod combine;
pub(super) mod members;
pub(super) mod pop;
pub(super) mod range;
mod range_options;
mod scored;

use kvstore_protocol::CommandError;

const NOT_A_FLOAT: CommandError = CommandError::NOT_A_FLOAT;
const NAN: CommandError = CommandError::new("ERR", "resulting score is not a number (NaN)");
