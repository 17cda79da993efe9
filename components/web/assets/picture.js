// How a rate moved, as a line: inline SVG, drawn with attributes alone, since the page's policy allows no styles.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 32;

// The points of a currency: time (ms) and value, without gaps.
export function points(history, code) {
  const column = history?.values[code] ?? [];
  const all = column.map((value, index) => [Date.parse(history.at[index]), Number(value)]);
  return all.filter((_, index) => column[index] !== null);
}

// By how much it moved since the first point: 0.01 is one percent. A float: for pictures, not for money.
export function change(points) {
  return points.length > 1 ? points.at(-1)[1] / points[0][1] - 1 : null;
}

export function changeText(share) {
  const percent = Math.abs(share * 100).toFixed(2);
  if (share === null || percent === "0.00") return "± 0.00 %";
  return `${share > 0 ? "▲" : "▼"} ${percent} %`;
}

export const direction = (share) => (share === null || Math.abs(share) < 0.00005 ? "" : share > 0 ? "up" : "down");

// A picture that `draw` fills. Until then it is empty, and has its final size.
export function picture() {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "picture" })) svg.setAttribute(name, value);
  for (const name of ["area", "stroke"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    svg.append(path);
  }
  return svg;
}

export function draw(svg, points) {
  const [area, stroke] = svg.children;
  const line = trace(points);
  stroke.setAttribute("d", line);
  area.setAttribute("d", line && `${line}V${HEIGHT}H0Z`);
}

function trace(points) {
  if (points.length === 0) return "";
  const [times, values] = [points.map(([time]) => time), points.map(([, value]) => value)];
  const [begin, end, low, high] = [times[0], times.at(-1), Math.min(...values), Math.max(...values)];
  // A span of at least a hundredth of a percent: smaller changes are drawn almost flat.
  const span = Math.max(high - low, high * 0.0001);
  const middle = (high + low) / 2;
  const x = (time) => (end === begin ? 0 : ((time - begin) / (end - begin)) * WIDTH);
  const y = (value) => HEIGHT / 2 - ((value - middle) / span) * (HEIGHT - 6);
  const steps = points.map(([time, value]) => `${x(time).toFixed(2)} ${y(value).toFixed(2)}`);
  return `M${steps.join("L")}${points.length === 1 ? `H${WIDTH}` : ""}`;
}
