// The plot of the last minute, drawn as in docs/outages.svg: the times of answers above, their number below.

const SVG = "http://www.w3.org/2000/svg";
const SECONDS = 60;
const LEFT = 46;
const RIGHT = 10;
const TOP = 18;
const GAP = 12;
const FOOT = 18;
// Times from 1 ms to 1 s, by powers of ten.
const POWERS = 3;
// The time within which the bank promises an answer: half a second for storage, and a little more.
const DEADLINE_MS = 600;
// Which answers belong to which layer, by their place in `TryOutcome` (tests/src/demo/steps.rs).
const LAYERS = [["done", [0]], ["none", [1]], ["unknown", [2, 3, 4]]];

// Draws the state, as large as the element is.
export function draw(svg, state) {
  const { clientWidth: width, clientHeight: height } = svg;
  if (!width) return;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const plot = frame(width, height, state);
  svg.replaceChildren(...away(plot, state), ...grid(plot), ...times(plot, state), ...counts(plot, state));
}

// The scales: `x` of a step, `time` and `count` as `y`.
function frame(width, height, state) {
  const end = state.first_step + state.steps.length;
  const begin = end - (SECONDS * 1000) / state.step_ms;
  const inner = width - LEFT - RIGHT;
  const [upper, lower] = [(height - TOP - GAP - FOOT) * 0.55, (height - TOP - GAP - FOOT) * 0.45];
  const most = Math.max(10, ...state.steps.slice(-120).map(({ answers }) => sum(answers)));
  return {
    left: LEFT, right: width - RIGHT, top: TOP, middle: TOP + upper, floor: height - FOOT, begin, most,
    bar: inner / (end - begin),
    perSecond: (most * 1000) / state.step_ms,
    x: (step) => LEFT + (Math.min(Math.max(step, begin), end) - begin) * (inner / (end - begin)),
    time: (us) => TOP + upper * (1 - Math.min(Math.max(Math.log10(us / 1000), 0), POWERS) / POWERS),
    count: (count) => height - FOOT - (lower * count) / most,
  };
}

function away(plot, { outages, at_ms: now, step_ms: step }) {
  return outages.flatMap(({ began_ms: began, ended_ms: ended, words, moved }) => {
    const [from, to] = [plot.x(began / step), plot.x((ended ?? now) / step)];
    if (to <= plot.left) return [];
    const label = to - from > 40 || ended === null ? [text("why", Math.min(from + 3, plot.right - 90), plot.top - 5, moved && ended !== null ? "Slot" : words)] : [];
    return [node("rect", { class: "away", x: from, y: plot.top, width: Math.max(to - from, 1), height: plot.floor - plot.top }), ...label];
  });
}

function grid(plot) {
  const lines = [];
  for (const [ms, name] of [[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1000, "1 s"]]) {
    const y = plot.time(ms * 1000);
    lines.push(path("grid", `M${plot.left} ${y}H${plot.right}`), text("", plot.left - 5, y + 4, name, "end"));
  }
  const deadline = plot.time(DEADLINE_MS * 1000);
  lines.push(path("deadline", `M${plot.left} ${deadline}H${plot.right}`));
  lines.push(path("grid", `M${plot.left} ${plot.floor}H${plot.right}`), text("", plot.left - 5, plot.floor + 1, "0", "end"));
  lines.push(text("", plot.left - 5, plot.count(plot.most) + 8, `${Math.round(plot.perSecond)}/s`, "end"));
  for (const ago of [60, 40, 20, 0]) {
    const x = plot.left + (plot.right - plot.left) * (1 - ago / SECONDS);
    lines.push(text("", x, plot.floor + 14, ago ? `${ago} s ago` : "now", ago === 60 ? "start" : ago ? "middle" : "end"));
  }
  return lines;
}

function times(plot, state) {
  const seen = visible(plot, state).filter(([, step]) => step.median_us !== null);
  const middle = ([number]) => (plot.x(number) + plot.bar / 2).toFixed(1);
  const line = seen.map((step) => `${middle(step)} ${plot.time(step[1].median_us).toFixed(1)}`).join("L");
  const dots = seen.map((step) => `M${middle(step)} ${(plot.time(step[1].slowest_us) - 1.5).toFixed(1)}h1.5v3h-3v-3z`).join("");
  return [path("slowest", dots), path("median", line && `M${line}`)];
}

function counts(plot, state) {
  const steps = visible(plot, state);
  const below = steps.map(() => 0);
  return LAYERS.map(([name, kinds]) => {
    const bars = steps.map(([number, { answers }], index) => {
      const from = below[index];
      below[index] += sum(kinds.map((kind) => answers[kind]));
      if (below[index] === from) return "";
      return `M${plot.x(number).toFixed(1)} ${plot.count(from).toFixed(1)}V${plot.count(below[index]).toFixed(1)}h${plot.bar.toFixed(1)}V${plot.count(from).toFixed(1)}z`;
    });
    return path(name, bars.join(""));
  });
}

// The steps of the last minute, each with its number.
function visible(plot, { first_step: first, steps }) {
  return steps.map((step, index) => [first + index, step]).filter(([number]) => number >= plot.begin);
}

const sum = (counts) => counts.reduce((all, count) => all + count, 0);

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const path = (name, d) => node("path", { class: name, d });

function text(name, x, y, words, anchor = "start") {
  const made = node("text", { class: name, x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}
