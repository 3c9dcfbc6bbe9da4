mod faults;
mod hostile;
mod rfc7606;

use super::{Context, Decoder, Fault, Message, MessageType, message};
use crate::Family;

/// An external peer with every feature agreed on.
fn context() -> Context {
    Context {
        four_octet_as: true,
        internal: false,
        extended_message: false,
        families: Family::ALL.into(),
        extended_next_hop: true,
    }
}

fn frame(kind: MessageType, body: &[u8]) -> Vec<u8> {
    let mut buffer = Vec::new();
    message(&mut buffer, kind, |buffer| buffer.extend_from_slice(body));
    buffer
}

/// Decodes a single message that is there as a whole.
fn decode(bytes: &[u8], context: Context) -> Result<Message, Fault> {
    let mut decoder = Decoder::default();
    decoder.agree(context);
    decoder.push(bytes);
    decoder.next_message().map(|message| message.expect("the message is complete"))
}

/// Builds the body of an UPDATE out of its three parts.
fn update_body(withdrawn: &[u8], attributes: &[u8], routes: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u16::try_from(part.len()).unwrap().to_be_bytes();
    [&length(withdrawn)[..], withdrawn, &length(attributes), attributes, routes].concat()
}
