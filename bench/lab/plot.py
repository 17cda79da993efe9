"""Plots as SVG: dots on a logarithmic line, curves, and figures night by night. Small files, no library."""

import math
from html import escape

COLOURS = {
    "bank sqlite": "#7fb3e6",
    "bank kv": "#2f7ed8",
    "bank redis": "#0b3d91",
    "bank placed as by spin": "#4a4a8f",
    "spin sqlite": "#d7b3f0",
    "spin kv": "#a35bd6",
    "spin redis": "#6a1b9a",
    "fastapi": "#e8833a",
    "flask": "#b0a99f",
    "axum": "#3f9b58",
}
FONT = 'font-family="system-ui, sans-serif"'


def dots(title, subtitle, rows, unit, reference=None):
    """`rows`: a label, then each contestant's figure. A line is drawn at `reference`."""
    left, width, top, step = 210, 780, 96, 46
    values = [value for _, figures in rows for value in figures.values() if value]
    low, high = bounds(values)
    scale = (width - left - 40) / (math.log10(high) - math.log10(low))

    def at(value):
        return left + (math.log10(value) - math.log10(low)) * scale

    height = top + step * len(rows) + 40
    parts = head(width, height, title, subtitle)
    parts += legend([name for name in COLOURS if any(name in figures for _, figures in rows)], 20, 72)
    for tick in ticks(low, high):
        bold = 'stroke="#888"' if tick == reference else 'stroke="#e4e4e4"'
        parts.append(f'<line x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="{top}" y2="{height - 34}" {bold}/>')
        parts.append(text(at(tick), height - 16, f"{tick:g}{unit}", anchor="middle", size=12, colour="#666"))
    for number, (name, figures) in enumerate(rows):
        y = top + step * (number + 0.5)
        parts.append(text(left - 14, y + 5, name, anchor="end", size=14))
        parts.append(f'<line x1="{left}" x2="{width - 40}" y1="{y}" y2="{y}" stroke="#f0f0f0"/>')
        for contestant, value in figures.items():
            if value:
                label = escape(f"{contestant}, {name}: {value:.3g}{unit}")
                dot = f'<circle cx="{at(value):.1f}" cy="{y}" r="7" fill="{COLOURS[contestant]}" fill-opacity=".9">'
                parts.append(f"{dot}<title>{label}</title></circle>")
    return "\n".join([*parts, "</svg>\n"])


def curves(title, subtitle, panels):
    """`panels`: a caption and, by name, points. x is logarithmic, y begins at zero."""
    width, height, top = 760, 360, 110
    parts = head(width, height, title, subtitle)
    names = sorted({name for _, lines in panels for name in lines})
    parts += legend(names, 20, 72)
    each = (width - 20) / len(panels)
    for number, (caption, lines) in enumerate(panels):
        left, right, bottom = 64 + number * each, (number + 1) * each - 10, height - 50
        xs = [x for points in lines.values() for x, _ in points]
        highest = 1.25 * max(y for points in lines.values() for _, y in points)
        low, high = math.log10(min(xs)), math.log10(max(xs))
        for part in range(5):
            y = bottom - (bottom - top) * part / 4
            parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
            parts.append(
                text(left - 6, y + 4, f"{highest * part / 4:.2g}", anchor="end", size=12, colour="#666")
            )
        for x in sorted(set(xs)):
            place = left + (right - left) * (math.log10(x) - low) / (high - low)
            parts.append(text(place, bottom + 18, power(x), anchor="middle", size=12, colour="#666"))
        parts.append(text((left + right) / 2, height - 10, caption, anchor="middle", size=13))
        for name, points in lines.items():
            places = [
                (
                    left + (right - left) * (math.log10(x) - low) / (high - low),
                    bottom - (bottom - top) * y / highest,
                )
                for x, y in points
            ]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{COLOURS[name]}" stroke-width="2.5"/>'
            )
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[name]}"/>' for x, y in places]
    return "\n".join([*parts, "</svg>\n"])


