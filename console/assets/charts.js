// Charts from a tree-shaken ECharts. What is drawn is named once here; everything else stays out of the file.
import { BarChart, HeatmapChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, BarChart, HeatmapChart, GridComponent, LegendComponent, TooltipComponent, VisualMapComponent, CanvasRenderer]);

const drawn = new Map();

function tokens() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    colours: [1, 2, 3, 4, 5].map((n) => of(`--chart-${n}`)),
    shades: [0, 1, 2, 3, 4, 5, 6].map((n) => of(`--s${n}`)),
    line: of("--chart-line"),
    text: of("--chart-text"),
    ink: of("--color-base-content"),
    card: of("--color-base-100"),
    size: parseFloat(style.fontSize) * 0.78,
    font: getComputedStyle(document.body).fontFamily,
  };
}

function read(box) {
  const source = document.getElementById(box.dataset.chart);
  return source ? JSON.parse(source.textContent) : null;
}

// {kind: "line"|"bar"|"heat", labels: [], series: [{name, values, area?}], rows?: [] (heat), unit?, stacked?, top?}
function option(data, look) {
  const words = { color: look.text, fontSize: look.size, fontFamily: look.font };
  const base = {
    animation: false,
    color: look.colours,
    textStyle: { fontFamily: look.font },
    grid: { left: 4, right: 12, top: data.series?.length > 1 ? look.size * 2.6 : look.size * 1.2, bottom: 2, containLabel: true },
    tooltip: {
      trigger: data.kind === "heat" ? "item" : "axis", renderMode: "richText", confine: true, backgroundColor: look.card,
      borderColor: look.line, textStyle: { ...words, color: look.ink },
    },
    xAxis: { type: "category", data: data.labels, boundaryGap: data.kind !== "line", axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } }, axisLabel: { ...words, hideOverlap: true } },
    yAxis: { type: "value", minInterval: 1, max: data.top, splitLine: { lineStyle: { color: look.line } }, axisLabel: words },
  };
  if (data.kind === "heat") {
    const values = data.series[0].values; // [[x, y, value]]
    const most = Math.max(1, ...values.map((one) => one[2]));
    return {
      ...base,
      yAxis: { type: "category", data: data.rows, inverse: true, axisTick: { show: false }, axisLine: { show: false }, axisLabel: words },
      visualMap: { min: 0, max: most, show: false, inRange: { color: look.shades } },
      series: [{ type: "heatmap", name: data.series[0].name, data: values, itemStyle: { borderColor: look.card, borderWidth: 2, borderRadius: 4 } }],
    };
  }
  if (data.series.length > 1) base.legend = { top: 0, right: 0, icon: "roundRect", itemHeight: 4, itemWidth: 16, textStyle: words };
  base.series = data.series.map((one) => ({
    name: one.name,
    type: one.kind || data.kind,
    data: one.values,
    stack: data.stacked ? "all" : undefined,
    smooth: data.kind === "line" ? 0.35 : undefined,
    smoothMonotone: "x",
    showSymbol: one.values.length < 2,
    connectNulls: false,
    areaStyle: one.area ? { opacity: 0.13 } : undefined,
    barMaxWidth: 28,
    itemStyle: data.kind === "bar" ? { borderRadius: [4, 4, 0, 0] } : undefined,
  }));
  return base;
}

function draw(box) {
  const data = read(box);
  if (!data) return;
  let chart = drawn.get(box);
  if (!chart) {
    chart = init(box, null, { renderer: "canvas" });
    drawn.set(box, chart);
    watcher.observe(box);
  }
  chart.setOption(option(data, tokens()), true);
}

const watcher = new ResizeObserver((entries) => entries.forEach((entry) => drawn.get(entry.target)?.resize()));

function all() {
  for (const [box, chart] of drawn) {
    if (!box.isConnected) {
      watcher.unobserve(box);
      chart.dispose();
      drawn.delete(box);
    }
  }
  document.querySelectorAll("[data-chart]").forEach(draw);
}

all();
document.addEventListener("htmx:after:swap", all);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["class", "data-theme"] });
