// Charts from a tree-shaken ECharts. What is drawn is named once here; everything else stays out of the file.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, BarChart, GridComponent, LegendComponent, TooltipComponent, CanvasRenderer]);

const drawn = new Map();

function tokens() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return {
    colours: [1, 2, 3, 4, 5].map((n) => of(`--chart-${n}`)),
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

// {kind: "line"|"bar", labels: [], series: [{name, values, area?, kind?}], stacked?}; see console/charts.py.
function option(data, look) {
  const words = { color: look.text, fontSize: look.size, fontFamily: look.font };
  const base = {
    animation: false,
    color: look.colours,
    textStyle: { fontFamily: look.font },
    grid: { left: 4, right: 22, top: data.series?.length > 1 ? look.size * 2.6 : look.size * 1.2, bottom: 2, containLabel: true },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: look.card,
      borderColor: look.line, textStyle: { ...words, color: look.ink },
    },
    xAxis: { type: "category", data: data.labels, boundaryGap: data.kind !== "line", axisTick: { show: false }, axisLine: { lineStyle: { color: look.line } }, axisLabel: { ...words, hideOverlap: true } },
    yAxis: { type: "value", minInterval: 1, splitLine: { lineStyle: { color: look.line } }, axisLabel: words },
  };
  if (data.series.length > 1) base.legend = { top: 0, right: 0, icon: "roundRect", itemHeight: 4, itemWidth: 16, textStyle: words };
  base.series = data.series.map((one) => ({
    name: one.name,
    type: one.kind || data.kind,
    data: one.values,
    stack: data.stacked ? "all" : undefined,
    smooth: data.kind === "line" ? 0.35 : undefined,
    smoothMonotone: "x",
    showSymbol: one.values.filter((value) => value !== null).length < 2,
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
