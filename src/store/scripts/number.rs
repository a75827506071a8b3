//! Numbers of Lua as arguments of commands.

use kvstore_protocol::format_double;

/// Appends the text of a number: of an integer its digits, of any other the fewest that say which it is.
pub(super) fn push_number(number: f64, text: &mut Vec<u8>) {
    if number.is_nan() {
        // As C prints it: what 0/0 is has a sign here.
        return text.extend_from_slice(if number.is_sign_negative() { b"-nan" } else { b"nan" });
    }
    let integer = number as i64;
    // The negative zero becomes the other one.
    if integer as f64 == number && integer != i64::MAX {
        return text.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    }
    text.extend_from_slice(format_double(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_of_redis_8() {
        for (number, expected) in [
            (3.0, "3"),
            (-5.0, "-5"),
            (0.0, "0"),
            (-0.0, "0"),
            (1e15, "1000000000000000"),
            (9007199254740992.0, "9007199254740992"),
            (3.5, "3.5"),
            (0.1, "0.1"),
            (-0.1, "-0.1"),
            (2.1, "2.1"),
            (1e300, "1e+300"),
            (1e20, "1e+20"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e-7, "1e-7"),
            (0.0001, "0.0001"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN.copysign(1.0), "nan"),
            (f64::NAN.copysign(-1.0), "-nan"),
        ] {
            let mut text = Vec::new();
            push_number(number, &mut text);
            assert_eq!(String::from_utf8_lossy(&text), expected, "{number:?}");
        }
    }
}
