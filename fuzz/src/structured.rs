//! Commands and responses made of the bytes of an input.

use arbitrary::{Result, Unstructured};
use kvstore_protocol::{Command, Packed, Response};

use crate::{CodecSettings, Limits};

/// How deep responses are nested.
const DEPTH: usize = 6;

/// Settings, a command, and a response.
pub(crate) fn exchange(data: &mut Unstructured<'_>) -> Result<(CodecSettings, Command, Response)> {
    let cuts = vec![data.int_in_range(1..=300)?, data.int_in_range(1..=20)?];
    let settings = CodecSettings { limits: Limits::default(), cuts };
    Ok((settings, command(data)?, response(data, DEPTH)?))
}

fn command(data: &mut Unstructured<'_>) -> Result<Command> {
    let name = match data.int_in_range(0..=5_u8)? {
        0 => b"GET".to_vec(),
        1 => b"set".to_vec(),
        2 => b"CLEAR".to_vec(),
        3 => b"PING".to_vec(),
        _ => text(data)?,
    };
    let count = data.int_in_range(0..=6)?;
    let args = (0..count).map(|_| text(data)).collect::<Result<Vec<_>>>()?;
    Ok(Command::new(name).with_args(args))
}

fn response(data: &mut Unstructured<'_>, depth: usize) -> Result<Response> {
    let last = if depth == 0 { 10 } else { 17 };
    Ok(match data.int_in_range(0..=last)? {
        0 => Response::Simple(text(data)?.into()),
        1 => Response::Error(text(data)?.into()),
        2 => Response::Integer(data.arbitrary()?),
        3 => Response::Bulk(text(data)?.into()),
        4 => Response::Null,
        5 => Response::NullArray,
        6 => Response::Double(data.arbitrary()?),
        7 => Response::Boolean(data.arbitrary()?),
        8 => Response::BigNumber(format!("{}", data.arbitrary::<i128>()?).into()),
        9 => Response::Verbatim(data.arbitrary()?, text(data)?.into()),
        10 => Response::Silent,
        11 => Response::Array(items(data, depth)?),
        12 => Response::Set(items(data, depth)?),
        13 => Response::Push(items(data, depth)?),
        14 => Response::Messages(items(data, depth)?),
        15 => Response::Close(Box::new(response(data, depth - 1)?)),
        16 => packed(data, depth)?.into(),
        _ => {
            let count = data.int_in_range(0..=4)?;
            let pair = |_| Ok((response(data, depth - 1)?, response(data, depth - 1)?));
            Response::Map((0..count).map(pair).collect::<Result<_>>()?)
        }
    })
}

fn packed(data: &mut Unstructured<'_>, depth: usize) -> Result<Packed> {
    let kinds = [Packed::array(), Packed::set(), Packed::map(), Packed::pairs()];
    let mut packed = data.choose(&kinds)?.clone();
    items(data, depth)?.iter().for_each(|item| packed.push_response(item));
    Ok(packed)
}

fn items(data: &mut Unstructured<'_>, depth: usize) -> Result<Vec<Response>> {
    let count = data.int_in_range(0..=6)?;
    (0..count).map(|_| response(data, depth - 1)).collect()
}

/// Bytes: as they come, or one of them repeated until it is worth sharing.
fn text(data: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    match data.int_in_range(0..=15_u8)? {
        0 => Ok(vec![data.arbitrary()?; data.int_in_range(60..=9000)?]),
        _ => {
            let length = data.int_in_range(0..=90_usize)?.min(data.len());
            data.bytes(length).map(<[u8]>::to_vec)
        }
    }
}
