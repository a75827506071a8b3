//! Numbers of variable length: seven bits a byte, the lowest first, the highest bit set in all but the last.

/// The most bytes of a number.
pub(super) const MAX: usize = 10;

pub(super) fn push(buffer: &mut Vec<u8>, number: u64) {
    if number < 0x80 {
        return buffer.push(number as u8);
    }
    let mut bytes = [0; MAX];
    let size = write(number, &mut bytes);
    buffer.extend_from_slice(&bytes[..size]);
}

/// Writes a number into room that is large enough, and returns its length.
pub(super) fn write(mut number: u64, room: &mut [u8]) -> usize {
    let mut size = 0;
    while number >= 0x80 {
        room[size] = number as u8 | 0x80;
        number >>= 7;
        size += 1;
    }
    room[size] = number as u8;
    size + 1
}

/// Reads a number, and returns it with its length; `None` if there is none.
pub(super) fn read(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(MAX).enumerate() {
        number |= u64::from(byte & 0x7F).checked_shl(7 * index as u32)?;
        if *byte < 0x80 {
            return Some((number, index + 1));
        }
    }
    None
}

/// The bytes that a number takes.
pub(super) fn length(number: u64) -> usize {
    (number.checked_ilog2().unwrap_or_default() / 7 + 1) as usize
}

/// A number with a sign as one without, which is small if that is near zero.
pub(super) const fn from_signed(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

pub(super) const fn to_signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_was_written() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            push(&mut bytes, number);
            assert_eq!(length(number), bytes.len());
            assert_eq!(read(&[&bytes[..], &[7]].concat()), Some((number, bytes.len())));
            assert_eq!(read(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(read(&[0xFF; 20]), None);
        for number in [0, -1, 1, -300, i64::MAX, i64::MIN] {
            assert_eq!(to_signed(from_signed(number)), number);
        }
        assert_eq!((from_signed(-1), from_signed(1)), (1, 2));
    }
}
