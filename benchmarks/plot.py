"""A small plot as SVG: one line per name, both axes labelled, the vertical one logarithmic."""

from __future__ import annotations

import math
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 640, 340, 70, 50, 20, 160
COLOURS = ("#0b62a8", "#b3420a", "#4b7d1f", "#7a3e9d")
Points = list[tuple[int, int]]


def plot(lines: dict[str, Points], across: str, up: str) -> str:
    points = [p for line in lines.values() for p in line if p[1] > 0]
    if not points:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>\n'
    low, high = min(p[0] for p in points), max(p[0] for p in points)
    decades = range(
        math.floor(math.log10(min(p[1] for p in points))),
        math.ceil(math.log10(max(p[1] for p in points))) + 1,
    )

    def x(value: int) -> float:
        return LEFT + (value - low) / max(1, high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        share = (math.log10(value) - decades[0]) / max(1, decades[-1] - decades[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13" role="img">',
        f"<title>{escape(up)} against {escape(across)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for decade in decades:
        at = y(10**decade)
        out.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10**decade:,}</text>')
    out += [
        f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{value}</text>'
        for value in range(low, high + 1)
    ]
    for (name, line), colour in zip(lines.items(), COLOURS, strict=False):
        if line:
            path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line)
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            out += [f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="{colour}"/>' for a, b in line]
            last = line[-1]
            out.append(
                f'<text x="{x(last[0]) + 8:.1f}" y="{y(last[1]) + 4:.1f}" fill="{colour}">{escape(name)}</text>'
            )
    out.append(
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(across)}</text>'
    )
    out.append(
        f'<text transform="translate(14 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>'
    )
    return "\n".join([*out, "</svg>"]) + "\n"
