//! The codecs under tokio-util's `Framed`.

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use kvstore_protocol::{ClientCodec, Command, FrameError, Response, ServerCodec};
use proptest::{collection::vec, prelude::*};
use tokio_util::codec::{Encoder, Framed};

use crate::arbitrary::{command, response};

async fn answer_all(server: tokio::io::DuplexStream, responses: Vec<Response>) -> Result<Vec<Command>, FrameError> {
    let mut server = Framed::new(server, ServerCodec::default());
    let mut commands = Vec::new();
    for response in responses {
        let (command, tag) = server.next().await.expect("a command for each response")?;
        commands.push(command);
        server.send((response, tag)).await?;
    }
    Ok(commands)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_client_and_a_server_understand_each_other(commands in vec(command(), 1..5), value in response()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            // Small, so that messages are cut.
            let (client, server) = tokio::io::duplex(64);
            let mut client = Framed::new(client, ClientCodec::resp());
            let responses = commands.iter().map(|_| Response::bulk(value.to_string())).collect::<Vec<_>>();
            let server = tokio::spawn(answer_all(server, responses.clone()));
            for (command, response) in commands.iter().zip(&responses) {
                client.send(command.clone()).await?;
                assert_eq!(&client.next().await.expect("a response")?, response);
            }
            assert_eq!(server.await.expect("the server returns")?, commands);
            Ok::<(), FrameError>(())
        })
        .expect("no error");
    }

    #[test]
    fn messages_are_appended_to_what_is_in_the_buffer(commands in vec(command(), 1..5)) {
        let (mut codec, mut bytes, mut expected) = (ClientCodec::resp(), BytesMut::new(), Vec::new());
        for command in commands {
            expected.extend(crate::arbitrary::encoded(|output| codec.encode(&command, output).expect("RESP has it")));
            Encoder::encode(&mut codec, command, &mut bytes).expect("RESP has it");
        }
        prop_assert_eq!(&bytes[..], &expected[..]);
    }
}
