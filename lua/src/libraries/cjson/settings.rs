//! What a script can set, for as long as it runs. Each function returns the setting, after it was changed if it has an argument.

use super::super::arguments;
use crate::{Kind, Raise, Stack};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) sparse: Sparse,
    pub(super) encode_max_depth: i32,
    pub(super) decode_max_depth: i32,
    /// Significant digits.
    pub(super) encode_number_precision: i32,
    encode_keep_buffer: bool,
    pub(super) encode_invalid_numbers: InvalidNumbers,
    pub(super) decode_invalid_numbers: bool,
}

/// An array is excessively sparse if its largest index is above `safe` and above `ratio` times the count of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sparse {
    /// Such an array is encoded as an object, not refused.
    pub(super) convert: bool,
    /// 0: none is too sparse.
    pub(super) ratio: i32,
    pub(super) safe: i32,
}

/// What becomes of infinities and NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvalidNumbers {
    Refused,
    Encoded,
    Null,
}

impl Settings {
    pub(super) const DEFAULT: Self = Self {
        sparse: Sparse { convert: false, ratio: 2, safe: 10 },
        encode_max_depth: 1000,
        decode_max_depth: 1000,
        encode_number_precision: 14,
        encode_keep_buffer: true,
        encode_invalid_numbers: InvalidNumbers::Refused,
        decode_invalid_numbers: true,
    };

    /// Pushes a block for settings, which are those of the beginning.
    pub(super) fn push(stack: &mut Stack<'_>) -> Result<(), Raise> {
        stack.push_block(&Self::DEFAULT.written(0))
    }

    /// The settings of the function that runs.
    pub(super) fn of(stack: &mut Stack<'_>) -> Self {
        let run = stack.run_number();
        let block = stack.block().and_then(|block| block.as_array());
        // What another run has set is forgotten.
        block.and_then(|block| Self::read(block, run)).unwrap_or(Self::DEFAULT)
    }

    fn change(stack: &mut Stack<'_>, change: impl FnOnce(&mut Self)) -> Self {
        let mut settings = Self::of(stack);
        change(&mut settings);
        let written = settings.written(stack.run_number());
        if let Some(block) = stack.block() {
            block.copy_from_slice(&written);
        }
        settings
    }

    /// The number of the run, and the fields.
    fn written(self, run: u64) -> [u8; BLOCK] {
        let fields = [
            self.sparse.convert.into(),
            self.sparse.ratio,
            self.sparse.safe,
            self.encode_max_depth,
            self.decode_max_depth,
            self.encode_number_precision,
            self.encode_keep_buffer.into(),
            self.encode_invalid_numbers as i32,
            self.decode_invalid_numbers.into(),
        ];
        let mut block = [0; BLOCK];
        let (head, rest) = block.split_at_mut(size_of::<u64>());
        head.copy_from_slice(&run.to_le_bytes());
        rest.as_chunks_mut().0.iter_mut().zip(fields).for_each(|(place, field)| *place = field.to_le_bytes());
        block
    }

    /// The settings of `run`, if they are.
    fn read(block: &[u8; BLOCK], run: u64) -> Option<Self> {
        let (head, rest) = block.split_first_chunk()?;
        if u64::from_le_bytes(*head) != run {
            return None;
        }
        let field = |index: usize| rest.as_chunks().0.get(index).copied().map_or(0, i32::from_le_bytes);
        Some(Self {
            sparse: Sparse { convert: field(0) != 0, ratio: field(1), safe: field(2) },
            encode_max_depth: field(3),
            decode_max_depth: field(4),
            encode_number_precision: field(5),
            encode_keep_buffer: field(6) != 0,
            encode_invalid_numbers: match field(7) {
                0 => InvalidNumbers::Refused,
                1 => InvalidNumbers::Encoded,
                _ => InvalidNumbers::Null,
            },
            decode_invalid_numbers: field(8) != 0,
        })
    }
}

/// The bytes of a block.
const BLOCK: usize = size_of::<u64>() + 9 * size_of::<i32>();

/// `encode_sparse_array([convert [, ratio [, safe]]])`
pub(super) fn encode_sparse_array(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    pad(stack, 3)?;
    boolean(stack, 1, |settings| &mut settings.sparse.convert)?;
    integer(stack, 2, (0, i32::MAX), |settings| &mut settings.sparse.ratio)?;
    integer(stack, 3, (0, i32::MAX), |settings| &mut settings.sparse.safe)?;
    Ok(3)
}

