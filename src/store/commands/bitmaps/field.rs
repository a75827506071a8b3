//! BITFIELD and BITFIELD_RO: integers of any width in a string.

use kvstore_protocol::{CommandError, Response};

use super::{
    field_type::{FieldType, Overflow},
    parse_offset,
};
use crate::store::{
    args::Args,
    call::Call,
    change::Event,
    spec::{Answer, Spec},
    value::StringValue,
};

pub(in super::super) const SPECS: &[Spec] = &[BITFIELD, BITFIELD_RO];

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset increment …]`: reads and
/// changes fields in their order. Answers what each was, or with INCRBY is; null for one that would overflow.
const BITFIELD: Spec = Spec::new("BITFIELD", bitfield);

fn bitfield(call: &mut Call<'_>) -> Answer {
    let operations = Operation::parse_all(call)?;
    let Some(end) = operations.iter().filter(|operation| operation.writes()).map(Operation::end).max() else {
        return read(call, &operations);
    };
    let mut answers = Vec::with_capacity(operations.len());
    let Some(mut string) = call.edit::<StringValue>(0, Event::SETBIT)? else {
        let mut string = StringValue::new(Vec::new());
        let event = change(&mut string, &operations, end, &mut answers);
        call.create(0, string, event.unwrap_or(Event::BITFIELD));
        return Ok(Response::Array(answers));
    };
    let touched = operations.iter().filter(|operation| operation.writes()).map(Operation::start).min();
    string.afford(string.work_of_change(touched.unwrap_or_default()..end))?;
    if let Some(event) = string.update(|string| change(string, &operations, end, &mut answers)) {
        string.set_event(event);
    }
    Ok(Response::Array(answers))
}

/// `BITFIELD_RO key [GET type offset …]`: the same, and changes nothing.
const BITFIELD_RO: Spec = Spec::new("BITFIELD_RO", bitfield_ro);

fn bitfield_ro(call: &mut Call<'_>) -> Answer {
    const ONLY_GET: CommandError = CommandError::new("ERR", "BITFIELD_RO only supports the GET subcommand");
    let operations = Operation::parse_all(call)?;
    if operations.iter().any(Operation::writes) {
        return Err(ONLY_GET);
    }
    read(call, &operations)
}

fn read(call: &mut Call<'_>, operations: &[Operation]) -> Answer {
    let string = call.get::<StringValue>(0)?;
    let bytes = string.as_deref().unwrap_or_default();
    let values = operations.iter().map(|Operation { field, offset, .. }| field.get(bytes, *offset).into());
    Ok(Response::Array(values.collect()))
}

/// Runs operations of which some write. The string has `end` bytes at least, also if none of them changes anything. Returns what it is
/// that has changed: Redis does not tell that it has grown for fields that have all failed.
fn change(
    string: &mut StringValue,
    operations: &[Operation],
    end: usize,
    answers: &mut Vec<Response>,
) -> Option<Event> {
    let has_grown = string.len() < end;
    if has_grown {
        string.overwrite(end - 1, &[0]);
    }
    let mut changed = has_grown.then_some(Event::BITFIELD);
    for operation in operations {
        if operation.run(string, answers).is_some_and(|is_other| is_other || has_grown) {
            changed = Some(Event::SETBIT);
        }
    }
    changed
}

struct Operation {
    field: FieldType,
    offset: u64,
    change: Change,
}

/// What is done with a field.
enum Change {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

impl Operation {
    fn parse_all(call: &Call<'_>) -> Result<Vec<Self>, CommandError> {
        let args = &call.args();
        let (mut operations, mut overflow, mut at) = (Vec::new(), Overflow::default(), 1);
        while at < args.len() {
            if args.is(at, "OVERFLOW") && at + 1 < args.len() {
                overflow = parse_overflow(args, at + 1)?;
                at += 2;
                continue;
            }
            let (operation, words) = Self::parse(call, at, overflow)?;
            operations.push(operation);
            at += words;
        }
        Ok(operations)
    }

    /// Parses an operation, and returns how many words it has.
    fn parse(call: &Call<'_>, at: usize, overflow: Overflow) -> Result<(Self, usize), CommandError> {
        let args = &call.args();
        let is_get = args.is(at, "GET");
        let words = if is_get { 3 } else { 4 };
        if !(is_get || args.is(at, "SET") || args.is(at, "INCRBY")) || at + words > args.len() {
            return Err(CommandError::SYNTAX);
        }
        let field = FieldType::parse(args.bytes(at + 1))?;
        let offset = parse_offset(args.bytes(at + 2), Some(field.width()), call)?;
        let change = match is_get {
            true => Change::Get,
            false if args.is(at, "SET") => Change::Set(args.integer(at + 3)?, overflow),
            false => Change::Increment(args.integer(at + 3)?, overflow),
        };
        Ok((Self { field, offset, change }, words))
    }

    fn writes(&self) -> bool {
        !matches!(self.change, Change::Get)
    }

    /// The first byte that it touches, and the one behind the last.
    fn start(&self) -> usize {
        (self.offset / 8) as usize
    }

    fn end(&self) -> usize {
        ((self.offset + self.field.width() - 1) / 8) as usize + 1
    }

    /// Answers the operation. If it has set the field, returns whether that was another value.
    fn run(&self, string: &mut StringValue, answers: &mut Vec<Response>) -> Option<bool> {
        let (field, before) = (self.field, self.field.get(string.as_bytes(), self.offset));
        let (after, is_new) = match self.change {
            Change::Get => (Some(before), false),
            Change::Set(value, overflow) => (field.fit(field.value_to_set(value), overflow), false),
            Change::Increment(by, overflow) => (field.fit(i128::from(before) + i128::from(by), overflow), true),
        };
        answers.push(after.map_or(Response::Null, |after| if is_new { after } else { before }.into()));
        let after = after.filter(|_| self.writes())?;
        if after != before {
            let (start, patch) = field.set(string.as_bytes(), self.offset, after);
            string.overwrite(start, &patch);
        }
        Some(after != before)
    }
}

fn parse_overflow(args: &Args<'_>, at: usize) -> Result<Overflow, CommandError> {
    const INVALID: CommandError = CommandError::new("ERR", "Invalid OVERFLOW type specified");
    let known = [("WRAP", Overflow::Wrap), ("SAT", Overflow::Saturate), ("FAIL", Overflow::Fail)];
    known.iter().find(|(name, _)| args.is(at, name)).map(|(_, overflow)| *overflow).ok_or(INVALID)
}

#[cfg(test)]
mod tests {
    use crate::store::testing::TestStore;

    #[test]
    fn fields_are_read_and_changed_in_their_order() {
        TestStore::new().check([
            ("BITFIELD k SET u8 0 255 GET u8 0 SET u8 0 100 GET u8 0", "[:0, :255, :255, :100]"),
            ("BITFIELD k INCRBY u8 #0 10 GET i4 0 GET u1 100", "[:110, :6, :0]"),
            ("BITFIELD k SET i64 3 -1 GET i64 3 GET u3 0", "[:8070450532247928832, :-1, :3]"),
            ("BITFIELD k", "[]"),
            ("BITFIELD missing GET u8 0", "[:0]"),
            ("EXISTS missing", ":0"),
            ("BITFIELD_RO k GET u3 0 GET u8 #100", "[:3, :0]"),
        ]);
    }

    #[test]
    fn overflow_wraps_until_it_is_to_do_otherwise() {
        TestStore::new().check([
            ("BITFIELD k SET u2 0 3", "[:0]"),
            ("BITFIELD k INCRBY u2 0 1 OVERFLOW SAT INCRBY u2 0 9 OVERFLOW FAIL INCRBY u2 0 1", "[:0, :3, (nil)]"),
            ("BITFIELD k OVERFLOW WRAP SET i8 100 300 GET i8 100", "[:0, :44]"),
            (
                "BITFIELD n OVERFLOW SAT INCRBY i64 0 9223372036854775807 SET i8 100 300 SET u8 0 -1",
                "[:9223372036854775807, :0, :127]",
            ),
            ("BITFIELD n GET u8 0", "[:255]"),
        ]);
    }

    #[test]
    fn a_string_grows_up_to_a_field_that_fails() {
        TestStore::new().check([
            ("BITFIELD k OVERFLOW FAIL INCRBY u2 30 9", "[(nil)]"),
            ("STRLEN k", ":4"),
            ("EXPIRE k 10", ":1"),
            ("BITFIELD k SET u8 33 1", "[:0]"),
            ("STRLEN k", ":6"),
            ("TTL k", ":10"),
        ]);
    }

    #[test]
    fn what_is_no_field_is_refused() {
        const TYPE: &str =
            "-ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
        const OFFSET: &str = "-ERR bit offset is not an integer or out of range";
        TestStore::new().check([
            ("BITFIELD k GET u64 0", TYPE),
            ("BITFIELD k GET u8 x", OFFSET),
            ("BITFIELD k GET u8 #4294967296", OFFSET),
            ("BITFIELD k GET i8 4294967295", "[:0]"),
            ("BITFIELD k OVERFLOW x GET u8 0", "-ERR Invalid OVERFLOW type specified"),
            ("BITFIELD k OVERFLOW", "-ERR syntax error"),
            ("BITFIELD k SET u8 0", "-ERR syntax error"),
            ("BITFIELD k SET u8 0 x", "-ERR value is not an integer or out of range"),
            ("BITFIELD k XX", "-ERR syntax error"),
            ("BITFIELD_RO k SET u8 0 1", "-ERR BITFIELD_RO only supports the GET subcommand"),
            ("EXISTS k", ":0"),
            ("RPUSH list a", ":1"),
            ("BITFIELD list GET u8 0", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            ("BITFIELD list SET u8 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ]);
    }
}
