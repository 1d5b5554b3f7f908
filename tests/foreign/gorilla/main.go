// A client made with gorilla/websocket; tests/foreign/__init__.py says what it does.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/gorilla/websocket"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	dialer := websocket.Dialer{EnableCompression: os.Args[2] == "deflate"}
	connection, response, err := dialer.Dial(os.Args[1], nil)
	check(err)
	extensions, _ := json.Marshal(map[string]string{"extensions": response.Header.Get("Sec-WebSocket-Extensions")})
	fmt.Println(string(extensions))
	for _, message := range os.Args[3:] {
		check(connection.WriteMessage(websocket.TextMessage, []byte(message)))
	}
	for batches := 0; batches < 3; {
		_, data, err := connection.ReadMessage()
		check(err)
		fmt.Println(string(data))
		var message struct{ Type string }
		check(json.Unmarshal(data, &message))
		if message.Type == "ticks" {
			batches++
		}
	}
	check(connection.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")))
	_, _, err = connection.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
		check(err)
	}
}