/// `encode_max_depth([depth])`
pub(super) fn encode_max_depth(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    pad(stack, 1)?;
    integer(stack, 1, (1, i32::MAX), |settings| &mut settings.encode_max_depth)
}

/// `decode_max_depth([depth])`
pub(super) fn decode_max_depth(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    pad(stack, 1)?;
    integer(stack, 1, (1, i32::MAX), |settings| &mut settings.decode_max_depth)
}

/// `encode_number_precision([digits])`
pub(super) fn encode_number_precision(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    pad(stack, 1)?;
    integer(stack, 1, (1, 14), |settings| &mut settings.encode_number_precision)
}

/// `encode_keep_buffer([keep])`: is kept for scripts that set it, and changes nothing.
pub(super) fn encode_keep_buffer(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    pad(stack, 1)?;
    boolean(stack, 1, |settings| &mut settings.encode_keep_buffer)
}

/// `decode_invalid_numbers([allow])`
pub(super) fn decode_invalid_numbers(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    pad(stack, 1)?;
    boolean(stack, 1, |settings| &mut settings.decode_invalid_numbers)
}

/// `encode_invalid_numbers([allow | "null"])`
pub(super) fn encode_invalid_numbers(stack: &mut Stack<'_>) -> Result<usize, Raise> {
    use InvalidNumbers::{Encoded, Null, Refused};
    pad(stack, 1)?;
    let setting = match chosen(stack, 1, &["off", "on", "null"])? {
        Some(0) => Settings::change(stack, |settings| settings.encode_invalid_numbers = Refused).encode_invalid_numbers,
        Some(1) => Settings::change(stack, |settings| settings.encode_invalid_numbers = Encoded).encode_invalid_numbers,
        Some(_) => Settings::change(stack, |settings| settings.encode_invalid_numbers = Null).encode_invalid_numbers,
        None => Settings::of(stack).encode_invalid_numbers,
    };
    match setting {
        Refused | Encoded => stack.push_boolean(setting == Encoded)?,
        Null => stack.push_bytes(b"null")?,
    }
    Ok(1)
}

/// Arguments that are missing become nil.
fn pad(stack: &mut Stack<'_>, most: i32) -> Result<(), Raise> {
    if stack.len() > most {
        return Err(Raise::argument(most + 1, "found too many arguments"));
    }
    while stack.len() < most {
        stack.push_nil()?;
    }
    Ok(())
}

fn integer(
    stack: &mut Stack<'_>,
    argument: i32,
    bounds: (i32, i32),
    field: fn(&mut Settings) -> &mut i32,
) -> Result<usize, Raise> {
    let mut settings = Settings::of(stack);
    if stack.kind(argument) != Kind::Nil {
        // C cuts off the high bits.
        let value = arguments::integer(stack, argument)? as i32;
        let (smallest, largest) = bounds;
        if !(smallest..=largest).contains(&value) {
            return Err(Raise::argument(1, format!("expected integer between {smallest} and {largest}")));
        }
        settings = Settings::change(stack, |settings| *field(settings) = value);
    }
    stack.push_number((*field(&mut settings)).into())?;
    Ok(1)
}

fn boolean(stack: &mut Stack<'_>, argument: i32, field: fn(&mut Settings) -> &mut bool) -> Result<usize, Raise> {
    let mut settings = Settings::of(stack);
    if let Some(choice) = chosen(stack, argument, &["off", "on"])? {
        settings = Settings::change(stack, |settings| *field(settings) = choice == 1);
    }
    stack.push_boolean(*field(&mut settings))?;
    Ok(1)
}

/// Which of `options` an argument names; false and true are the first two.
fn chosen(stack: &Stack<'_>, argument: i32, options: &[&str]) -> Result<Option<usize>, Raise> {
    match stack.kind(argument) {
        Kind::Nil => Ok(None),
        Kind::Boolean => Ok(Some(stack.boolean(argument).into())),
        _ => {
            let name = arguments::c_string(stack, argument)?;
            let choice = options.iter().position(|option| option.as_bytes() == &name[..]);
            let unknown = || Raise::argument(argument, [b"invalid option '", &name[..], b"'"].concat());
            choice.map(Some).ok_or_else(unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidNumbers, Settings};

    #[test]
    fn a_block_holds_the_settings_of_one_run() {
        let mut settings = Settings::DEFAULT;
        settings.sparse.convert = true;
        settings.encode_invalid_numbers = InvalidNumbers::Null;
        settings.decode_max_depth = 7;
        let block = settings.written(3);
        assert_eq!(Settings::read(&block, 3), Some(settings));
        assert_eq!(Settings::read(&block, 4), None);
    }
}
