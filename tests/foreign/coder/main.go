// A client made with coder/websocket; tests/foreign/__init__.py says what it does.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/coder/websocket"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ways := map[string]websocket.CompressionMode{
		"deflate":  websocket.CompressionNoContextTakeover,
		"takeover": websocket.CompressionContextTakeover,
		"plain":    websocket.CompressionDisabled,
	}
	ctx := context.Background()
	options := &websocket.DialOptions{CompressionMode: ways[os.Args[2]], CompressionThreshold: 1}
	connection, response, err := websocket.Dial(ctx, os.Args[1], options)
	check(err)
	connection.SetReadLimit(1 << 20)
	extensions, _ := json.Marshal(map[string]string{"extensions": response.Header.Get("Sec-WebSocket-Extensions")})
	fmt.Println(string(extensions))
	for _, message := range os.Args[3:] {
		check(connection.Write(ctx, websocket.MessageText, []byte(message)))
	}
	for batches := 0; batches < 3; {
		_, data, err := connection.Read(ctx)
		check(err)
		fmt.Println(string(data))
		var message struct{ Type string }
		check(json.Unmarshal(data, &message))
		if message.Type == "ticks" {
			batches++
		}
	}
	check(connection.Close(websocket.StatusNormalClosure, ""))
}
