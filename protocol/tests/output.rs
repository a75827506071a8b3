//! `Output` is a queue of bytes, whatever their lengths and however they are taken out.

use std::io::IoSlice;

use bytes::{Buf, Bytes};
use kvstore_protocol::Output;
use proptest::{collection::vec, prelude::*};

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Share(usize),
    Take(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..100_usize).prop_map(Step::Append),
        prop_oneof![0..100_usize, 8_190..8_200_usize].prop_map(Step::Share),
        (0..20_000_usize).prop_map(Step::Take),
    ]
}

proptest! {
    #[test]
    fn bytes_come_out_in_the_order_in_which_they_went_in(steps in vec(step(), 0..30)) {
        let (mut output, mut model) = (Output::default(), Vec::new());
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                Step::Append(length) => {
                    output.bytes().extend_from_slice(&vec![index as u8; length]);
                    model.extend(vec![index as u8; length]);
                }
                Step::Share(length) => {
                    output.share(Bytes::from(vec![index as u8; length]));
                    model.extend(vec![index as u8; length]);
                }
                Step::Take(length) => {
                    let length = length.min(model.len());
                    output.advance(length);
                    model.drain(..length);
                }
            }
            prop_assert_eq!(output.remaining(), model.len());
            prop_assert!(model.starts_with(output.chunk()) && output.chunk().is_empty() == model.is_empty());
            let mut slices = [IoSlice::new(&[]); 64];
            let count = output.chunks_vectored(&mut slices);
            let taken: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
            prop_assert_eq!(&taken, &model);
        }
    }
}
