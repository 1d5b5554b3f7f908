//! A client made with tungstenite; tests/foreign/__init__.py says what it does. It has no compression.

use tungstenite::{connect, Message};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let (mut socket, response) = connect(arguments[1].as_str())?;
    let extensions = response.headers().get("Sec-WebSocket-Extensions");
    println!("{{\"extensions\":\"{}\"}}", extensions.map_or("", |value| value.to_str().unwrap()));
    for message in &arguments[3..] {
        socket.send(Message::Text(message.clone()))?;
    }
    let mut batches = 0;
    while batches < 3 {
        if let Message::Text(text) = socket.read()? {
            println!("{text}");
            batches += text.starts_with("{\"type\":\"ticks\"") as u32;
        }
    }
    socket.close(None)?;
    loop {
        match socket.read() {
            Ok(_) => {}
            Err(tungstenite::Error::ConnectionClosed) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}
