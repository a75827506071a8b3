//! [`Compression`]: how the blocks of a snapshot are compressed.

use std::fmt;

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

/// The level of Zstandard: a higher one takes much longer, and saves little of what is in blocks.
#[cfg(feature = "zstd")]
const ZSTD_LEVEL: i32 = 1;

/// How snapshots are compressed. Each block of a file says how it is, so any of them is read whatever is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    None,
    /// With LZ4, which costs little.
    #[default]
    Lz4,
    /// With Zstandard, which takes longer and makes smaller files.
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Compression {
    /// All that there are.
    pub const ALL: &[Self] = &[
        Self::None,
        Self::Lz4,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    /// Returns the compression with this name, without regard to case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| name.eq_ignore_ascii_case(known.name()))
    }

    /// Returns the name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            #[cfg(feature = "zstd")]
            Self::Zstd => "zstd",
        }
    }

    /// The number in a block.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Lz4 => 1,
            #[cfg(feature = "zstd")]
            Self::Zstd => 2,
        }
    }

    pub(super) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.number() == number)
    }

    /// The most bytes that so many may take.
    pub(super) fn most(self, size: usize) -> usize {
        match self {
            Self::None => size,
            Self::Lz4 => get_maximum_output_size(size),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::zstd_safe::compress_bound(size),
        }
    }

    /// Compresses bytes into room for the [most](Self::most) that they take. Returns how many they are then.
    pub(super) fn compress(self, bytes: &[u8], room: &mut [u8]) -> usize {
        const ROOM: &str = "there is room for the most that it takes";
        match self {
            Self::None => {
                room[..bytes.len()].copy_from_slice(bytes);
                bytes.len()
            }
            Self::Lz4 => compress_into(bytes, room).expect(ROOM),
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::bulk::compress_to_buffer(bytes, room, ZSTD_LEVEL).expect(ROOM),
        }
    }

    /// Decompresses bytes that fill the room. `None` if they do not, or are damaged.
    pub(super) fn decompress(self, bytes: &[u8], room: &mut [u8]) -> Option<()> {
        let size = match self {
            Self::None if bytes.len() == room.len() => {
                room.copy_from_slice(bytes);
                room.len()
            }
            Self::None => return None,
            Self::Lz4 => decompress_into(bytes, room).ok()?,
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::bulk::decompress_to_buffer(bytes, room).ok()?,
        };
        (size == room.len()).then_some(())
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_name_and_a_number() {
        for compression in Compression::ALL {
            assert_eq!(Compression::named(&compression.name().to_uppercase()), Some(*compression));
            assert_eq!(Compression::from_number(compression.number()), Some(*compression));
        }
        assert_eq!((Compression::named("lzf"), Compression::from_number(3)), (None, None));
    }

    #[test]
    fn what_is_compressed_is_decompressed_into_room_of_its_size() {
        let random: Vec<u8> = (0..10_000_u32).map(|number| (number.wrapping_mul(0x9E37_79B9) >> 13) as u8).collect();
        for bytes in [&b""[..], b"text", &[7; 10_000], &random] {
            for compression in Compression::ALL {
                let mut compressed = vec![0; compression.most(bytes.len())];
                let size = compression.compress(bytes, &mut compressed);
                let mut room = vec![0; bytes.len()];
                assert_eq!(compression.decompress(&compressed[..size], &mut room), Some(()), "{compression}");
                assert_eq!(room, bytes);
                assert_eq!(compression.decompress(&compressed[..size], &mut vec![0; bytes.len() + 1]), None);
            }
        }
    }
}
