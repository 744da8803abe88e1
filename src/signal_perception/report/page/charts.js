// Charts: each is drawn as SVG when it comes into sight, and all before the page is printed.

const AXIS = "var(--quiet)";
const GRID = "var(--line)";
const INK = "var(--ink)";
// Where a specification says nothing of its own. Colours are variables, so that dark mode and print
// need no drawing anew.
const LOOK = {
  background: "transparent",
  font: "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif",
  axis: {
    labelColor: INK, titleColor: INK, gridColor: GRID, domainColor: AXIS, tickColor: AXIS,
    labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
  },
  legend: { labelColor: INK, titleColor: INK, labelFontSize: 12, titleFontSize: 12, labelLimit: 0 },
  title: { color: INK, subtitleColor: INK, fontSize: 13, fontWeight: "normal" },
  header: { labelColor: INK, titleColor: INK, labelFontSize: 12 },
  text: { color: INK },
  rule: { color: INK },
  view: { stroke: "transparent" },
};
const MARGIN = "600px";
// Of what Vega says, errors alone go to the console.
const ERRORS = 1;
// Axes and legends are within the width.
const FITS = { type: "fit-x", contains: "padding" };
// Pixels below which a chart is no longer made narrower but scrolled.
const LEAST_WIDTH = 300;

const drawn = new Map();

const charts = () => [...document.querySelectorAll("figure.chart")];

// The page's JSON of a chart: csv, types, spec.
function contentOf(figure) {
  return JSON.parse(figure.querySelector("script").textContent);
}

// Pixels that a chart may take; of one in a closed part, those of the page.
function roomOf(figure) {
  const own = figure.querySelector(".canvas").clientWidth;
  return Math.max(own || document.querySelector("main").clientWidth, LEAST_WIDTH);
}

const fills = (spec) => spec.width === "container";

// A specification with its data, and with the width that there is. It is told in pixels, since Vega
// would measure it for itself whenever the window changes, in closed parts too.
function complete(figure, { csv, types, spec }) {
  const whole = { ...spec, datasets: { table: csvRecords(csv, types) } };
  if (!fills(spec)) return whole;
  return { ...whole, width: roomOf(figure) };
}

async function drawNow(figure) {
  const content = contentOf(figure);
  const { view } = await vegaEmbed(figure.querySelector(".canvas"), complete(figure, content), {
    renderer: "svg",
    actions: false,
    // No code is made from text: the page's policy forbids it.
    ast: true,
    logLevel: ERRORS,
    // Said to Vega, not to Vega-Lite, which warns of a height in steps though the width alone fits.
    patch: (vega) => (fills(content.spec) ? { ...vega, autosize: FITS } : vega),
    config: LOOK,
    bind: figure.querySelector(".inputs"),
  });
  const chart = { view, fills: fills(content.spec) };
  await measure(view);
  figure.classList.add("drawn");
  return chart;
}

// Measure the height anew: how many lines a legend has is known after the width alone.
const measure = (view) => view.resize().runAsync();

// Give a chart the width that there is now.
async function fit(figure, { view, fills }) {
  if (!fills) return;
  await measure(view.width(roomOf(figure)));
  await measure(view);
}

// The chart of a figure, a promise; drawn at the first call.
function draw(figure) {
  if (!drawn.has(figure)) {
    drawn.set(figure, drawNow(figure).catch((error) => {
      figure.querySelector(".canvas").textContent = `This chart cannot be drawn: ${error.message}`;
      throw error;
    }));
  }
  return drawn.get(figure);
}

const drawAll = () => Promise.all(charts().map(draw));

// Draw what comes into sight.
function watchCharts() {
  const watcher = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      draw(target);
    }
  }, { rootMargin: MARGIN });
  charts().forEach((figure) => watcher.observe(figure));
}

// Draw the others, one at a time, while nothing else is to be done, so that a page that is printed
// is complete.
async function drawWhenIdle() {
  const idle = window.requestIdleCallback ?? ((then) => setTimeout(then, 200));
  for (const figure of charts()) {
    await new Promise((then) => idle(then));
    await draw(figure);
  }
}

function watchWidth() {
  let last = document.querySelector("main").clientWidth;
  new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - last) < 2) return;
    last = entry.contentRect.width;
    drawn.forEach(async (chart, figure) => fit(figure, await chart));
  }).observe(document.querySelector("main"));
}

// SVG for a file: colours as they are on paper, instead of the page's variables.
function standalone(svg) {
  const style = getComputedStyle(document.documentElement);
  return svg.replace(/var\(--(c-)?([\w]+)\)/g, (_, colour, name) =>
    colour ? `#${name}` : style.getPropertyValue(`--paper-${name}`).trim()
  );
}

// The buttons of a chart.
function connectChart(figure) {
  const name = figure.id;
  figure.querySelector("button.csv").addEventListener("click", () =>
    download(`${name}.csv`, "text/csv", contentOf(figure).csv)
  );
  figure.querySelector("button.svg").addEventListener("click", async () => {
    const { view } = await draw(figure);
    download(`${name}.svg`, "image/svg+xml", standalone(await view.toSVG()));
  });
}
