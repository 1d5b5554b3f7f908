// go-binance: streams by name in the URL, bare and combined; REST.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/adshao/go-binance/v2"
)

func say(did string, data any) {
	line, err := json.Marshal(map[string]any{"did": did, "data": data})
	check(err)
	fmt.Println(string(line))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func quote(event *binance.WsBookTickerEvent) map[string]any {
	return map[string]any{
		"u": event.UpdateID, "s": event.Symbol, "b": event.BestBidPrice, "B": event.BestBidQty,
		"a": event.BestAskPrice, "A": event.BestAskQty,
	}
}

func next[T any](events <-chan T) T {
	select {
	case event := <-events:
		return event
	case <-time.After(30 * time.Second):
		check(fmt.Errorf("too late"))
		panic("unreachable")
	}
}

func main() {
	rest, streams := os.Args[1], os.Args[2]
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == "github.com/adshao/go-binance/v2" {
			fmt.Printf("{\"version\":%q}\n", module.Version[1:])
		}
	}
	binance.BaseWsMainURL = streams + "/ws"
	binance.BaseCombinedMainURL = streams + "/stream?streams="
	client := binance.NewClient("", "")
	client.BaseURL = rest
	now, err := client.NewServerTimeService().Do(context.Background())
	check(err)
	say("REST ping, time", now)
	listing, err := client.NewExchangeInfoService().Symbol("BTCUSDT").Do(context.Background())
	check(err)
	say("REST exchangeInfo", listing.Symbols[0].Symbol)
	tickers, err := client.NewListBookTickersService().Do(context.Background())
	check(err)
	say("REST ticker/bookTicker of all", tickers)
	prices, err := client.NewListPricesService().Symbol("BTCUSDT").Do(context.Background())
	check(err)
	say("REST ticker/price", prices)

	failed := func(err error) { check(err) }
	quotes := make(chan *binance.WsBookTickerEvent, 100)
	_, _, err = binance.WsBookTickerServe("BTCUSDT", func(event *binance.WsBookTickerEvent) { quotes <- event }, failed)
	check(err)
	say("bookTicker", quote(next(quotes)))
	say("bookTicker", quote(next(quotes)))
	combined := make(chan *binance.WsBookTickerEvent, 100)
	both := []string{"BTCUSDT", "ETHUSDT"}
	_, _, err = binance.WsCombinedBookTickerServe(both, func(event *binance.WsBookTickerEvent) { combined <- event }, failed)
	check(err)
	say("combined bookTicker", quote(next(combined)))
	say("combined bookTicker", quote(next(combined)))
	figures := make(chan *binance.WsMarketStatEvent, 100)
	_, _, err = binance.WsMarketStatServe("BTCUSDT", func(event *binance.WsMarketStatEvent) { figures <- event }, failed)
	check(err)
	say("ticker", next(figures))
	every := make(chan binance.WsAllMiniMarketsStatEvent, 100)
	_, _, err = binance.WsAllMiniMarketsStatServe(func(event binance.WsAllMiniMarketsStatEvent) { every <- event }, failed)
	check(err)
	say("!miniTicker@arr", next(every))
}
