//! The commands on bits.

use super::{CommandDocs, row};

pub(super) static ROWS: &[CommandDocs] = &[
    row("BITCOUNT", "2.6.0", "O(N) for N bytes", "Counts the set bits of a string.")
        .takes("key [range(start [end-unit-block(end [unit<BYTE | BIT>])])]"),
    row("BITFIELD", "3.2.0", "O(1) for each operation", "Reads and changes integers of any width in a string.").takes(
        "key [operation<GET get-block(encoding offset) | write([OVERFLOW overflow-block<WRAP | SAT | FAIL>] \
             write-operation<SET set-block(encoding offset value:integer) | INCRBY incrby-block(encoding offset \
             increment)>)>...]",
    ),
    row("BITFIELD_RO", "6.0.0", "O(1) for each operation", "Reads integers of any width in a string.")
        .takes("key [GET get-block(encoding offset)]..."),
    row(
        "BITOP",
        "2.6.0",
        "O(N) for N bytes of the longest string",
        "Combines strings bit by bit and stores the result.",
    )
    .takes("operation<AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey key..."),
    row("BITPOS", "2.8.7", "O(N) for N bytes", "Finds the first set or clear bit of a string.")
        .takes("key bit [range(start [end-unit-block(end [unit<BYTE | BIT>])])]"),
    row("GETBIT", "2.2.0", "O(1)", "Returns a bit of a string.").takes("key offset"),
    row("SETBIT", "2.2.0", "O(1)", "Sets or clears a bit of a string.").takes("key offset value:integer"),
];
