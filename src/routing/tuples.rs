//! `for_each_tuple!`: calls a macro with the names of one to eight extractors, and with none.

macro_rules! for_each_tuple {
    ($macro:ident) => {
        $macro!();
        $macro!(A);
        $macro!(A, B);
        $macro!(A, B, C);
        $macro!(A, B, C, D);
        $macro!(A, B, C, D, E);
        $macro!(A, B, C, D, E, G);
        $macro!(A, B, C, D, E, G, H);
        $macro!(A, B, C, D, E, G, H, I);
    };
}

pub(super) use for_each_tuple;