def loglog(title, subtitle, lines, caption):
    """`lines`: by name, a colour, whether it is an estimate (dashed, not in the legend), and points. Both axes are logarithmic."""
    width, height, top, left = 780, 420, 110, 80
    right, bottom = width - 30, height - 60
    parts = head(width, height, title, subtitle)
    points = [point for _, _, points in lines.values() for point in points]
    reach = [[math.floor(math.log10(min(axis))), math.ceil(math.log10(max(axis)))] for axis in zip(*points)]

    def at(value, axis, begin, end):
        low, high = reach[axis]
        return begin + (math.log10(value) - low) / (high - low) * (end - begin)

    for exponent in range(reach[0][0], reach[0][1] + 1):
        x = at(10**exponent, 0, left, right)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="#e4e4e4"/>')
        parts.append(text(x, bottom + 20, f"{10**exponent:,}", anchor="middle", size=12, colour="#666"))
    for exponent in range(reach[1][0], reach[1][1] + 1):
        y = at(10**exponent, 1, bottom, top)
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(text(left - 8, y + 4, f"{10.0**exponent:,g}", anchor="end", size=12, colour="#666"))
    parts.append(text((left + right) / 2, height - 14, caption, anchor="middle", size=13))
    x = 20
    for name, (colour, is_estimate, points) in lines.items():
        dash = ' stroke-dasharray="6 5"' if is_estimate else ""
        places = [(at(px, 0, left, right), at(py, 1, bottom, top)) for px, py in points]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>')
        if is_estimate:
            continue
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}"/>' for px, py in places]
        parts.append(f'<line x1="{x}" x2="{x + 22}" y1="76" y2="76" stroke="{colour}" stroke-width="3"/>')
        parts.append(text(x + 28, 80, name, size=13))
        x += 52 + 7.2 * len(name)
    return "\n".join([*parts, "</svg>\n"])


def nights(title, subtitle, names, lines, unit):
    """`names`: one for each night; `lines`: by name, a figure or None for each night. Both axes are linear, and y begins at zero."""
    width, height, top, left = 780, 420, 116, 60
    right, bottom = width - 30, height - 40
    parts = head(width, height, title, subtitle)
    highest = 1.1 * max(figure for figures in lines.values() for figure in figures if figure)
    step = (right - left) / max(len(names) - 1, 1)
    for part in range(5):
        y = bottom - (bottom - top) * part / 4
        parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        label = f"{highest * part / 4:.2g}{unit}"
        parts.append(text(left - 6, y + 4, label, anchor="end", size=12, colour="#666"))
    for number in sorted({0, len(names) - 1}):
        anchor = "end" if number else "start"
        parts.append(text(left + number * step, bottom + 20, names[number], anchor=anchor, size=12, colour="#666"))
    for number, (name, figures) in enumerate(lines.items()):
        colour, x, y = list(COLOURS.values())[number % len(COLOURS)], 20 + 190 * (number % 4), 72 + 20 * (number // 4)
        parts.append(f'<circle cx="{x + 6}" cy="{y}" r="6" fill="{colour}"/>')
        parts.append(text(x + 17, y + 4, name, size=13))
        places = [
            (left + at * step, bottom - (bottom - top) * figure / highest, names[at], figure)
            for at, figure in enumerate(figures)
            if figure
        ]
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py, _, _ in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for px, py, night, figure in places:
            label = escape(f"{night}, {name}: {figure:.3g}{unit}")
            parts.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"><title>{label}</title></circle>')
    return "\n".join([*parts, "</svg>\n"])


def bounds(values):
    """The range from the smallest to the largest, with a margin."""
    return min(values) / 1.25, max(values) * 1.25


def ticks(low, high):
    steps = [base * 10.0**power for power in range(-4, 7) for base in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def power(x):
    exponent = round(math.log10(x))
    return f"{x:g}" if x < 1000 else "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(exponent))


def head(width, height, title, subtitle):
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {FONT} role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#fff" rx="6"/>',
        text(20, 30, title, size=18, weight=600),
        text(20, 50, subtitle, size=13, colour="#555"),
    ]


def legend(names, x, y):
    parts = []
    for name in names:
        parts.append(f'<circle cx="{x + 6}" cy="{y}" r="6" fill="{COLOURS[name]}"/>')
        parts.append(text(x + 17, y + 4, name, size=13))
        x += 34 + 7.2 * len(name)
    return parts


def text(x, y, words, *, anchor="start", size=14, colour="#222", weight=400):
    style = f'font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(words)}</text>'
