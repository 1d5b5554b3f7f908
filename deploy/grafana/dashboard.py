"""Make ``dashboard.json`` of `panels`: ``python -m deploy.grafana.dashboard`` (it needs the extra ``dashboard``)."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import common, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus as queries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, VisibilityMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.layout import placed
from deploy.grafana.panels import Panel, Query

FILE: Final = Path(__file__).with_name("dashboard.json")

_SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

_Builder = stat.Panel | timeseries.Panel | statetimeline.Panel | table.Panel


def make() -> str:
    """The text of the file."""
    board = (
        builders.Dashboard("tickgate")
        .uid("tickgate")
        .description("Are prices fresh, for whom not, and why. docs/runbook.md has a section for each alert.")
        .tags(["tickgate"])
        .refresh("5s")
        .time("now-15m", "now")
        .timezone("browser")
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(builders.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    for number, place in enumerate(placed(), 1):
        position = models.GridPos(h=place.height, w=place.width, x=place.x, y=place.y)
        if isinstance(place.what, str):
            board.with_row(builders.Row(place.what).id(number).grid_pos(position))
        else:
            board.with_panel(_panel(place.what).id(number).grid_pos(position))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def _panel(panel: Panel) -> _Builder:
    builder = _kind(panel).title(panel.title).description(panel.description).datasource(_SOURCE)
    for index, query in enumerate(panel.queries):
        builder.with_target(_target(query, chr(ord("A") + index), now=panel.kind in ("stat", "table")))
    if panel.unit:
        builder.unit(panel.unit)
    if panel.words is not None:
        bad, good = panel.words
        options = {
            "0": models.ValueMappingResult(text=bad, color="red", index=0),
            "1": models.ValueMappingResult(text=good, color="green", index=1),
        }
        builder.mappings([models.ValueMap(options=options)])
    steps = [models.Threshold(value=None, color="green")]
    if panel.warn is not None:
        steps.append(models.Threshold(value=panel.warn, color="yellow"))
    if panel.bad is not None:
        steps.append(models.Threshold(value=panel.bad, color="red"))
    return builder.thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))


def _kind(panel: Panel) -> _Builder:
    match panel.kind:
        case "stat":
            return stat.Panel()
        case "series":
            legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
            return timeseries.Panel().legend(legend.show_legend(True)).min(0)
        case "timeline":
            hidden = common.VizLegendOptions().show_legend(False)
            return statetimeline.Panel().merge_values(True).show_value(VisibilityMode.NEVER).per_page(20).legend(hidden)
        case "table":
            names = {"Time": True, "Value": True, "__name__": True, "job": False}
            organised = models.DataTransformerConfig(id_val="organize", options={"excludeByName": names})
            return table.Panel().with_transformation(organised)


def _target(query: Query, ref: str, *, now: bool) -> queries.Dataquery:
    target = queries.Dataquery().ref_id(ref).expr(query.expr).datasource(_SOURCE)
    if now:
        target.instant()
    else:
        target.range()
    if query.legend:
        return target.legend_format(query.legend)
    return target.format(PromQueryFormat.TABLE)


if __name__ == "__main__":
    FILE.write_text(make(), encoding="utf-8")
