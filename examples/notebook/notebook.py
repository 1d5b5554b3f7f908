"""A minute of prices in a notebook: every tick as a table of Polars, and candles made of them.

marimo edit examples/notebook/notebook.py            # in a browser
python examples/notebook/notebook.py -- --seconds 5  # as a script, which prints the candles
"""

import marimo

app = marimo.App(width="medium")


@app.cell
def _():
    import os
    import time

    import marimo as mo
    import polars as pl

    import tickgate_client

    return mo, os, pl, tickgate_client, time


@app.cell
def _(mo):
    told = mo.cli_args()
    url = str(told.get("url") or "ws://127.0.0.1:8080/ws")
    symbol = str(told.get("symbol") or "BTC")
    seconds = float(told.get("seconds") or 60)
    every = str(told.get("every") or "5s")
    mo.md(f"""
    # {seconds:g} seconds of {symbol}

    From `{url}`. Every single tick, since candles over a few of them would be wrong: `conflate=False`.
    A `Gap` would say where one is missing.
    """)
    return every, seconds, symbol, url


@app.cell
def _(os, seconds, symbol, tickgate_client, time, url):
    ticks, gaps = [], []
    with tickgate_client.connect_sync(url, token=os.environ.get("TICKGATE_TOKEN")) as stream:
        stream.subscribe(symbol, conflate=False)
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            match stream.take(timeout_s=left_s):
                case tickgate_client.Tick() as tick:
                    ticks.append(tick)
                case tickgate_client.Gap() as gap:
                    gaps.append(gap)
    return gaps, ticks


@app.cell
def _(gaps, mo, ticks, tickgate_client):
    # Decimals: what the exchange wrote, to the digit.
    table = tickgate_client.to_polars(ticks)
    mo.vstack([mo.md(f"{len(ticks)} ticks, {len(gaps)} gaps"), table])
    return (table,)


@app.cell
def _(every, pl, table):
    # A decimal more than the prices have: half of an odd number must not be rounded.
    finer = pl.Decimal(38, table.schema["bid"].scale + 1)
    mid = (pl.col("bid") + pl.col("ask")).cast(finer) / 2
    candles = (
        table.sort("seq")
        .group_by_dynamic("time", every=every, group_by="symbol")
        .agg(
            open=mid.first(),
            high=mid.max(),
            low=mid.min(),
            close=mid.last(),
            spread=(pl.col("ask") - pl.col("bid")).mean(),
            ticks=pl.len(),
        )
    )
    candles
    return (candles,)


@app.cell
def _(candles, mo):
    def chart(rows, width=640, height=240):
        """Candles as SVG. A picture may round: its floats are pixels, not prices."""
        low, high = (float(edge) for edge in (candles["low"].min(), candles["high"].max()))

        def y(price):
            return height - (float(price) - low) / ((high - low) or 1) * height

        step, parts = width / max(len(rows), 1), []
        for number, row in enumerate(rows):
            x, rises = (number + 0.5) * step, row["close"] >= row["open"]
            colour = "#2a9d5c" if rises else "#c8443c"
            top, bottom = sorted((y(row["open"]), y(row["close"])))
            parts.append(f'<path d="M{x} {y(row["high"])}V{y(row["low"])}" stroke="{colour}"/>')
            box = f'x="{x - step / 3}" y="{top}" width="{step / 1.5}" height="{max(bottom - top, 1)}"'
            parts.append(f'<rect {box} fill="{colour}"/>')
        return f'<svg viewBox="0 0 {width} {height}" width="100%">{"".join(parts)}</svg>'

    mo.Html(chart(candles.to_dicts()))
    return


@app.cell
def _(candles, mo):
    if not mo.running_in_notebook():
        for row in candles.iter_rows(named=True):
            prices = " ".join(f"{name} {row[name]:f}" for name in ("open", "high", "low", "close"))
            print(f"{row['symbol']} {row['time']:%H:%M:%S} {prices} ({row['ticks']} ticks)")
    return


if __name__ == "__main__":
    app.run()
