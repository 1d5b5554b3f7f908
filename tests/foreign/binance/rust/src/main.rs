// The crate binance: one stream by name in the URL, with its own settings.
use std::sync::atomic::{AtomicBool, Ordering};

use binance::config::Config;
use binance::websockets::{WebSockets, WebsocketEvent};

fn main() {
    let streams = std::env::args().nth(2).expect("two URLs");
    println!("{}", serde_json::json!({"version": "0.21.3"}));
    let keep_running = AtomicBool::new(true);
    let mut left = 2;
    let mut sockets = WebSockets::new(|event: WebsocketEvent| {
        if let WebsocketEvent::BookTicker(quote) = event {
            let data = serde_json::json!({
                "u": quote.update_id, "s": quote.symbol, "b": quote.best_bid, "B": quote.best_bid_qty,
                "a": quote.best_ask, "A": quote.best_ask_qty,
            });
            println!("{}", serde_json::json!({"did": "bookTicker", "data": data}));
            left -= 1;
            if left == 0 {
                keep_running.store(false, Ordering::Relaxed);
            }
        }
        Ok(())
    });
    let config = Config::default().set_ws_endpoint(format!("{streams}/ws"));
    sockets.connect_with_config("btcusdt@bookTicker", &config).expect("connected");
    sockets.event_loop(&keep_running).expect("read");
    sockets.disconnect().ok();
}
